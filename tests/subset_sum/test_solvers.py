"""Every exact solver against brute force, with ``==``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import LimitError
from slt.subset_sum import Problem, Status, schroeppel_shamir
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.optimum import optimum
from tests.subset_sum.conformance import SOLVERS, assert_consistent, assert_equal, random_batch

solvers = pytest.mark.parametrize("solver", SOLVERS.values(), ids=list(SOLVERS))
SMALL = st.lists(st.integers(-20, 20), min_size=0, max_size=9)


@solvers
def test_equals_brute_force_on_random_instances(solver):
    """14,400 instances (3,600 for some) with the optimum and as many with a tolerance: all must agree."""
    rng = np.random.default_rng(20260101)
    for batch in range(solver.batches):
        items, targets, usable = random_batch(rng)
        problem = Problem.of(items, targets, usable)
        tolerance = rng.integers(-1, 1 + int(rng.choice([1, 3, 100, 10**7])), len(targets))
        for allowed in (None, tolerance):
            result = solver(problem, allowed)
            assert_equal(brute_force(problem, allowed), result, f"batch {batch}, tolerance {allowed is not None}")
            assert_consistent(result)


@solvers
def test_ties_go_to_fewest_items_then_to_the_smallest_mask(solver):
    def mask(items, target):
        return solver(Problem.of(items, [target]), None).mask[0].astype(int).tolist()

    assert mask([1, 2, 3], 3) == [0, 0, 1]  # one item rather than two
    assert mask([2, 1, 1, 2], 2) == [1, 0, 0, 0]  # the smallest mask of those with one item
    assert mask([1, 1, 1, 1], 2) == [1, 1, 0, 0]
    assert mask([5, 0, 0], 5) == [1, 0, 0]
    assert mask([4, 6], 5) == [1, 0]  # errors -1 and +1: equally near, equally many, smaller mask
    assert mask([6, 4], 5) == [1, 0]
    assert mask([3, -3, 7], 0) == [0, 0, 0]  # the empty sum


@solvers
@pytest.mark.parametrize("n", [2, 13, 30, 44])
@pytest.mark.parametrize("value", [0, 1, -7, 2**56])
def test_all_items_equal(solver, n, value):
    targets = np.array([value * (n // 3), value * n, 0, -value, value // 2 + 1])
    result = solver(Problem.of(np.full(n, value), targets), None)
    for i, target in enumerate(targets.tolist()):
        errors = [abs(k * value - target) for k in range(n + 1)]
        taken = errors.index(min(errors))
        assert result.mask[i].tolist() == [True] * taken + [False] * (n - taken)
    assert_consistent(result)


@solvers
@pytest.mark.parametrize("n", [30, 44])
@pytest.mark.parametrize("sign", [1, -1])
def test_all_items_of_one_sign(solver, n, sign):
    """Powers of two, whose subset sums are all the integers there are: the answer is the target's binary form."""
    items = sign * 2 ** np.arange(n)
    rng = np.random.default_rng(n)
    targets = sign * rng.integers(0, 2**n, 2)
    result = solver(Problem.of(np.broadcast_to(items, (2, n)), targets), None)
    assert not result.residual_lattice.any()
    assert np.array_equal(result.mask, (np.abs(targets)[:, None] >> np.arange(n)) & 1 == 1)


@solvers
def test_targets_out_of_reach_are_answered_for_any_number_of_items(solver):
    items = np.array([3, -4, 0, 5] * 20)
    result = solver(Problem.of(items, [161, -81]), None)
    assert result.residual_lattice.tolist() == [-1, 1]
    assert result.status.tolist() == [Status.OUT_OF_REACH] * 2
    assert np.array_equal(result.mask, [items > 0, items < 0])


