"""The golden-ratio greedy (P16): its bound in exact arithmetic, samples against inclusion-exclusion."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.laws import all_bins_filled, golden_ratio_bound, hyperbolic_bin_probability, needed_samples, proportion_band
from slt.laws.golden_ratio import GOLDEN


def inclusion_exclusion(samples: int, bins: int, p: Fraction) -> Fraction:
    return sum((-1) ** j * math.comb(bins, j) * (1 - j * p) ** samples for j in range(bins + 1))  # type: ignore[return-value]


@given(st.integers(1, 12), st.integers(0, 60), st.integers(0, 30))
def test_chain_is_inclusion_exclusion(bins: int, samples: int, empty: int) -> None:
    p = Fraction(1, bins + empty)
    law = all_bins_filled(samples, bins, float(p))
    assert law.shape == (samples + 1,)
    assert law[samples] == pytest.approx(float(inclusion_exclusion(samples, bins, p)), abs=1e-12)
    assert np.all(np.diff(law) >= -1e-15)


def test_needed_samples_are_the_first_that_suffice() -> None:
    for bins, confidence in ((1, 0.5), (8, 0.5), (20, 0.99), (44, 0.9)):
        p = hyperbolic_bin_probability(GOLDEN**bins)
        needed = needed_samples(bins, p, confidence)
        law = all_bins_filled(needed, bins, p)
        assert law[-1] >= confidence > law[-2]
        assert needed == pytest.approx((math.log(bins) - math.log(-math.log(confidence))) / p, rel=0.3, abs=3 / p)


def test_filled_bins_by_simulation() -> None:
    """2,000 runs of 60 signed samples into 8 bins of 12: the probability in its 99.9 % band."""
    smallest = GOLDEN**12
    w = smallest ** np.random.default_rng(5).random((2000, 60)) * np.random.default_rng(6).choice([-1, 1], (2000, 60))
    place = np.floor(np.log(np.abs(w)) / math.log(GOLDEN))
    filled = np.all([((place == i) & (w > 0)).any(axis=1) for i in range(8)], axis=0)
    band = proportion_band(int(filled.sum()), 2000, 0.999)
    p = hyperbolic_bin_probability(smallest)
    assert p == pytest.approx(1 / 24)
    assert hyperbolic_bin_probability(smallest, signed=False) == pytest.approx(1 / 12)
    assert band.low <= all_bins_filled(60, 8, p)[60] <= band.high


@given(st.lists(st.floats(0, 1), min_size=1, max_size=25), st.floats(0, 1))
def test_greedy_stays_within_the_bound(places: list[float], target: float) -> None:
    """Any weights, one a bin: rounding aside, the remainder is at most gamma^bins (the theorem)."""
    left = target
    for i, place in enumerate(places, start=1):
        w = GOLDEN ** (i + place)
        if w <= left:
            left -= w
    assert 0 <= left <= golden_ratio_bound(len(places)) + 1e-12


def test_the_bound_is_sharp_and_worth_0_694_bits() -> None:
    assert math.log2(golden_ratio_bound(1)) == pytest.approx(-0.694, abs=5e-4)
    np.testing.assert_allclose(golden_ratio_bound([0, 2]), [1, 1 - GOLDEN])


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: all_bins_filled(5, 3, 0.5), "together they exceed 1"),
        (lambda: all_bins_filled(-1, 3, 0.1), "samples = -1.0"),
        (lambda: needed_samples(0, 0.1), "bins = 0.0"),
        (lambda: needed_samples(3, 0.1, 1.0), "confidence = 1.0"),
        (lambda: hyperbolic_bin_probability(1.0), "smallest = 1.0"),
        (lambda: golden_ratio_bound(-1), "bins = -1.0"),
        (lambda: all_bins_filled(3, 1, 0.0), "probability = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    with pytest.raises(LimitError):
        all_bins_filled(10**8, 1, 0.5)
