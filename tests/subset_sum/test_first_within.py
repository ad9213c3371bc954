"""The first sum within a tolerance: the same as by growing sorted lists, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from slt.subset_sum import Problem, Status, solve
from slt.subset_sum.first_within import first_within
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from tests.subset_sum.conformance import assert_consistent, assert_equal


@pytest.mark.parametrize("scale", [1, 3, 1000, 2**30, 2**45, 2**57])
def test_equals_meet_in_the_middle_for_mixed_sizes_and_tolerances(scale):
    """Sizes and tolerances change from instance to instance in one chunk: work space and table are reused."""
    rng = np.random.default_rng(scale.bit_length())
    count, n = 1000, 24
    items = rng.integers(-scale, scale + 1, (count, n))
    usable = np.arange(n) < rng.integers(0, n + 1, (count, 1))
    usable &= rng.random((count, n)) < 0.95
    targets = rng.integers(-3 * scale, 3 * scale + 1, count)
    tolerance = (scale * 2.0 ** -rng.uniform(0, 22, count)).astype(np.int64) - (rng.random(count) < 0.05)
    problem = Problem.of(items, targets, usable)
    assert_equal(meet_in_the_middle(problem, tolerance), first_within(problem, tolerance))


@pytest.mark.parametrize("n", [24, 25, 26, 30, 43, 44, 45, 70])
def test_more_items_than_the_work_space_holds(n):
    rng = np.random.default_rng(n)
    items = rng.integers(-(2**50), 2**50, (6, n))
    targets = rng.integers(-(2**50), 2**50, 6)
    for bits in (4, 12, 26):
        tolerance = np.full(6, 2 ** (50 - bits))
        problem = Problem.of(items, targets)
        assert_equal(meet_in_the_middle(problem, tolerance), first_within(problem, tolerance))


def test_prefixes_are_the_shortest():
    """Brute force over prefixes: none shorter has a sum within the tolerance."""
    rng = np.random.default_rng(8)
    items = rng.integers(-(2**40), 2**40, (200, 16))
    targets = rng.integers(-(2**40), 2**40, 200)
    result = first_within(Problem.of(items, targets), np.full(200, 2**32))
    assert_consistent(result)
    for i in range(200):
        sums = np.zeros(1, dtype=np.int64)
        for k in range(17):
            if np.abs(sums - targets[i]).min() <= 2**32:
                break
            if k < 16:
                sums = np.concatenate([sums, sums + items[i, k]])
        if result.status[i] == Status.WITHIN_TOLERANCE:
            assert result.prefix[i] == k
            assert abs(int(result.residual_lattice[i])) == np.abs(sums - targets[i]).min()
        else:
            assert np.abs(sums - targets[i]).min() > 2**32


@pytest.mark.parametrize("tolerance", [0, 1, 5])
def test_exact_hits_among_many_equal_items(tolerance):
    items = np.array([[6] * 20, [0] * 20, [2**40] * 20, [-1] * 20, [1, -1] * 10])
    targets = np.array([60, 0, 7 * 2**40, -13, 3])
    problem = Problem.of(items, targets)
    allowed = np.full(5, tolerance)
    assert_equal(meet_in_the_middle(problem, allowed), first_within(problem, allowed))


@pytest.mark.parametrize("seed", range(4))
def test_beyond_44_items_one_more_never_turns_a_hit_into_a_miss(seed):
    """Targets that 44 items do not reach: items beyond are taken one after the other and the search made again."""
    rng = np.random.default_rng(seed)
    items = rng.uniform(-1, 1, (1, 90))
    high = np.where(items > 0, items, 0).cumsum(axis=1)[0]
    target = high[46] - 0.2
    items = np.rint(items * 2**40) / 2**40
    hit = False
    for n in (44, 46, 47, 48, 49, 50, 53, 58):
        result = solve(items[:, :n], [target], tolerance=1e-3)
        assert_consistent(result)
        now = result.status[0] == Status.WITHIN_TOLERANCE
        assert now or not hit
        hit = bool(now)
    assert hit


@pytest.mark.parametrize("power", [32, 33, 40])
def test_sums_that_differ_by_whole_turns_are_left_to_sorted_lists(power):
    """All pairs meet in the table, whose numbers wrap around at 2**32: too many, so another solver takes over."""
    rng = np.random.default_rng(power)
    items = rng.integers(-8, 9, (20, 30)) * 2**power
    targets = np.full(20, 2 ** (power - 1) + 3)
    problem = Problem.of(items, targets)
    allowed = np.where(np.arange(20) % 2 == 0, 10, 2 ** (power - 1) + 2)
    assert_equal(meet_in_the_middle(problem, allowed), first_within(problem, allowed))
