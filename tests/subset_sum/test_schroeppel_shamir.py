"""Schroeppel and Shamir's four lists: against brute force, a textbook twin with two heaps and meet in the middle."""

from __future__ import annotations

import heapq
import signal
import threading
from collections.abc import Iterator
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import LimitError
from slt.subset_sum import Problem, Status, memory
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.schroeppel_shamir import _Best, _sides, memory_needed, schroeppel_shamir
from slt.weights import Key, Uniform
from tests.subset_sum.conformance import assert_consistent, assert_equal, random_batch

Keyed = tuple[int, tuple[int, int]]  # a sum and its key: (items, mask)


def quarter(items: list[int], start: int) -> list[Keyed]:
    sums = {0: (0, 0)}
    for k in range(start, len(items), 4):
        for value, (size, mask) in list(sums.items()):
            key = (size + 1, mask | 1 << k)
            sums[value + items[k]] = min(sums.get(value + items[k], key), key)
    return sorted(sums.items())


def in_order(first: list[Keyed], second: list[Keyed], sign: int) -> Iterator[Keyed]:
    """The distinct sums of two quarters, ascending for sign 1, with their smallest keys; one heap, as in the paper."""
    second = second[::sign]
    heap = [(sign * (x + second[0][0]), i, 0) for i, (x, _) in enumerate(first)]
    heapq.heapify(heap)
    last: Keyed | None = None
    while heap:
        value, i, j = heap[0]
        if j + 1 < len(second):
            heapq.heapreplace(heap, (sign * (first[i][0] + second[j + 1][0]), i, j + 1))
        else:
            heapq.heappop(heap)
        (size, mask), (more, others) = first[i][1], second[j][1]
        key = (size + more, mask + others)
        if last is not None and last[0] == sign * value:
            last = (last[0], min(last[1], key))
            continue
        if last is not None:
            yield last
        last = (sign * value, key)
    if last is not None:
        yield last


def two_heaps(items: list[int], target: int) -> tuple[int, int, int]:
    """The plain twin: (error, items, mask) of the optimum, in Python integers."""
    low = in_order(quarter(items, 0), quarter(items, 1), 1)
    high = in_order(quarter(items, 2), quarter(items, 3), -1)
    a, b = next(low, None), next(high, None)
    best = (abs(target), 0, 0)
    while a is not None and b is not None:
        difference = a[0] + b[0] - target
        best = min(best, (abs(difference), a[1][0] + b[1][0], a[1][1] + b[1][1]))
        if difference < 0:
            a = next(low, None)
        else:
            b = next(high, None)
    return best


def assert_twin(items: np.ndarray, target: int) -> None:
    result = schroeppel_shamir(Problem.of(items, [target]))
    mask = sum(1 << int(k) for k in np.flatnonzero(result.mask[0]))
    found = (abs(int(result.residual_lattice[0])), mask.bit_count(), mask)
    assert found == two_heaps(items.tolist(), target), (items.tolist(), target)


