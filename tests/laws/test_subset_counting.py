"""The counting bound with a law of the units: by plain enumeration, by simulation, and its inverse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.laws import EVERY_UNIT, PAPER, SIGN_OPTIMAL, ThinnedUnits, counting_hit_bound, necessary_width
from slt.laws.unit_counts import UnitCounts


def plain(error: float, width: int, inputs: int, outputs: int, branches: int) -> float:
    """Sign-optimal units, one binomial number a coordinate."""
    each = 0.0
    for n in range(width + 1):
        fewest = min(n, width - n) if branches == 2 else n
        each += math.comb(width, n) / 2**width * min(1.0, 2.0**fewest * error) ** outputs
    return each**inputs


@given(
    st.floats(1e-7, 2.0), st.integers(0, 30), st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 2])
)  # fmt: skip
def test_it_is_the_plain_sum(error: float, width: int, inputs: int, outputs: int, branches: int) -> None:
    found = counting_hit_bound(error, width, inputs, outputs, SIGN_OPTIMAL, branches)
    assert found == pytest.approx(plain(error, width, inputs, outputs, branches), rel=1e-9, abs=1e-300)


def test_with_all_units_it_is_the_number_of_subsets() -> None:
    assert counting_hit_bound(2.0**-10, 7, 1, 1, EVERY_UNIT, 2) == 2.0**-3
    assert counting_hit_bound(2.0**-10, 7, 2, 3, EVERY_UNIT) == 2.0**-18
    assert counting_hit_bound(2.0**-10, 12, 2, 3, EVERY_UNIT) == 1.0


def test_with_a_volume_it_is_the_plain_sum_over_both_coordinates() -> None:
    error, width, outputs, volume = 0.01, 9, 2, 0.3
    wanted = sum(
        math.comb(width, a) * math.comb(width, b) / 4**width * min(1.0, 2.0 ** (a + b) * error**2 / volume) ** outputs
        for a, b in itertools.product(range(width + 1), repeat=2)
    )
    assert counting_hit_bound(error, width, 2, outputs, volume=volume) == pytest.approx(wanted, rel=1e-12)
    one = counting_hit_bound(error, width, 1, outputs, volume=1.0)
    assert one == pytest.approx(counting_hit_bound(error, width, 1, outputs), rel=1e-12)


@pytest.mark.parametrize("units", [SIGN_OPTIMAL, PAPER, EVERY_UNIT, ThinnedUnits(SIGN_OPTIMAL, 0.5, 0.5)])
@pytest.mark.parametrize("branches", [1, 2])
def test_it_never_falls_with_the_width_or_the_error(units: UnitCounts, branches: int) -> None:
    errors = 2.0 ** -np.arange(1, 20)
    table = np.array([[counting_hit_bound(e, n, 2, 2, units, branches) for e in errors] for n in range(1, 30)])
    assert np.all(np.diff(table, axis=0) >= -1e-12) and np.all(np.diff(table, axis=1) <= 0)
    assert table.min() >= 0 and table.max() <= 1


def subsets(count: int) -> np.ndarray:
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)


@pytest.mark.parametrize("branches", [1, 2])
def test_random_layers_hit_no_more_often(branches: int) -> None:
    """One coordinate, two outputs, 3,000 sources and targets of their own: the share that hits is below the bound plus
    0.03, more than three standard deviations (one-sided level 0.999 for each of 8 comparisons)."""
    rng = np.random.default_rng(5)
    width, errors = 8, np.array([0.003, 0.01, 0.03, 0.1])
    worst = np.zeros(3000)
    for i in range(len(worst)):
        u, v, w = rng.uniform(-1, 1, width), rng.uniform(-1, 1, (2, width)), rng.uniform(-1, 1, 2)
        for sign in (1, -1)[:branches]:
            serves = sign * u > 0
            sums = subsets(int(serves.sum())) @ (u * v)[:, serves].T
            worst[i] = max(worst[i], np.abs(sums - w).min(axis=0).max())
    shares = (worst[:, None] <= errors).mean(axis=0)
    bounds = [counting_hit_bound(e, width, 1, 2, SIGN_OPTIMAL, branches) for e in errors]
    assert np.all(shares <= np.array(bounds) + 0.03)


def test_outputs_of_a_network_hit_no_more_often() -> None:
    """Two features at two points, those of the ticket a little off: 2,000 sources and targets, plus 0.03 as before."""
    rng = np.random.default_rng(6)
    features = np.array([[0.8, 0.3], [0.1, 0.6]])
    found = features + rng.uniform(-0.05, 0.05, (2, 2))
    width, errors = 6, np.array([0.02, 0.05, 0.1, 0.2])
    worst = np.zeros(2000)
    for i in range(len(worst)):
        u, v, w = rng.uniform(-1, 1, (2, width)), rng.uniform(-1, 1, (2, width)), rng.uniform(-1, 1, 2)
        columns = [subsets(int((u[j] > 0).sum())) @ (u[j] * v[j])[u[j] > 0] for j in range(2)]
        chosen = np.stack(np.meshgrid(*columns, indexing="ij"), axis=-1).reshape(-1, 2)
        worst[i] = np.abs(chosen @ found - w @ features).max(axis=1).min()
    shares = (worst[:, None] <= errors).mean(axis=0)
    volume = abs(float(np.linalg.det(features)))
    bounds = np.array([counting_hit_bound(e, width, 2, 1, volume=volume) for e in errors])
    assert np.all(shares <= bounds + 0.03)
    assert bounds[0] < 0.5  # it says something


@given(st.floats(0.01, 0.999), st.integers(2, 20), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 2]))
def test_the_necessary_width_is_the_first_that_is_allowed(
    probability: float, bits: int, inputs: int, outputs: int, branches: int
) -> None:
    width = necessary_width(probability, 2.0**-bits, inputs, outputs, branches=branches)
    assert counting_hit_bound(2.0**-bits, width, inputs, outputs, branches=branches) >= probability * (1 - 1e-12)
    assert width == 0 or counting_hit_bound(2.0**-bits, width - 1, inputs, outputs, branches=branches) < probability


def test_a_rarer_failure_needs_more_units_and_a_bit_two() -> None:
    rare = [necessary_width(1 - p, 2.0**-16, branches=2) for p in (0.5, 0.1, 0.01, 0.001)]
    assert rare == sorted(rare) and rare[-1] > rare[0] + 10
    assert necessary_width(0.5, 2.0**-40) - necessary_width(0.5, 2.0**-20) == pytest.approx(40, abs=2)


def test_what_is_no_argument_is_refused() -> None:
    for bad in (
        {"error": 0.0},
        {"error": math.nan},
        {"width": -1},
        {"inputs": 0},
        {"outputs": 0},
        {"branches": 3},
        {"volume": 0.0},
        {"volume": 1.0, "branches": 2},
    ):
        with pytest.raises(InputError, match="counting bound"):
            counting_hit_bound(**{"error": 0.1, "width": 4, **bad})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="necessary width"):
        necessary_width(1.0, 0.1)
    with pytest.raises(LimitError, match="4096"):
        necessary_width(0.9, 1e-3, units=ThinnedUnits(SIGN_OPTIMAL, 1e-4, 1e-4))
