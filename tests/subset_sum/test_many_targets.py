"""Many targets for one set of items: the answers of the plain solvers, to the bit, however the items are divided."""

from __future__ import annotations

import importlib

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.subset_sum import Problem, Status
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.many_targets import many_targets, worth_sharing
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from tests.subset_sum.conformance import assert_consistent, assert_equal, random_batch

MODULE = importlib.import_module("slt.subset_sum.many_targets")
SMALL = st.lists(st.integers(-20, 20), min_size=0, max_size=9)


def shared(items, targets, usable=None, locked=None) -> Problem:
    """The first instance's items and usable ones, for all targets."""
    first = usable if usable is None or usable.ndim == 1 else usable[0]
    return Problem.of(items[0], targets, first, locked=locked)


def divided(monkeypatch, share: float) -> None:
    """The first list takes this share of the items, whatever it costs."""
    monkeypatch.setattr(MODULE, "_first_items", lambda m, count: min(max(round(share * m), m - 22), m))


@pytest.mark.parametrize("share", [None, 0.0, 0.3, 0.5, 1.0])
def test_equals_brute_force_on_random_instances(monkeypatch, share):
    """6,000 targets a division, many of them ties or out of reach; not a statistical test: all must agree."""
    if share is not None:
        divided(monkeypatch, share)
    rng = np.random.default_rng(17)
    for batch in range(100):
        items, targets, usable = random_batch(rng)
        locked = rng.random(items.shape[1]) < 0.2 if rng.random() < 0.3 else None
        problem = shared(items, targets, usable, locked)
        result = many_targets(problem)
        assert_equal(brute_force(problem), result, f"batch {batch}")
        assert_consistent(result)


@pytest.mark.parametrize("n", [12, 19, 24, 27, 31])
@pytest.mark.parametrize("bits", [8, 20, 50])
def test_equals_the_optimum_at_sizes_beyond_brute_force(n, bits):
    rng = np.random.default_rng(n * bits)
    items = rng.integers(-(2**bits), 2**bits, n)
    targets = rng.integers(-(2 ** (bits + 2)), 2 ** (bits + 2), 40)
    problem = Problem.of(items, targets, rng.random(n) < 0.9)
    assert_equal(meet_in_the_middle(problem), many_targets(problem))


def test_ties_go_to_fewest_items_then_to_the_smallest_mask():
    def mask(items, target):
        return many_targets(Problem.of(items, [target])).mask[0].astype(int).tolist()

    assert mask([1, 2, 3], 3) == [0, 0, 1]
    assert mask([2, 1, 1, 2], 2) == [1, 0, 0, 0]
    assert mask([5, 0, 0], 5) == [1, 0, 0]
    assert mask([4, 6], 5) == [1, 0] and mask([6, 4], 5) == [1, 0]
    assert mask([3, -3, 7], 0) == [0, 0, 0]