def some_items(rng: np.random.Generator, n: int) -> np.ndarray:
    """Items of many scales and kinds, ties and clusters among them."""
    scale = int(rng.choice([1, 3, 50, 1000, 10**5, 2**23, 10**9, 2**45, 2**56]))
    items = rng.integers(-scale, scale + 1, n)
    kinds = [
        items,
        np.abs(items),
        6 * (items // 6),
        np.sign(items) * np.exp(rng.random(n) * np.log(scale + 1)).astype(np.int64),
        rng.choice(items[:3], n),
        scale // 2 + items // 1000,
    ]
    return kinds[rng.integers(len(kinds))]


def test_equals_brute_force_on_random_instances():
    """7,200 instances, a third of them with locked items; not a statistical test: all must agree."""
    rng = np.random.default_rng(20260301)
    for batch in range(120):
        items, targets, usable = random_batch(rng)
        locked = rng.random(items.shape) < 0.2 if rng.random() < 1 / 3 else None
        problem = Problem.of(items, targets, usable, locked=locked)
        result = schroeppel_shamir(problem)
        assert_equal(brute_force(problem), result, f"batch {batch}")
        assert_consistent(result)


@given(st.lists(st.integers(-20, 20), max_size=12), st.integers(-60, 60))
def test_equals_the_twin_on_small_integers(items, target):
    assert_twin(np.array(items, dtype=np.int64), target)


def test_equals_the_twin_on_random_instances():
    rng = np.random.default_rng(3)
    for _ in range(60):
        items = some_items(rng, int(rng.integers(13, 23)))
        assert_twin(items, int(items[rng.random(len(items)) < 0.5].sum()) + int(rng.integers(-3, 4)))


def test_equals_meet_in_the_middle_up_to_40_items():
    """From some 36 items on an instance takes many slices."""
    rng = np.random.default_rng(4)
    for trial in range(200):
        items = some_items(rng, int(rng.integers(23, 41)))
        away = int(rng.choice([3, 10**6, 10**13]))
        target = int(items[rng.random(len(items)) < rng.random()].sum()) + int(rng.integers(-away, away + 1))
        problem = Problem.of(items, [target])
        assert_equal(meet_in_the_middle(problem), schroeppel_shamir(problem), f"trial {trial}")


@given(
    st.lists(st.integers(-30, 30).filter(bool), min_size=1, max_size=10),
    st.integers(-80, 80),
    st.lists(st.integers(-300, 300), max_size=8),
)
def test_it_does_not_matter_where_the_slices_are_cut(items, target, cuts):
    """Nearest pairs may lie on both sides of any cut."""
    a, b = _sides(np.array(items), target)
    start = max(int(a.first[0] + a.second[0]), int(b.first[0] + b.second[0]))
    end = min(int(a.first[-1] + a.second[-1]), int(b.first[-1] + b.second[-1])) + 1
    if start >= end:
        return  # out of reach
    best = _Best(target, int(np.gcd.reduce(items)))
    for stretch in pairwise([start, *sorted({cut for cut in cuts if start < cut < end}), end]):
        best.walk(a, b, *stretch)
    assert best.key == two_heaps(items, target)


def planted(n: int, bits: int, taken: int, seed: int) -> tuple[Problem, np.ndarray]:
    rng = np.random.default_rng(seed)
    items = rng.integers(-(2**bits), 2**bits, n)
    mask = rng.permutation(n) < taken
    return Problem.of(items, [items[mask].sum()]), mask


def test_planted_solutions_are_found():
    # 2**48 sums spread over 2**60 values: no other one is at the target
    problem, mask = planted(48, 56, 24, seed=1)
    result = schroeppel_shamir(problem)
    assert result.residual_lattice[0] == 0 and np.array_equal(result.mask[0], mask)
    problem, mask = planted(56, 56, 28, seed=2)
    result = schroeppel_shamir(problem)
    assert result.residual_lattice[0] == 0 and result.mask.sum() <= 28
    assert result.status.tolist() == [Status.OPTIMAL]


def test_of_many_exact_solutions_the_one_with_fewest_items_is_found():
    """2**48 sums on 2**28 values: two items of few make the target, a planted pair among 48."""
    problem, mask = planted(48, 23, 2, seed=3)
    result = schroeppel_shamir(problem)
    assert np.array_equal(result.mask[0], mask)


def test_ties_that_cannot_be_exact():
    """Odd multiples of half the greatest common divisor: the error is known beforehand, the ties are many."""
    items = 2**20 * np.random.default_rng(6).integers(-(2**10), 2**10, 40)
    problem = Problem.of(items, [3 * 2**25 + 2**19])
    result = schroeppel_shamir(problem)
    assert abs(int(result.residual_lattice[0])) == 2**19
    assert_equal(meet_in_the_middle(problem), result)


@pytest.mark.parametrize("value", [0, 1, -7, 2**55])
def test_64_equal_items(value):
    for target in (value * 21, value * 64, 0, value * 40 + value // 3):
        result = schroeppel_shamir(Problem.of(np.full(64, value), [target]))
        errors = [abs(k * value - target) for k in range(65)]
        taken = errors.index(min(errors))
        assert result.mask[0].tolist() == [True] * taken + [False] * (64 - taken)


@pytest.mark.parametrize("target", [5, 10**6, -(10**7), 123_456_789])
def test_60_items_of_two_values(target):
    x, y = 12_345, -998_877
    items = np.where(np.random.default_rng(7).random(60) < 0.5, x, y)
    result = schroeppel_shamir(Problem.of(items, [target]))
    of_x, of_y = int((items == x).sum()), int((items == y).sum())
    best = min((abs(i * x + j * y - target), i + j) for i in range(of_x + 1) for j in range(of_y + 1))
    assert (abs(int(result.residual_lattice[0])), int(result.mask.sum())) == best
    for value in (x, y):  # the smallest mask: the first of each value
        taken = result.mask[0][items == value]
        assert taken[: taken.sum()].all()


@pytest.mark.parametrize("sign", [1, -1])
def test_powers_of_two_in_any_order(sign):
    """Every sum is met once: 2**60 of them, but few values that both sides reach."""
    rng = np.random.default_rng(8)
    items = sign * rng.permutation(2 ** np.arange(60))
    target = sign * int(rng.integers(2**60))
    result = schroeppel_shamir(Problem.of(items, [target]))
    assert result.residual_lattice[0] == 0
    assert np.array_equal(result.mask[0], (abs(target) & np.abs(items)) > 0)


def test_a_batch_with_its_own_usable_and_locked_items():
    rng = np.random.default_rng(9)
    items = rng.integers(-(10**9), 10**9, (4, 70))
    usable = rng.random((4, 70)) < 0.4
    locked = rng.random((4, 70)) < 0.1
    targets = rng.integers(-(10**9), 10**9, 4)
    problem = Problem.of(items, targets, usable, locked=locked)
    result = schroeppel_shamir(problem)
    assert_equal(meet_in_the_middle(problem), result)
    assert_consistent(result)
    assert result.mask[locked].all() and not result.mask[~usable & ~locked].any()


def test_more_than_64_items_are_refused_unless_out_of_reach():
    items = np.arange(1, 66)
    with pytest.raises(LimitError, match=r"at most 64 usable items; 1 of 2 .* \(up to 65\).* tolerance="):
        schroeppel_shamir(Problem.of(items, [7, 10**6]))
    assert schroeppel_shamir(Problem.of(items, [10**6])).status.tolist() == [Status.OUT_OF_REACH]
    one_locked = Problem.of(np.full(65, 3), [10], locked=np.arange(65) == 64)
    assert schroeppel_shamir(one_locked).mask.sum() == 3


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    assert memory_needed(56, 2) < 64 * 2**20
    assert memory_needed(64, 1) < 64 * 2**20
    monkeypatch.setattr(memory, "free_memory", lambda: 2**20)
    with pytest.raises(LimitError, match=r"56 items by Schroeppel and Shamir needs .* MiB .* 1 MiB are free"):
        schroeppel_shamir(Problem.of(np.arange(1, 57), [100]))


@pytest.mark.parametrize("scale", [10**3, 2**50])
def test_the_number_of_threads_does_not_matter(scale):
    items = np.random.default_rng(10).integers(-scale, scale, 44)
    problem = Problem.of(items, [scale // 3])
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = schroeppel_shamir(problem)
    finally:
        numba.set_num_threads(before)
    assert_equal(single, schroeppel_shamir(problem))
    assert_equal(single, meet_in_the_middle(problem))


def test_an_interrupt_ends_it_and_leaves_no_thread():
    """64 items take a minute; the interrupt comes after half a second."""
    items = Uniform(52).draw(Key(1) / "items", (1, 1, 64))[0, 0]
    running = set(threading.enumerate())
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        schroeppel_shamir(Problem.of(items, np.array([12345]), lattice=52))
    timer.join()
    assert set(threading.enumerate()) == running
    few = Problem.of(items[:20], np.array([12345]), lattice=52)
    assert_equal(brute_force(few), schroeppel_shamir(few))