@solvers
def test_none_and_one_item(solver):
    empty = solver(Problem.of(np.zeros((3, 0), dtype=int), [0, 5, -5]), None)
    assert empty.mask.shape == (3, 0)
    assert empty.residual_lattice.tolist() == [0, -5, 5]
    assert empty.status.tolist() == [Status.NO_ITEMS] * 3
    one = solver(Problem.of([10], [4, 6, 5, 11, -1]), None)
    assert one.mask[:, 0].tolist() == [False, True, False, True, False]
    assert solver(Problem.of(np.zeros((0, 7), dtype=int), np.zeros(0, dtype=int)), None).mask.shape == (0, 7)


@solvers
def test_values_near_the_overflow_limit(solver):
    big = 2**62
    for items, target in [([big - 1, big], 0), ([-big, big - 1], 0), ([big - 1], -big), ([2**60] * 4, 2**62 - 1)]:
        problem = Problem.of(items, [target])
        assert_equal(brute_force(problem), solver(problem, None))
        assert_consistent(solver(problem, None))


@solvers
def test_everything_locked_out(solver):
    result = solver(Problem.of([1, 2, 3], [2, 0], np.zeros(3, dtype=bool)), None)
    assert not result.mask.any() and result.status.tolist() == [Status.NO_ITEMS] * 2


