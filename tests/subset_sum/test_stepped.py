"""Items that move in steps: exact sums, limits of moves, and the distance that is promised."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LatticeError, LimitError
from slt.subset_sum import Problem, perturbed, stepped
from slt.subset_sum.perturbed import nearest_within_slack
from slt.subset_sum.stepped import hand_out

ITEM = st.tuples(st.integers(-60, 60), st.integers(-9, 9), st.integers(0, 4))
SMALL = st.lists(ITEM, min_size=1, max_size=6)


def columns(items: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, step, most = (np.array(column, dtype=np.int64)[None] for column in zip(*items, strict=True))
    return x, step, most


@given(SMALL, st.integers(-250, 250))
def test_the_residual_is_exact_and_as_near_as_promised(items, target):
    x, step, most = columns(items)
    found = stepped(Problem.of(x, [target]), step, most)
    mask, j = found.mask[0], found.steps[0]
    assert np.all(np.abs(j) <= most[0]) and not np.any(j[~mask])
    assert found.residual_lattice[0] == int((x[0] + j * step[0])[mask].sum()) - target
    # the oracle: over all subsets, moves of any size
    least = min(
        max(0, abs(sum(i[0] for i in s) - target) - sum(abs(i[1]) * i[2] for i in s))
        for s in ([i for i, b in zip(items, bits, strict=True) if b] for bits in product((0, 1), repeat=len(items)))
    )
    movable = [abs(s) for s, m, taken in zip(step[0], most[0], mask, strict=True) if taken and m]
    assert least <= abs(found.residual_lattice[0]) <= least + max(movable, default=0) / 2


@given(st.lists(st.tuples(st.integers(-12, 12), st.integers(0, 5)), min_size=1, max_size=5), st.integers(-120, 120))
def test_handing_out_comes_within_half_a_step_of_the_best(given_steps, wanted):
    step, most = (np.array(column, dtype=np.int64)[None] for column in zip(*given_steps, strict=True))
    j = hand_out(np.array([wanted]), step, most)
    assert np.all(np.abs(j) <= most)
    reach = int((np.abs(step) * most).sum())
    left = abs(wanted - int((j * step).sum()))
    largest = int(np.abs(step[most > 0]).max(initial=0))
    assert left <= max(0, abs(wanted) - reach) + largest / 2
    best = min(
        abs(wanted - sum(s * k for s, k in zip(step[0].tolist(), ks, strict=True)))
        for ks in product(*(range(-m, m + 1) for m in most[0].tolist()))
    )
    assert best <= left


def test_batches_are_their_rows():
    rng = np.random.default_rng(3)
    step, most = rng.integers(-(2**22), 2**22, (60, 9)) | 1, rng.integers(0, 2**16, (60, 9))
    items = step * rng.integers(-(2**22), 2**22, (60, 9))
    targets = rng.integers(-(2**45), 2**45, 60)
    found = stepped(Problem.of(items, targets), step, most)
    for i in range(60):
        alone = stepped(Problem.of(items[i], targets[i : i + 1]), step[i : i + 1], most[i : i + 1])
        assert np.array_equal(alone.steps[0], found.steps[i]) and np.array_equal(alone.mask[0], found.mask[i])
    # many steps each: half the smallest step, all but where a target is out of reach
    free = found.mask & (most > 2**10)
    relaxed = nearest_within_slack(Problem.of(items, targets), np.abs(step) * most)
    slack = np.where(found.mask, np.abs(step) * most, 0).sum(axis=1)
    inside = (np.abs(relaxed.residual_lattice) < 0.9 * slack) & free.any(axis=1)
    assert inside.sum() > 20
    smallest = np.where(free, np.abs(step), 2**60).min(axis=1)
    assert np.mean((np.abs(found.residual_lattice) <= smallest / 2)[inside]) > 0.9


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=7), st.integers(-100, 100), st.integers(0, 9))
def test_steps_of_one_unit_are_perturbed_items(items, target, most):
    problem = Problem.of(items, [target])
    whole = stepped(problem, np.ones((1, len(items)), int), np.full((1, len(items)), most))
    real = perturbed(problem, absolute=float(most))
    assert np.array_equal(whole.mask, real.mask)
    assert np.array_equal(whole.residual_lattice, real.residual_lattice)


def test_locked_items_are_in_and_stay_where_they_are():
    problem = Problem.of([100, 250, -40], [344], locked=[False, True, False])
    found = stepped(problem, [[6, 1, 1]], [[2, 50, 2]])
    assert found.mask[0].tolist() == [True, True, False] and found.steps[0].tolist() == [-1, 0, 0]
    assert found.residual_lattice[0] == 0


def test_none_of_items_or_of_instances():
    none = np.zeros((2, 0), dtype=np.int64)
    assert stepped(Problem.of(none, [0, 5]), none, none).residual_lattice.tolist() == [0, -5]
    empty = np.zeros((0, 3), dtype=np.int64)
    assert stepped(Problem.of(empty, empty[:, 0]), empty, empty).steps.shape == (0, 3)


def test_what_cannot_be_is_refused():
    problem = Problem.of([1, 2], [3])
    for step, most in (([[1]], [[1, 1]]), ([[1.0, 2.0]], [[1, 1]]), ([[1, 1]], [1, 1])):
        with pytest.raises(InputError, match="whole numbers of the items' shape"):
            stepped(problem, step, most)
    with pytest.raises(InputError, match="most must be >= 0; -1"):
        stepped(problem, [[1, 1]], [[1, -1]])
    with pytest.raises(InputError, match="beyond 2"):
        stepped(problem, [[2**40, 1]], [[2**40, 1]])
    with pytest.raises(LatticeError, match="twice their slacks"):
        stepped(Problem.of([2**62, 3], [3]), [[2**30, 1]], [[2**31, 1]])
    with pytest.raises(LimitError, match="at most 44"):
        stepped(Problem.of(np.arange(1, 46), [7]), np.ones((1, 45), int), np.ones((1, 45), int))
    with pytest.raises(InputError, match="slacks of shape"):
        nearest_within_slack(problem, np.array([[1, -1]]))
