"""What every exact solver must satisfy: integer equality with brute force, and the algebra of subset sums.

A solver of the package joins by adding itself to ``SOLVERS``, one outside of it by subclassing ``Conformance``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slt.errors import LimitError
from slt.subset_sum import Problem, Result, Status, schroeppel_shamir, torch_batch
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.first_within import first_within
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.optimum import optimum


@dataclass(frozen=True)
class Solver:
    """An exact solver as the suite calls it: the optimum, or with a tolerance ((N,) lattice units) the first within it.

    A solver that knows no tolerance leaves that to meet in the middle. ``limit``: usable items at most; ``batches``:
    how many random batches the suite spends on it.
    """

    exact: Callable[[Problem], Result]
    tolerant: Callable[[Problem, np.ndarray], Result] = meet_in_the_middle
    limit: int = 44
    batches: int = 240

    def __call__(self, problem: Problem, tolerance: np.ndarray | None) -> Result:
        return self.exact(problem) if tolerance is None else self.tolerant(problem, tolerance)


SOLVERS = {
    "meet in the middle": Solver(meet_in_the_middle),
    "fast paths": Solver(optimum, first_within),
    "Schroeppel and Shamir": Solver(schroeppel_shamir, limit=64, batches=60),
    "torch batch": Solver(torch_batch, batches=60),
}


def assert_equal(a: Result, b: Result, context: object = "") -> None:
    """Same masks, residuals, statuses and prefixes, to the bit."""
    for name in ("mask", "residual_lattice", "status", "prefix"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype and x.shape == y.shape
        if not np.array_equal(x, y):
            i = int(np.flatnonzero((x != y).reshape(len(x), -1).any(axis=1))[0])
            p = a.problem
            raise AssertionError(
                f"{name} of instance {i} differs: {x[i]} and {y[i]}; items {p.items[min(i, len(p.items) - 1)]}, "
                f"usable {p.usable[min(i, len(p.usable) - 1)]}, target {p.targets[i]} {context}"
            )


def assert_consistent(result: Result) -> None:
    """The residual is the sum taken minus the target, and locked-out items stay out; in Python integers."""
    p = result.problem
    for i in range(p.count):
        items = p.items[i if len(p.items) > 1 else 0]
        usable = p.usable[i if len(p.usable) > 1 else 0]
        locked = np.zeros(p.n, dtype=bool) if p.locked is None else p.locked[i if len(p.locked) > 1 else 0]
        assert not np.any(result.mask[i] & ~usable & ~locked)
        assert result.mask[i][locked].all()
        taken = items[result.mask[i] & ~locked]
        assert sum(int(x) for x in taken) - int(p.targets[i]) == int(result.residual_lattice[i])


def random_batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Items, targets and locks of one random batch: many sizes, many degeneracies."""
    n, count = int(rng.integers(0, 15)), 60
    scale = int(rng.choice([1, 2, 5, 30, 1000, 10**9, 2**58]))
    items = rng.integers(-scale, scale + 1, (count, n))
    kind = rng.integers(6)
    if kind == 0:
        items = np.abs(items)
    elif kind == 1:
        items = -np.abs(items)
    elif kind == 2 and n:
        items = np.broadcast_to(items[:, :1], items.shape).copy()
    reach = min(max(n, 1) * scale, 2**62) if scale < 2**58 else 2**58
    targets = rng.integers(-reach, reach + 1, count)
    if kind == 3 and n:  # reachable exactly
        targets = (items * (rng.random(items.shape) < 0.5)).sum(axis=1)
    usable = rng.random((count, n)) < 0.8 if rng.random() < 0.5 else None
    if usable is not None and rng.random() < 0.3:
        usable = usable[0]
    return items, targets, usable


# the solver is the same for all examples, and every subclass runs the same test
INHERITED = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors, HealthCheck.function_scoped_fixture]
)
SMALL = st.lists(st.integers(-20, 20), min_size=0, max_size=9)


def _within_limit(solver: Solver, n: int) -> None:
    if n > solver.limit:
        pytest.skip(f"this solver takes {solver.limit} usable items")


