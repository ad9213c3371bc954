"""Counts of subsets against enumeration, with ``==``; and the law of exact solutions (prediction P20)."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.subset_sum import Problem
from slt.subset_sum.counting import count_solutions
from slt.subset_sum.optimum import optimum
from tests.subset_sum.conformance import random_batch

SMALL = st.lists(st.integers(-9, 9), min_size=0, max_size=10)


def ways(items) -> Counter[int]:
    """The plain twin: how many subsets have each sum, in Python integers, one item after the other."""
    counts = Counter({0: 1})
    for x in items:
        more = Counter(counts)
        for value, count in counts.items():
            more[value + int(x)] += count
        counts = more
    return counts


def by_enumeration(problem: Problem, tolerance: float) -> list[int]:
    answers = []
    unit = Fraction(2) ** -problem.exponent
    for i in range(problem.count):
        items = problem.items[i if len(problem.items) > 1 else 0][problem.usable[i if len(problem.usable) > 1 else 0]]
        given_target = int(problem.targets[i]) * unit - Fraction(float(problem.rounding[i]))
        hits = (c for value, c in ways(items).items() if abs(value * unit - given_target) <= Fraction(tolerance))
        answers.append(sum(hits))
    return answers


def test_equals_enumeration_on_random_instances():
    """4,800 counts; not a statistical test: all must agree."""
    rng = np.random.default_rng(7)
    for batch in range(40):
        items, targets, usable = random_batch(rng)
        problem = Problem.of(items[:, :10], targets, None if usable is None else usable[..., :10])
        for tolerance in (0, float(rng.choice([1, 3, 100, 10**7, 2.0**62, 1e300]))):
            counts = count_solutions(problem, tolerance)
            assert counts.dtype == np.int64 and counts.tolist() == by_enumeration(problem, tolerance), batch


def test_the_tolerance_counts_from_the_targets_as_given():
    items = np.array([0.25, 0.5, 1.0])  # lattice 2**-2: every multiple of a quarter up to 1.75, once
    problem = Problem.of(items, [0.7, 0.75, 1 / 3, 0.625, -0.05], lattice=2)
    for tolerance in (0.0, 0.04, 0.05, 0.0500001, 0.1, 0.125, 0.2, 0.25, 0.3, 5.0):
        assert count_solutions(problem, tolerance).tolist() == by_enumeration(problem, tolerance)
    assert count_solutions(problem).tolist() == [0, 1, 0, 0, 0]
    assert count_solutions(problem, 0.125).tolist() == [1, 1, 1, 2, 1]


@pytest.mark.parametrize("n", [1, 13, 44])
def test_equal_items_are_counted_by_binomials(n):
    counts = count_solutions(Problem.of(np.full(n, 3), 3 * np.arange(n + 1)))
    assert counts.tolist() == [math.comb(n, k) for k in range(n + 1)]
    everything = count_solutions(Problem.of(np.full(n, -3), [0]), 1e18)
    assert everything.tolist() == [2**n]
    assert count_solutions(Problem.of(np.zeros(n, dtype=int), [0, 1])).tolist() == [2**n, 0]


@pytest.mark.parametrize("n", [26, 33])
def test_many_small_items(n):
    rng = np.random.default_rng(n)
    items = rng.integers(-20, 21, n)
    exact = ways(items)
    targets = np.arange(-60, 61, 7)
    assert count_solutions(Problem.of(items, targets)).tolist() == [exact[int(t)] for t in targets]
    within = [sum(exact[int(t) + d] for d in range(-9, 10)) for t in targets]
    assert count_solutions(Problem.of(items, targets), 9).tolist() == within


def test_the_edges():
    assert count_solutions(Problem.of(np.zeros((3, 0), dtype=int), [0, 5, -5])).tolist() == [1, 0, 0]
    assert count_solutions(Problem.of(np.zeros((0, 3), dtype=int), np.zeros(0, dtype=int))).shape == (0,)
    assert count_solutions(Problem.of([1, 2], [3, 0], np.zeros(2, dtype=bool))).tolist() == [0, 1]
    big = 2**61
    problem = Problem.of([big - 1, -big], [-1, 0, big - 1, -big])
    assert count_solutions(problem).tolist() == [1, 1, 1, 1]
    assert count_solutions(problem, 1).tolist() == [2, 2, 1, 1]
    assert count_solutions(problem, 1e40).tolist() == [4] * 4
    assert count_solutions(Problem.of([1, 2, 3], [6, 5], locked=np.array([True, False, False]))).tolist() == [1, 0]


@given(SMALL, st.integers(-30, 30), st.integers(0, 5), st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter_and_a_zero_doubles(items, target, tolerance, random):
    count = int(count_solutions(Problem.of(np.array(items, dtype=int), [target]), tolerance)[0])
    shuffled = random.sample(items, len(items))
    assert count == count_solutions(Problem.of(np.array(shuffled, dtype=int), [target]), tolerance)[0]
    turned = [-x for x in items]
    assert count == count_solutions(Problem.of(np.array(turned, dtype=int), [-target]), tolerance)[0]
    assert 2 * count == count_solutions(Problem.of(np.array([*items, 0], dtype=int), [target]), tolerance)[0]


@given(SMALL, st.integers(-30, 30), st.integers(-9, 9))
def test_an_item_is_in_or_out(items, target, item):
    """The count with one item more is the sum of two without it."""
    more = count_solutions(Problem.of(np.array([*items, item], dtype=int), [target]))
    assert more[0] == count_solutions(Problem.of(np.array(items, dtype=int), [target, target - item])).sum()


@given(SMALL, st.integers(-30, 30))
def test_none_within_anything_less_than_the_optimum(items, target):
    problem = Problem.of(np.array(items, dtype=int), [target])
    error = abs(int(optimum(problem).residual_lattice[0]))
    assert count_solutions(problem, error)[0] >= 1
    assert error == 0 or count_solutions(problem, error - 1)[0] == 0


def test_the_number_of_threads_does_not_matter():
    rng = np.random.default_rng(5)
    problem = Problem.of(rng.integers(-50, 51, (300, 12)), rng.integers(-99, 100, 300))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = count_solutions(problem)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(single, count_solutions(problem))


def test_limits(monkeypatch):
    usable = np.array([np.ones(45, dtype=bool), np.arange(45) > 0])
    problem = Problem.of(np.arange(1, 46), [7, 8], usable)
    with pytest.raises(LimitError, match=r"at most 44 usable items; 1 of 2 .* \(up to 45\)"):
        count_solutions(problem)
    monkeypatch.setattr("slt.subset_sum.memory.free_memory", lambda: 2**20)
    with pytest.raises(LimitError, match=r"counting the subset sums of 40 items on 1 threads needs 64 MiB"):
        count_solutions(Problem.of(np.arange(1, 41), [7]))
    assert count_solutions(Problem.of(np.arange(1, 4), [3]))[0] == 2


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), True, "1", None])
def test_the_tolerance_is_checked(tolerance):
    with pytest.raises(InputError, match="a tolerance must be a finite number >= 0"):
        count_solutions(Problem.of([1], [1]), tolerance)


def law(n: int, most: int, targets: np.ndarray) -> float:
    """P20, averaged over targets: E_u[1 - exp(-2**n phi)], phi the normal density of a sum, s**2 = n most**2 / 12."""
    u = np.arange(-10, 10.01, 0.05)
    s = most * math.sqrt(n / 12)
    density = np.exp(-((targets[:, None] / s - u) ** 2) / 2) / (math.sqrt(2 * math.pi) * s)
    weights = np.exp(-u * u / 2) * 0.05 / math.sqrt(2 * math.pi)
    return float(((1 - np.exp(-(2.0**n) * density)) @ weights).mean())


@pytest.mark.parametrize(("n", "bits"), [(10, 8), (10, 9), (10, 10), (10, 11), (14, 13), (14, 14), (14, 15)])
def test_exact_solutions_are_as_frequent_as_the_law_says(n, bits):
    """Items and targets uniform on {-2**bits .. 2**bits}, 20,000 draws a case, level 1e-5 a case (two-sided).

    The law is a heuristic of 0.01 absolute (prediction P20), which is allowed on top.
    """
    draws, most = 20_000, 2**bits
    rng = np.random.default_rng(n * 100 + bits)
    targets = rng.integers(-most, most + 1, draws)
    solved = count_solutions(Problem.of(rng.integers(-most, most + 1, (draws, n)), targets)) > 0
    expected = law(n, most, np.arange(-most, most + 1, max(most // 500, 1)).astype(float))
    spread = 4.42 * math.sqrt(expected * (1 - expected) / draws)
    assert abs(solved.mean() - expected) <= 0.01 + spread


def test_the_mean_count_is_what_the_first_moment_says():
    """E[count] = 2**n phi_s averaged over the items' own spread; 4,000 draws of n = 24, level 1e-5, 2% for the law."""
    n, most, draws = 24, 2**12, 4000
    rng = np.random.default_rng(11)
    counts = count_solutions(Problem.of(rng.integers(-most, most + 1, (draws, n)), np.full(draws, most // 2)))
    u = np.arange(-10, 10.01, 0.05)
    s = most * math.sqrt(n / 12)
    weights = np.exp(-u * u / 2) * 0.05 / math.sqrt(2 * math.pi)
    expected = 2.0**n * float(np.exp(-((most / 2 / s - u) ** 2) / 2) @ weights) / (math.sqrt(2 * math.pi) * s)
    assert abs(counts.mean() / expected - 1) <= 0.02 + 4.42 * counts.std() / counts.mean() / math.sqrt(draws)
