"""What claims on random numbers share: their bands, and the samples beside plain ones."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

import slt
from slt import laws
from slt.claims import find_claims
from slt.claims.collection import PACKAGE

find_claims(Path(__file__).parents[2] / "proofs_check")
ROWS, SAMPLES, GAP, ZERO = (
    sys.modules[f"{PACKAGE}.{name}"] for name in ("_rows", "_samples", "_widest_gap", "random_subset_sum_mean_at_zero")
)
KEY = slt.Key(5) / "rows of laws"


def uniforms(name: str, shape: tuple[int, int]) -> np.ndarray:
    draws = slt.Uniform(52).draw(KEY / name, (1, *shape))[0].astype(np.float64)
    return (np.ldexp(draws, -52) + 1) / 2


def test_the_band_of_a_mean_covers_a_heavy_tail():
    # 300 samples of 200 numbers that are 1 with probability 1/50; level 0.99, one in a hundred may miss: 10 are allowed
    missed = 0
    for sample in uniforms("mean", (300, 200)) < 0.02:
        low, high = ROWS.Mean("", sample.astype(np.float64), 0.02, 0.0, 1.0).band(0.99)
        missed += not low <= 0.02 <= high
    assert missed <= 10


def test_the_band_of_a_mean_is_that_of_the_inequality():
    sample = np.array([0.0, 0.5, 1.0, 0.5])
    low, high = ROWS.Mean("", sample, 0.5, 0.0, 2.0).band(0.96)
    half = np.sqrt(2 * sample.var(ddof=1) * np.log(100) / 4) + 7 * 2.0 * np.log(100) / 9
    np.testing.assert_allclose([low, high], [0.5 - half, 0.5 + half])


def test_slopes_are_of_medians_and_cover_the_true_one():
    # 200 pairs of samples of 99, the second an eighth of the first's law in 6 steps; level 0.95: 20 may miss
    missed = 0
    for row in uniforms("slope", (200, 198)):
        low, high = ROWS.Slope("", row[:99], row[99:] / 8, 6, -0.5, 0.0).band(0.95)
        assert low <= np.log2(np.median(row[99:]) / 8 / np.median(row[:99])) / 6 <= high
        missed += not low <= -0.5 <= high
    assert missed <= 20


def test_chances_are_off_by_absolute_amounts():
    row = ROWS.Chance("", np.arange(100) < 30, 0.4, 0.1)
    assert row.slack * row.law == pytest.approx(0.1)
    assert row.band(0.95) == (laws.proportion_band(30, 100).low, laws.proportion_band(30, 100).high)


def test_nonempty_subsets_at_zero_are_those_of_all_subsets():
    found = ZERO.errors_at_zero(KEY / "zero", 50, 6)
    items = SAMPLES.random_items(KEY / "zero", 50, 6)
    for row, error in zip(items.tolist(), found.tolist(), strict=True):
        subsets = itertools.chain.from_iterable(itertools.combinations(row, k) for k in range(1, 7))
        assert error == min(abs(sum(subset)) for subset in subsets) / SAMPLES.UNIT


def test_the_farthest_target_is_that_of_a_fine_grid():
    items = SAMPLES.random_items(KEY / "gap", 20, 6)
    grid = np.linspace(-0.5, 0.5, 4001)
    for row, farthest in zip(items, GAP.farthest(items), strict=True):
        sums = [sum(s) / SAMPLES.UNIT for k in range(7) for s in itertools.combinations(row.tolist(), k)]
        on_grid = np.abs(grid[:, None] - np.array(sums)).min(axis=1).max()
        assert on_grid <= farthest * (1 + 1e-12) and farthest <= on_grid + 1 / 8000 + 1e-12


def test_items_of_a_kind_have_its_moments():
    # 60,000 draws; six standard deviations of the mean square
    for kind, law in SAMPLES.ITEMS.items():
        x = np.ldexp(SAMPLES.random_items(KEY / kind, 20_000, 3, kind).astype(np.float64), -SAMPLES.LATTICE)
        spread = np.sqrt((law.fourth_moment - law.second_moment**2) / x.size)
        assert abs(np.square(x).mean() - law.second_moment) < 6 * spread


def test_errors_of_weights_are_those_of_as_many_tickets_of_one():
    construction, key = slt.LooksLinear(), KEY / "weights"
    errors = SAMPLES.weight_errors(construction, 0.25, 4, 8, key)
    assert errors.shape == (4,) and np.unique(errors).size == 4
    alone = SAMPLES.weight_errors(construction, 0.25, 1, 8, key)
    assert alone[0] == errors[0]
