"""Subset sums of items that may be moved, against enumeration, with ``==``, their algebra and their law."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LatticeError, LimitError
from slt.subset_sum import Problem, Status
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.perturbed import PerturbedResult, perturbed
from tests.subset_sum.conformance import assert_consistent, assert_equal, random_batch

SMALL = st.lists(st.integers(-50, 50), max_size=8)
SHARES = st.sampled_from([0.0, 0.01, 0.05, 0.3, 2.0])


def slack_of(x: int, relative: float, absolute: float, exponent: int) -> int:
    return int((Fraction(relative) * abs(x) + Fraction(absolute) * Fraction(2) ** exponent) // 1)


def shared_out(gap: int, slacks: list[int]) -> list[int]:
    """The moves against a gap: each item gets the step of the running total, rounded down."""
    shift, total, moves = min(abs(gap), sum(slacks)), sum(slacks), []
    for k in range(len(slacks)):
        steps = [sum(slacks[:j]) * shift // total if total else 0 for j in (k, k + 1)]
        moves.append((steps[1] - steps[0]) * (-1 if gap > 0 else 1))
    return moves


def assert_enumerated(found: PerturbedResult, relative: float, absolute: float, context: object = "") -> None:
    """All 2**n subsets in Python integers: least distance, then fewest items, then the smallest mask."""
    p = found.problem
    assert_consistent(found.unmoved)
    for i in range(p.count):
        row = p.items[i if len(p.items) > 1 else 0].tolist()
        where = np.flatnonzero(p.usable[i if len(p.usable) > 1 else 0]).tolist()
        locked = [] if p.locked is None else np.flatnonzero(p.locked[i if len(p.locked) > 1 else 0]).tolist()
        items, target = [row[j] for j in where], int(p.targets[i])
        slacks = [slack_of(x, relative, absolute, p.exponent) for x in items]
        sums, moves = [0], [0]
        for x, s in zip(items, slacks, strict=True):
            sums, moves = sums + [a + x for a in sums], moves + [a + s for a in moves]
        best = min(range(len(sums)), key=lambda m: (max(0, abs(sums[m] - target) - moves[m]), m.bit_count(), m))
        chosen = [k for k in range(len(items)) if best >> k & 1]
        taken = [where[k] for k in chosen]
        assert np.flatnonzero(found.mask[i]).tolist() == sorted(taken + locked), (context, i, row, target, relative)
        gap = sums[best] - target
        assert int(found.unmoved.residual_lattice[i]) == gap
        moved = dict.fromkeys(range(p.n), 0) | {j: row[j] for j in locked}
        for j, k, move in zip(taken, chosen, shared_out(gap, [slacks[k] for k in chosen]), strict=True):
            assert abs(move) <= slacks[k]
            moved[j] = row[j] + move
        assert found.moved[i].tolist() == list(moved.values())
        left = sum(moved[j] for j in taken) - target
        assert int(found.residual_lattice[i]) == left
        assert abs(left) == max(0, abs(gap) - moves[best])
        top = sum(max(x + s, 0) for x, s in zip(items, slacks, strict=True))
        bottom = sum(min(x - s, 0) for x, s in zip(items, slacks, strict=True))
        beyond = target > top or target < bottom
        expected = Status.NO_ITEMS if not items else Status.OUT_OF_REACH if beyond else Status.OPTIMAL
        assert found.status[i] == expected


def test_equals_enumeration_on_random_instances():
    """3,600 instances of up to 9 items; not a statistical test: all must agree."""
    rng = np.random.default_rng(20260401)
    for batch in range(180):
        items, targets, usable = random_batch(rng)
        items, targets = items[:20, :9], targets[:20]
        usable = None if usable is None else usable[..., :9] if usable.ndim == 1 else usable[:20, :9]
        locked = rng.random(items.shape) < 0.2 if rng.random() < 0.3 else None
        if rng.random() < 0.2:
            items = items[0]
        scale = float(np.abs(items).max(initial=1))
        relative = float(rng.choice([0.0, 1e-9, 0.01, 0.1, 0.5, 1.0, 2.0]))
        absolute = float(rng.choice([0.0, 1.0, 2.5, scale * 1e-3, scale * 0.1, scale]))
        if scale > 2**50:  # 63 bits hold no more
            relative, absolute = min(relative, 0.5), min(absolute, scale * 0.1)
        problem = Problem.of(items, targets, usable, locked=locked)
        assert_enumerated(perturbed(problem, relative, absolute), relative, absolute, f"batch {batch}")


@pytest.mark.parametrize("relative", [0.0, 1e-6, 1e-4, 0.01, 0.3])
def test_equals_enumeration_on_larger_instances(relative):
    """15 items: misses, a few hits, thousands of hits."""
    items = np.random.default_rng(15).integers(-(2**30), 2**30, (4, 15))
    assert_enumerated(perturbed(Problem.of(items, [12345, -(2**29), 2**31, 7]), relative), relative, 0.0)


def test_without_slack_it_is_the_subset_sum():
    """2,400 instances of up to 14 items and 10 of 30: same masks, residuals, statuses."""
    rng = np.random.default_rng(2)
    for _ in range(40):
        problem = Problem.of(*random_batch(rng))
        found = perturbed(problem)
        assert_equal(meet_in_the_middle(problem), found.unmoved)
        assert np.array_equal(found.residual_lattice, found.unmoved.residual_lattice)
        assert np.array_equal(found.moved, np.where(found.mask, problem.items, 0))
    problem = Problem.of(rng.integers(-(2**40), 2**40, (10, 30)), rng.integers(-(2**40), 2**40, 10))
    assert_equal(meet_in_the_middle(problem), perturbed(problem).unmoved)


def test_many_hits_none_of_which_is_looked_at_twice():
    """All 155 million subsets of 15 of the 30 items reach the target, none of 14: the smallest mask is the first 15."""
    items = np.random.default_rng(4).integers(2**40 - 2**20, 2**40, 30)
    found = perturbed(Problem.of(items, [15 * 2**40]), relative=2.0**-15)
    assert found.mask[0].tolist() == [True] * 15 + [False] * 15 and found.residual_lattice[0] == 0
    assert found.moved.sum() == 15 * 2**40


@pytest.mark.parametrize("n", [2, 13, 36])
def test_all_items_equal(n):
    """k items of 100 each cover 95 k to 105 k."""
    targets = np.array([0, 100 * n, 105 * n, 105 * n + 1, 196, 287, 1])
    found = perturbed(Problem.of(np.full(n, 100), targets), relative=0.05)
    for i, target in enumerate(targets.tolist()):
        distances = [max(0, abs(100 * k - target) - 5 * k) for k in range(n + 1)]
        taken = distances.index(min(distances))
        assert found.mask[i].tolist() == [True] * taken + [False] * (n - taken)
        assert abs(int(found.residual_lattice[i])) == min(distances)


def test_one_item_of_large_slack_among_44():
    """Windows as wide as the largest slack would hold millions of pairs; counting does not open them."""
    rng = np.random.default_rng(6)
    items = np.concatenate([rng.integers(1, 2**20, 35) * 2, [2**50]])
    target = 2 * int(items[:-1].sum()) // 5 | 1  # odd: missed by one without slack
    found = perturbed(Problem.of(items, [target]), relative=2.0**-31)
    assert found.residual_lattice[0] in (-1, 1) and not found.mask[0, -1]


def test_the_slack_is_exact():
    """0.1 is a little more than 1/10, so that ten units may move by one; large items have more digits than floats."""
    items = [10, 9, 20, 2**61 + 1]
    found = perturbed(Problem.of(items, [0]), relative=0.1)
    assert found.slack[0].tolist() == [1, 0, 2, int(Fraction(0.1) * (2**61 + 1))]
    found = perturbed(Problem.of([0.5, -0.25], [0.0], lattice=10), relative=0.01, absolute=0.002)
    assert found.slack[0].tolist() == [int(5.12 + 2.048), int(2.56 + 2.048)]


def test_half_and_half_make_a_unit():
    """The floor is of the sum of both parts, not of each."""
    assert perturbed(Problem.of([1], [2]), relative=0.5, absolute=0.5).residual_lattice[0] == 0
    assert perturbed(Problem.of([1], [2]), relative=0.5).residual_lattice[0] == -1


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(1, 10**4), min_size=1, max_size=12), SHARES)
def test_no_item_moves_by_more_than_its_share(target, items, relative):
    found = perturbed(Problem.of(items, [target]), relative)
    moves = np.abs(found.moved[0] - items)[found.mask[0]]
    slack = found.slack[0][found.mask[0]]
    assert (moves <= slack).all()
    if slack.sum():
        share = Fraction(int(moves.sum()), int(slack.sum()))
        assert all(abs(int(m) - share * int(s)) < 1 for m, s in zip(moves, slack, strict=True))


@given(SMALL, st.integers(-300, 300), SHARES, st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter(items, target, relative, random):
    def distance(items, target):
        return abs(int(perturbed(Problem.of(np.array(items, dtype=int), [target]), relative).residual_lattice[0]))

    least = distance(items, target)
    assert distance(random.sample(items, len(items)), target) == least
    assert distance([-x for x in items], -target) == least


@given(SMALL, st.integers(-300, 300), SHARES, st.integers(-50, 50), st.floats(0, 3))
def test_more_items_and_more_slack_never_hurt(items, target, relative, item, more):
    def distance(items, relative, absolute=0.0):
        found = perturbed(Problem.of(np.array(items, dtype=int), [target]), relative, absolute)
        return abs(int(found.residual_lattice[0]))

    least = distance(items, relative)
    assert distance([*items, item], relative) <= least
    assert distance(items, relative + more) <= least
    assert distance(items, relative, more) <= least


def test_locked_items_are_in_and_not_moved():
    problem = Problem.of([100, 250, -40], [340], locked=[False, True, False])
    found = perturbed(problem, relative=0.05)
    assert found.moved.tolist() == [[95, 250, 0]] and found.residual_lattice[0] == 5
    assert found.slack.tolist() == [[5, 0, 2]]
    assert_enumerated(found, 0.05, 0.0)


def test_out_of_reach_of_any_number_of_moved_items():
    items = np.array([3, -4, 0, 5] * 20)
    found = perturbed(Problem.of(items, [321, -161]), relative=1.0)
    assert found.residual_lattice.tolist() == [-1, 1]
    assert found.status.tolist() == [Status.OUT_OF_REACH] * 2


def test_none_of_items_or_of_instances():
    empty = perturbed(Problem.of(np.zeros((3, 0), dtype=int), [0, 5, -5]), 0.1, 1.0)
    assert empty.moved.shape == (3, 0) and empty.residual_lattice.tolist() == [0, -5, 5]
    assert empty.status.tolist() == [Status.NO_ITEMS] * 3
    assert perturbed(Problem.of(np.zeros((0, 7), dtype=int), np.zeros(0, dtype=int)), 0.1).moved.shape == (0, 7)


def test_values_near_the_overflow_limit():
    big = 2**62
    for items, target, relative in [
        ([2**63 - 1], 0, 0.0),
        ([1 - 2**63], 0, 0.0),
        ([big - 1, big], 0, 0.0),
        ([-big, big - 1], 0, 0.0),
        ([big - 1], -big, 0.0),
        ([2**60] * 4, big - 1, 0.0),
        ([2**60 - 1] * 2, 2**61, 1.0),
        ([2**59, -(2**59)] * 2, 2**60, 0.5),
        ([2**60, 1], -(2**60), 1.5),
        ([-(2**62) - 1, 2**61 - 2], 1 - 2**61, 0.0),
        ([2**61 - 3, -(2**62)], 2**61 - 3, 2.0**-62),
    ]:
        assert_enumerated(perturbed(Problem.of(items, [target]), relative), relative, 0.0, (items, target))


def test_slacks_that_leave_64_bits():
    with pytest.raises(LatticeError, match="twice their slacks"):
        perturbed(Problem.of([2**60], [0]), relative=4.0)
    with pytest.raises(LatticeError, match="twice their slacks"):
        perturbed(Problem.of([1, 2], [0]), absolute=1e300)
    # items that cannot be used need not be moved
    found = perturbed(Problem.of([2**60, 3], [4], usable=[False, True]), relative=4.0)
    assert found.residual_lattice[0] == 0 and found.moved.tolist() == [[0, 4]]


@pytest.mark.parametrize("name", ["relative", "absolute"])
@pytest.mark.parametrize("number", [-0.1, np.nan, np.inf, "1", None, True, [0.1]])
def test_numbers_that_cannot_be_used(name, number):
    with pytest.raises(InputError, match=f"perturbed subset sum: {name} must be a finite number >= 0"):
        perturbed(Problem.of([1], [1]), **{name: number})


def test_too_many_items():
    with pytest.raises(LimitError, match=r"at most 44 usable items; 2 of 2 .* \(up to 45\).* tolerance"):
        perturbed(Problem.of(np.arange(1, 46), [7, 8]), 0.1)


def test_work_space_beyond_the_free_memory_is_refused(monkeypatch):
    monkeypatch.setattr("slt.subset_sum.memory.free_memory", lambda: 2**20)
    with pytest.raises(LimitError, match=r"perturbed subset sum of 40 items needs .* MiB of memory and 1 MiB are free"):
        perturbed(Problem.of(np.arange(1, 41), [7]), 0.1)


def test_the_number_of_threads_does_not_matter():
    import numba

    items = np.random.default_rng(5).integers(-(10**6), 10**6, (500, 12))
    problem = Problem.of(items, items[:, 0] * 2 + 1)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = perturbed(problem, 1e-3)
    finally:
        numba.set_num_threads(before)
    again = perturbed(problem, 1e-3)
    assert_equal(single.unmoved, again.unmoved)
    assert np.array_equal(single.moved, again.moved)


def law(n: int, e: float) -> float:
    """E_u[1 - exp(-2**n e n f exp(-u**2 / 2))], u standard normal, f = 1 / sqrt(2 pi n / 12)."""
    u, weights = np.polynomial.hermite_e.hermegauss(101)
    rate = 2.0**n * e * n / np.sqrt(2 * np.pi * n / 12) * np.exp(-(u**2) / 2)
    return float((weights * (1 - np.exp(-rate))).sum() / np.sqrt(2 * np.pi))


def share_met(n: int, **slack: float) -> float:
    """2,000 draws: items on [-1, 1], targets within 1/20 of 0."""
    rng = np.random.default_rng([19, n])
    items = rng.integers(-(2**44), 2**44, (2000, n)) / 2**44
    targets = rng.integers(-(2**44) // 20, 2**44 // 20, 2000) / 2**44
    return float((perturbed(Problem.of(items, targets), **slack).residual_lattice == 0).mean())


@pytest.mark.parametrize(("e", "needed"), [(0.1, 3), (0.01, 6), (0.001, 9), (0.0001, 12)])
def test_the_law_of_exact_sums_with_absolute_slack(e, needed):
    """The needed n at probability 1/2 is that of the law, and the probabilities are within 0.08 of it.

    2,000 draws each, standard error at most 0.011; the law is for large n and measured 0.05 high at most.
    """
    assert law(needed - 1, e) < 0.5 <= law(needed, e)
    assert share_met(needed - 1, absolute=e) < 0.5 <= share_met(needed, absolute=e)
    for n in (needed - 2, needed - 1, needed, needed + 2):
        if n > 1:
            assert abs(share_met(n, absolute=e) - law(n, e)) < 0.08


@pytest.mark.parametrize(("e", "needed"), [(0.01, 7), (0.001, 10), (0.0001, 13)])
def test_the_law_of_exact_sums_with_relative_slack(e, needed):
    """As with half the slack, E|x| = 1/2: within 0.12 (the law lies above by up to 0.08); the needed n is one more.

    2,000 draws each, standard error at most 0.011.
    """
    assert share_met(needed - 1, relative=e) < 0.5 <= share_met(needed, relative=e)
    for n in (needed - 2, needed - 1, needed, needed + 2):
        assert abs(share_met(n, relative=e) - law(n, e / 2)) < 0.12