class Conformance:
    """Fill in ``exact_solver``."""

    def exact_solver(self) -> Solver:
        raise NotImplementedError

    @pytest.fixture
    def solver(self) -> Solver:
        return self.exact_solver()

    def test_equals_brute_force_on_random_instances(self, solver: Solver) -> None:
        """60 instances a batch with the optimum and as many with a tolerance: all must agree."""
        rng = np.random.default_rng(20260101)
        for batch in range(solver.batches):
            items, targets, usable = random_batch(rng)
            problem = Problem.of(items, targets, usable)
            tolerance = rng.integers(-1, 1 + int(rng.choice([1, 3, 100, 10**7])), len(targets))
            for allowed in (None, tolerance):
                result = solver(problem, allowed)
                assert_equal(brute_force(problem, allowed), result, f"batch {batch}, tolerance {allowed is not None}")
                assert_consistent(result)

    @pytest.mark.parametrize("n", [16, 20, 24])
    def test_equals_meet_in_the_middle_beyond_brute_force(self, solver: Solver, n: int) -> None:
        """What is exact for few items and greedy for more would pass everything else."""
        _within_limit(solver, n)
        rng = np.random.default_rng(n)
        problem = Problem.of(rng.integers(-(2**40), 2**40, (6, n)), rng.integers(-(2**40), 2**40, 6))
        assert_equal(solver(problem, None), meet_in_the_middle(problem))

    def test_ties_go_to_fewest_items_then_to_the_smallest_mask(self, solver: Solver) -> None:
        def mask(items, target):
            return solver(Problem.of(items, [target]), None).mask[0].astype(int).tolist()

        assert mask([1, 2, 3], 3) == [0, 0, 1]  # one item rather than two
        assert mask([2, 1, 1, 2], 2) == [1, 0, 0, 0]  # the smallest mask of those with one item
        assert mask([1, 1, 1, 1], 2) == [1, 1, 0, 0]
        assert mask([5, 0, 0], 5) == [1, 0, 0]
        assert mask([4, 6], 5) == [1, 0]  # errors -1 and +1: equally near, equally many, smaller mask
        assert mask([6, 4], 5) == [1, 0]
        assert mask([3, -3, 7], 0) == [0, 0, 0]  # the empty sum

    @pytest.mark.parametrize("n", [2, 13, 30, 44])
    @pytest.mark.parametrize("value", [0, 1, -7, 2**56])
    def test_all_items_equal(self, solver: Solver, n: int, value: int) -> None:
        _within_limit(solver, n)
        targets = np.array([value * (n // 3), value * n, 0, -value, value // 2 + 1])
        result = solver(Problem.of(np.full(n, value), targets), None)
        for i, target in enumerate(targets.tolist()):
            errors = [abs(k * value - target) for k in range(n + 1)]
            taken = errors.index(min(errors))
            assert result.mask[i].tolist() == [True] * taken + [False] * (n - taken)
        assert_consistent(result)

    @pytest.mark.parametrize("n", [30, 44])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_all_items_of_one_sign(self, solver: Solver, n: int, sign: int) -> None:
        """Powers of two, whose subset sums are all the integers there are: the answer is the target's binary form."""
        _within_limit(solver, n)
        items = sign * 2 ** np.arange(n)
        rng = np.random.default_rng(n)
        targets = sign * rng.integers(0, 2**n, 2)
        result = solver(Problem.of(np.broadcast_to(items, (2, n)), targets), None)
        assert not result.residual_lattice.any()
        assert np.array_equal(result.mask, (np.abs(targets)[:, None] >> np.arange(n)) & 1 == 1)

    def test_targets_out_of_reach_are_answered_for_any_number_of_items(self, solver: Solver) -> None:
        items = np.array([3, -4, 0, 5] * 20)
        result = solver(Problem.of(items, [161, -81]), None)
        assert result.residual_lattice.tolist() == [-1, 1]
        assert result.status.tolist() == [Status.OUT_OF_REACH] * 2
        assert np.array_equal(result.mask, [items > 0, items < 0])

    def test_none_and_one_item(self, solver: Solver) -> None:
        empty = solver(Problem.of(np.zeros((3, 0), dtype=int), [0, 5, -5]), None)
        assert empty.mask.shape == (3, 0)
        assert empty.residual_lattice.tolist() == [0, -5, 5]
        assert empty.status.tolist() == [Status.NO_ITEMS] * 3
        one = solver(Problem.of([10], [4, 6, 5, 11, -1]), None)
        assert one.mask[:, 0].tolist() == [False, True, False, True, False]
        assert solver(Problem.of(np.zeros((0, 7), dtype=int), np.zeros(0, dtype=int)), None).mask.shape == (0, 7)

    def test_values_near_the_overflow_limit(self, solver: Solver) -> None:
        big = 2**62
        for items, target in [([big - 1, big], 0), ([-big, big - 1], 0), ([big - 1], -big), ([2**60] * 4, 2**62 - 1)]:
            problem = Problem.of(items, [target])
            assert_equal(brute_force(problem), solver(problem, None))
            assert_consistent(solver(problem, None))

    def test_everything_locked_out(self, solver: Solver) -> None:
        result = solver(Problem.of([1, 2, 3], [2, 0], np.zeros(3, dtype=bool)), None)
        assert not result.mask.any() and result.status.tolist() == [Status.NO_ITEMS] * 2

    @INHERITED
    @given(SMALL, st.integers(-60, 60), st.randoms(use_true_random=False))
    def test_order_and_sign_do_not_matter(self, solver: Solver, items: list[int], target: int, random: Any) -> None:
        error = abs(int(solver(Problem.of(np.array(items, dtype=int), [target]), None).residual_lattice[0]))
        shuffled = random.sample(items, len(items))
        for other, wanted in ((shuffled, target), ([-x for x in items], -target)):
            again = solver(Problem.of(np.array(other, dtype=int), [wanted]), None)
            assert abs(int(again.residual_lattice[0])) == error

    @INHERITED
    @given(SMALL, st.integers(-60, 60), st.integers(-20, 20))
    def test_adding_an_item_never_hurts(self, solver: Solver, items: list[int], target: int, item: int) -> None:
        fewer = solver(Problem.of(np.array(items, dtype=int), [target]), None)
        more = solver(Problem.of(np.array([*items, item], dtype=int), [target]), None)
        assert abs(int(more.residual_lattice[0])) <= abs(int(fewer.residual_lattice[0]))

    @INHERITED
    @given(SMALL, st.integers(-30, 30), st.integers(0, 10), st.lists(st.integers(-20, 20), max_size=4))
    def test_a_prefix_within_the_tolerance_makes_the_rest_irrelevant(
        self, solver: Solver, items: list[int], target: int, tolerance: int, rest: list[int]
    ) -> None:
        allowed = np.array([tolerance])
        short = solver(Problem.of(np.array(items, dtype=int), [target]), allowed)
        long = solver(Problem.of(np.array(items + rest, dtype=int), [target]), allowed)
        if short.status[0] == Status.WITHIN_TOLERANCE:
            assert long.prefix[0] == short.prefix[0] <= len(items)
            assert np.array_equal(long.mask[0, : len(items)], short.mask[0]) and not long.mask[0, len(items) :].any()

    def test_too_many_items_for_the_optimum(self, solver: Solver) -> None:
        n = solver.limit + 1
        with pytest.raises(LimitError, match=f"{solver.limit} usable items.* tolerance="):
            solver(Problem.of(np.arange(1, n + 1), [7, 8]), None)
        first = np.arange(n) > 0
        assert solver(Problem.of(np.arange(1, n + 1), [7], first), None).residual_lattice[0] == 0

    @pytest.mark.parametrize("n", [45, 64, 65, 300, 5000])
    def test_with_a_tolerance_any_number_of_items(self, solver: Solver, n: int) -> None:
        rng = np.random.default_rng(n)
        items = rng.integers(-(2**40), 2**40, (4, n))
        # 90% of what each sign reaches, and two targets in the middle
        reach = np.where(items[:, :, None] * np.array([1, -1]) > 0, items[:, :, None], 0).sum(axis=1)
        targets = np.array([0.9 * reach[0, 0], 0.9 * reach[1, 1], 0.3 * reach[2, 0], 0.0])
        result = solver(Problem.of(items, targets.astype(np.int64)), np.full(4, 2**24))
        assert result.status.tolist() == [Status.WITHIN_TOLERANCE] * 4
        assert np.abs(result.residual_lattice).max() <= 2**24
        assert_consistent(result)

    def test_with_a_tolerance_that_cannot_be_met(self, solver: Solver) -> None:
        """Even items, odd target: the best found is 1 away, and says so."""
        result = solver(Problem.of(np.full((1, 60), 2), [61]), np.array([0]))
        assert abs(int(result.residual_lattice[0])) == 1 and result.status[0] == Status.BEST_FOUND
        assert_consistent(result)

    def test_the_number_of_threads_does_not_matter(self, solver: Solver) -> None:
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

    def test_the_second_search_beyond_44_items_says_what_it_found(self, solver: Solver) -> None:
        """Out of reach of the first 44 items, in reach of all, but odd: better than the first search, not within 0."""
        items = np.concatenate([np.full(44, 2), np.full(20, 6)])
        result = solver(Problem.of(items, [151]), np.array([0]))
        assert abs(int(result.residual_lattice[0])) == 1 and result.status[0] == Status.BEST_FOUND
        result = solver(Problem.of(items, [150]), np.array([0]))
        assert result.residual_lattice[0] == 0 and result.status[0] == Status.WITHIN_TOLERANCE
        assert_consistent(result)

    @pytest.mark.parametrize("tolerant", [False, True])
    def test_locked_items_are_in_and_the_rest_is_chosen_around_them(self, solver: Solver, tolerant: bool) -> None:
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