@pytest.mark.parametrize("n", [2, 13, 30, 44])
@pytest.mark.parametrize("value", [1, -7, 2**56, 0])
def test_all_items_equal(n, value):
    targets = np.array([value * (n // 3), value * n, 0, -value, value // 2 + 1])
    problem = Problem.of(np.full(n, value), targets)
    assert_equal(meet_in_the_middle(problem), many_targets(problem))


@pytest.mark.parametrize("n", [20, 44])
def test_items_of_very_different_sizes(n):
    """Powers of two, and clusters that fill few cells of the index: the look-up falls back to halving."""
    rng = np.random.default_rng(n)
    powers = 2 ** np.arange(n)
    targets = rng.integers(0, 2**n, 6)
    result = many_targets(Problem.of(powers, targets))
    assert np.array_equal(result.mask, (targets[:, None] >> np.arange(n)) & 1 == 1)
    items = np.concatenate([rng.integers(-99, 100, 18), [2**60, -(2**59)]])
    clustered = Problem.of(items, np.concatenate([rng.integers(-99, 100, 20), 2**59 + rng.integers(-99, 100, 20)]))
    assert_equal(meet_in_the_middle(clustered), many_targets(clustered))


def test_the_edges():
    empty = Problem.of(np.zeros(0, dtype=int), [0, 5, -5])
    assert_equal(meet_in_the_middle(empty), many_targets(empty))
    no_targets = Problem.of(np.arange(7), np.zeros(0, dtype=int))
    assert_equal(meet_in_the_middle(no_targets), many_targets(no_targets))
    shut = Problem.of([1, 2, 3], [2, 0], np.zeros(3, dtype=bool))
    assert_equal(meet_in_the_middle(shut), many_targets(shut))
    zeros = Problem.of([0, 0], [0, 1, -1])
    assert_equal(meet_in_the_middle(zeros), many_targets(zeros))
    big = 2**61
    for items in ([big - 1, big], [-big, big - 1], [big - 1], [2**60] * 4):
        problem = Problem.of(items, [0, 1, -1, 2**59])
        assert_equal(brute_force(problem), many_targets(problem))


@given(SMALL, st.lists(st.integers(-60, 60), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter(items, targets, random):
    errors = np.abs(many_targets(Problem.of(np.array(items, dtype=int), targets)).residual_lattice)
    for other, sign in ((random.sample(items, len(items)), 1), ([-x for x in items], -1)):
        again = many_targets(Problem.of(np.array(other, dtype=int), sign * np.array(targets)))
        assert np.array_equal(np.abs(again.residual_lattice), errors)


@given(SMALL, st.lists(st.integers(-60, 60), min_size=1, max_size=8), st.integers(-20, 20))
def test_adding_an_item_never_hurts(items, targets, item):
    fewer = many_targets(Problem.of(np.array(items, dtype=int), targets))
    more = many_targets(Problem.of(np.array([*items, item], dtype=int), targets))
    assert (np.abs(more.residual_lattice) <= np.abs(fewer.residual_lattice)).all()


def test_the_number_of_threads_does_not_matter():
    rng = np.random.default_rng(5)
    problem = Problem.of(rng.integers(-(10**6), 10**6, 18), rng.integers(-(10**6), 10**6, 700))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = many_targets(problem)
    finally:
        numba.set_num_threads(before)
    assert_equal(single, many_targets(problem))


def test_items_must_be_shared():
    for items, usable in ((np.ones((2, 3), dtype=int), None), (np.ones(3, dtype=int), np.ones((2, 3), dtype=bool))):
        with pytest.raises(InputError, match=r"must both have shape \(1, 3\), shared by all 2 targets"):
            many_targets(Problem.of(items, [1, 2], usable))


def test_too_many_items():
    problem = Problem.of(np.arange(1, 46), [7, 5000])
    with pytest.raises(LimitError, match=r"at most 44 usable items; 45 were given.* tolerance="):
        many_targets(problem)
    beyond = many_targets(Problem.of(np.arange(1, 46), [5000, -3]))
    assert beyond.status.tolist() == [Status.OUT_OF_REACH] * 2
    assert beyond.residual_lattice.tolist() == [45 * 23 - 5000, 3]


def test_memory_shortens_the_first_list_and_then_refuses(monkeypatch):
    items = np.random.default_rng(3).integers(-(2**30), 2**30, 22)
    problem = Problem.of(items, np.arange(50))
    assert MODULE._first_items(22, 10**9) == 22
    monkeypatch.setattr(MODULE, "free_memory", lambda: 2**22)
    assert MODULE._first_items(22, 10**9) == 15
    assert_equal(meet_in_the_middle(problem), many_targets(problem))
    monkeypatch.setattr("slt.subset_sum.memory.free_memory", lambda: 2**22)
    with pytest.raises(LimitError, match=r"exact subset sums of 44 items for many targets needs 224 MiB"):
        many_targets(Problem.of(np.arange(1, 45) * 2**40 + 1, [2**42]))


def test_sharing_is_worth_it_for_many_targets_only():
    for n in (0, 12, 20, 28, 30, 44):
        assert not worth_sharing(n, 1) and worth_sharing(n, 10_000)
        worth = [worth_sharing(n, count) for count in range(1000)]
        assert worth == sorted(worth)