@solvers
@given(SMALL, st.integers(-60, 60), st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter(solver, items, target, random):
    error = abs(int(solver(Problem.of(np.array(items, dtype=int), [target]), None).residual_lattice[0]))
    shuffled = random.sample(items, len(items))
    for other, wanted in ((shuffled, target), ([-x for x in items], -target)):
        again = solver(Problem.of(np.array(other, dtype=int), [wanted]), None)
        assert abs(int(again.residual_lattice[0])) == error


@solvers
@given(SMALL, st.integers(-60, 60), st.integers(-20, 20))
def test_adding_an_item_never_hurts(solver, items, target, item):
    fewer = solver(Problem.of(np.array(items, dtype=int), [target]), None)
    more = solver(Problem.of(np.array([*items, item], dtype=int), [target]), None)
    assert abs(int(more.residual_lattice[0])) <= abs(int(fewer.residual_lattice[0]))


@solvers
@given(SMALL, st.integers(-30, 30), st.integers(0, 10), st.lists(st.integers(-20, 20), max_size=4))
def test_a_prefix_within_the_tolerance_makes_the_rest_irrelevant(solver, items, target, tolerance, rest):
    allowed = np.array([tolerance])
    short = solver(Problem.of(np.array(items, dtype=int), [target]), allowed)
    long = solver(Problem.of(np.array(items + rest, dtype=int), [target]), allowed)
    if short.status[0] == Status.WITHIN_TOLERANCE:
        assert long.prefix[0] == short.prefix[0] <= len(items)
        assert np.array_equal(long.mask[0, : len(items)], short.mask[0]) and not long.mask[0, len(items) :].any()


@solvers
def test_too_many_items_for_the_optimum(solver):
    n = solver.limit + 1
    with pytest.raises(LimitError, match=f"{solver.limit} usable items.* tolerance="):
        solver(Problem.of(np.arange(1, n + 1), [7, 8]), None)
    first = np.arange(n) > 0
    assert solver(Problem.of(np.arange(1, n + 1), [7], first), None).residual_lattice[0] == 0


def test_limits_name_the_solver_that_can():
    problem = Problem.of(np.arange(1, 46), [7, 8])
    for solver in (meet_in_the_middle, optimum):
        with pytest.raises(
            LimitError, match=r"2 of 2 instances have more \(up to 45\).*schroeppel_shamir for up to 64"
        ):
            solver(problem)
    assert not schroeppel_shamir(problem).residual_lattice.any()


@solvers
@pytest.mark.parametrize("n", [45, 64, 65, 300, 5000])
def test_with_a_tolerance_any_number_of_items(solver, n):
    rng = np.random.default_rng(n)
    items = rng.integers(-(2**40), 2**40, (4, n))
    # 90% of what each sign reaches, and two targets in the middle
    reach = np.where(items[:, :, None] * np.array([1, -1]) > 0, items[:, :, None], 0).sum(axis=1)
    targets = np.array([0.9 * reach[0, 0], 0.9 * reach[1, 1], 0.3 * reach[2, 0], 0.0])
    result = solver(Problem.of(items, targets.astype(np.int64)), np.full(4, 2**24))
    assert result.status.tolist() == [Status.WITHIN_TOLERANCE] * 4
    assert np.abs(result.residual_lattice).max() <= 2**24
    assert_consistent(result)


@solvers
def test_with_a_tolerance_that_cannot_be_met(solver):
    """Even items, odd target: the best found is 1 away, and says so."""
    result = solver(Problem.of(np.full((1, 60), 2), [61]), np.array([0]))
    assert abs(int(result.residual_lattice[0])) == 1 and result.status[0] == Status.BEST_FOUND
    assert_consistent(result)


@solvers
def test_the_number_of_threads_does_not_matter(solver):
    import numba

    items = np.random.default_rng(5).integers(-(10**6), 10**6, (3, 500, 12))
    problem = Problem.of(items[0], items[1][:, 0])
    allowed = np.abs(items[2][:, 0]) // 1000
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = [solver(problem, None), solver(problem, allowed)]
    finally:
        numba.set_num_threads(before)
    for a, b in zip(single, [solver(problem, None), solver(problem, allowed)], strict=True):
        assert_equal(a, b)


@solvers
def test_the_second_search_beyond_44_items_says_what_it_found(solver):
    """Out of reach of the first 44 items, in reach of all, but odd: better than the first search, not within 0."""
    items = np.concatenate([np.full(44, 2), np.full(20, 6)])
    result = solver(Problem.of(items, [151]), np.array([0]))
    assert abs(int(result.residual_lattice[0])) == 1 and result.status[0] == Status.BEST_FOUND
    result = solver(Problem.of(items, [150]), np.array([0]))
    assert result.residual_lattice[0] == 0 and result.status[0] == Status.WITHIN_TOLERANCE
    assert_consistent(result)


@solvers
@pytest.mark.parametrize("tolerant", [False, True])
def test_locked_items_are_in_and_the_rest_is_chosen_around_them(solver, tolerant):
    """As solving for the target minus the locked sum, with the locked items taken away."""
    rng = np.random.default_rng(11)
    for _ in range(60):
        items, targets, usable = random_batch(rng)
        shape = items.shape if rng.random() < 0.7 else items.shape[1:]
        locked = rng.random(shape) < 0.3
        problem = Problem.of(items, targets, usable, locked=locked)
        tolerance = rng.integers(0, 50, len(targets)) if tolerant else None
        result = solver(problem, tolerance)
        assert_consistent(result)
        every = np.broadcast_to(locked, items.shape)
        left = np.broadcast_to(True if usable is None else usable, items.shape) & ~every
        alone = solver(Problem.of(items, targets - (items * every).sum(axis=1), left), tolerance)
        assert np.array_equal(result.mask, alone.mask | every)
        assert np.array_equal(result.residual_lattice, alone.residual_lattice)
        assert np.array_equal(result.status, alone.status)
        last = np.where(every, np.arange(1, items.shape[1] + 1), 0).max(axis=1, initial=0)
        assert np.array_equal(result.prefix, np.maximum(alone.prefix, last))


def test_more_memory_than_is_free_is_refused_before_it_is_allocated(monkeypatch):
    from slt.subset_sum import memory

    monkeypatch.setattr(memory, "free_memory", lambda: 2**27)
    problem = Problem.of(np.arange(1, 45), [7])
    with pytest.raises(LimitError, match=r"over 44 items needs 384 MiB .* 128 MiB are free; .*schroeppel_shamir"):
        meet_in_the_middle(problem)
    assert not schroeppel_shamir(problem).residual_lattice.any()
