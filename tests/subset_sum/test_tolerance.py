"""Tolerances are taken as the numbers they are, whatever their type and size."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.subset_sum import Problem, Status, count_solutions, fewest_items, perturbed, solve
from slt.subset_sum.tolerance import exact_number, lattice_tolerance


@given(st.floats(0, 1e3), st.floats(-1, 1), st.integers(0, 40))
def test_the_largest_distance_that_is_surely_within(tolerance, target, lattice):
    problem = Problem.of([1.0, 2.0], [target], lattice=lattice)
    lost = abs(Fraction(float(problem.rounding[0])))
    expected = (Fraction(tolerance) - lost) * 2**lattice // 1
    assert lattice_tolerance(problem, tolerance)[0] == max(expected, -1)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float32, np.float16, np.longdouble, float, int])
def test_types_do_not_matter(kind):
    rng = np.random.default_rng(0)
    items = rng.uniform(-1, 1, 12)
    problem = Problem.of(items, [0.1])
    assert exact_number(kind(100), "a test") == 100
    assert count_solutions(problem, kind(100))[0] == 4096
    assert solve(items, [0.1], tolerance=kind(100)).prefix[0] == 0
    assert fewest_items(problem, kind(100)).status[0] == Status.FEWEST_ITEMS


def test_tolerances_beyond_53_and_64_bits():
    close = solve([1, 2**60], [2**53 + 4], tolerance=2**53 + 3)
    assert abs(int(close.residual_lattice[0])) == 2**53 + 3 and close.mask[0].tolist() == [True, False]
    assert not perturbed(Problem.of([2**60], [2**60 + 2**53 + 1]), absolute=2**53 + 1).residual_lattice[0]
    for huge in (2**62 + 10, 2**70, 1e300, 1e308):
        problem = Problem.of([1], [2**62 + 5])
        assert solve([1], [2**62 + 5], tolerance=huge).status[0] == Status.WITHIN_TOLERANCE
        assert fewest_items(problem, huge).status[0] == Status.FEWEST_ITEMS
        assert count_solutions(problem, huge)[0] == 2
    assert perturbed(Problem.of([1], np.zeros(0, dtype=int)), absolute=1e30).mask.shape == (0, 1)


@pytest.mark.parametrize("bad", [-1, -1e-300, np.nan, np.inf, -np.inf, True, "1", None, [1.0], 1j, np.float32(np.nan)])
def test_what_is_no_tolerance(bad):
    with pytest.raises(InputError, match="must be a finite number >= 0"):
        exact_number(bad, "a test")
    with pytest.raises(InputError, match="counting subset sums: a tolerance"):
        count_solutions(Problem.of([1, 2], [3]), bad)
