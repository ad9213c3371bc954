"""``slt.subset_sum.solve``: floats on a lattice, roundings, tolerances, and what it refuses."""

from __future__ import annotations

import doctest
import importlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slt
from slt.errors import InputError, LatticeError
from slt.subset_sum import Status, solve
from slt.subset_sum.problem import LARGEST, Problem, finest_bit

DYADIC = st.integers(-(2**20), 2**20).map(lambda k: k / 2**16)


def test_the_example_in_the_docstring():
    assert doctest.testmod(importlib.import_module("slt.subset_sum.solve")).failed == 0


@given(st.lists(DYADIC, max_size=8), DYADIC)
def test_floats_are_solved_exactly(items, target):
    result = solve(np.array(items), np.array([target]))
    taken = sum((Fraction(x) for x, m in zip(items, result.mask[0], strict=True) if m), Fraction(0))
    best = min(
        abs(sum((Fraction(items[k]) for k in range(len(items)) if s >> k & 1), Fraction(0)) - Fraction(target))
        for s in range(2 ** len(items))
    )
    assert abs(taken - Fraction(target)) == best == Fraction(float(result.error[0]))


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_the_finest_bit_of_a_float(x):
    bit = finest_bit(np.array([x]))
    if x == 0:
        assert bit is None
    else:
        assert (Fraction(x) * Fraction(2) ** bit).denominator == 1
        assert (Fraction(x) * Fraction(2) ** (bit - 1)).denominator != 1


def test_a_target_off_the_lattice_is_rounded_and_the_rounding_kept():
    target = 0.75 + 2.0**-70
    result = solve(np.array([2.0**10, 0.5, 0.25]), np.array([target, 1 / 3, 2 / 3]), lattice=10)
    assert result.exponent == 10
    assert result.problem.rounding.tolist() == [0.75 - target, 341 / 1024 - 1 / 3, 683 / 1024 - 2 / 3]
    assert result.residual.tolist() == [0.75 - target, 0.25 - 1 / 3, 0.75 - 2 / 3]


def test_a_tolerance_counts_what_rounding_took():
    """On the lattice 2**-2 the target 0.3 becomes 0.25: the sum 0.25 is 0.05 away from what was asked."""
    items, target = np.array([0.25]), np.array([0.3])
    assert solve(items, target, tolerance=0.06, lattice=2).status[0] == Status.WITHIN_TOLERANCE
    assert solve(items, target, tolerance=0.04, lattice=2).status[0] == Status.BEST_FOUND


def test_scalars_and_shared_items():
    result = solve([1, 2, 4], 5)
    assert result.mask.tolist() == [[True, False, True]]
    assert "optimal" in str(result) and "lattice 2**-0" in str(result)
    assert slt.subset_sum.solve([1.5], [1.5]).error.tolist() == [0.0]


def test_statuses_say_what_would_help():
    for status in Status:
        assert any(word in status.text for word in ("add items", "leave tolerance out", "subset_sum.solve"))


def test_large_and_small_floats_are_fine_where_a_lattice_holds_them():
    assert solve([2.0**1000, 2.0**990], [2.0**990]).mask.tolist() == [[False, True]]
    assert solve([2.0**-1000, 2.0**-990], [2.0**-990]).mask.tolist() == [[False, True]]
    assert solve([0.0, 0.0], [0.1]).status[0] == Status.OUT_OF_REACH


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused(bad):
    for items, targets in (([1.0, bad], [1.0]), ([1.0, 2.0], [bad])):
        with pytest.raises(InputError, match="1 NaN or infinite of"):
            solve(items, targets)
    for tolerance in (bad, -1.0, True, "1"):
        with pytest.raises(InputError, match="tolerance"):
            solve([1.0], [1.0], tolerance=tolerance)


@pytest.mark.parametrize(
    ("items", "targets", "usable"),
    [
        (np.ones((2, 3)), np.ones(3), None),
        (np.ones((2, 3, 1)), np.ones(2), None),
        (np.ones(3), np.ones((2, 2)), None),
        (np.float64(1.0), np.ones(1), None),
        (np.ones(3), np.ones(2), np.ones(2, dtype=bool)),
        (np.ones(3), np.ones(2), np.ones(3)),
        (np.ones(3, dtype=complex), np.ones(2), None),
        (np.ones(3, dtype=bool), np.ones(2), None),
        (["a"], [1], None),
        ([2**70], [1], None),
    ],
)
def test_wrong_shapes_and_types_are_refused(items, targets, usable):
    with pytest.raises(InputError, match="subset sum"):
        solve(items, targets, usable=usable)


def test_values_off_every_lattice_are_refused():
    with pytest.raises(LatticeError, match=r"2\*\*-1000 .* 2\*\*-60 is the finest .* Round"):
        solve([1.0, 2.0**-1000], [1.0])
    with pytest.raises(LatticeError, match=r"need lattice 2\*\*-54 to be exact, lattice=8 was given"):
        solve([0.5, 0.3], [1.0], lattice=8)
    with pytest.raises(LatticeError, match="finest"):
        solve([1.0, 0.5], [1.0], lattice=63)
    with pytest.raises(LatticeError, match="overflows"):
        solve([1.7e308, 1.7e308], [0.0])
    with pytest.raises(LatticeError):
        solve([1.0], [1e300])
    with pytest.raises(InputError, match="integer k"):
        solve([1.0], [1.0], lattice=2.5)


def test_the_overflow_limit_is_exact():
    half = (LARGEST - 1) // 2
    assert Problem.of([half, half], [1]).n == 2
    assert Problem.of([half, -half], [-1]).n == 2
    for items, target in [
        ([half, half], 2),
        ([half, half + 1], 1),
        ([-(2**63)], 0),
        ([1], -(2**63)),
        ([LARGEST] * 9, 1),
    ]:
        with pytest.raises(LatticeError, match=r"64 bits|below 2"):
            Problem.of(np.array(items, dtype=np.int64), np.array([target], dtype=np.int64))
    with pytest.raises(LatticeError, match="64-bit signed"):
        Problem.of(np.array([2**63], dtype=np.uint64), [1])
    with pytest.raises(LatticeError, match="mixed with floats"):
        Problem.of(np.array([2**60]), [1.0])


def test_integers_that_floats_do_not_hold_are_refused_beside_floats():
    for value in (2**53 + 1, -(2**53) - 1, -(2**63)):
        with pytest.raises(LatticeError, match=r"above 2\*\*53 cannot be mixed"):
            solve([value, 5], [1.5])
    with pytest.raises(InputError, match="up to 64 bits"):
        solve(np.array([1], dtype=np.longdouble), [1.0])


def test_a_lattice_too_coarse_for_the_items_is_refused_however_coarse():
    for lattice in (-2, -60, -1080):
        with pytest.raises(LatticeError, match="need lattice 2"):
            solve([1.0, 3.0], [4.0], lattice=lattice)
    assert Problem.of([0.0], [0.0], lattice=1500).items.tolist() == [[0]]


def test_ragged_items_are_refused():
    with pytest.raises(InputError, match="rows of different lengths"):
        solve([[1, 2], [3]], [1, 2])
