"""The golden-ratio greedy (P16): its bound in exact arithmetic, samples against inclusion-exclusion."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.laws import (
    all_bins_filled,
    every_bin_filled,
    golden_ratio_bound,
    hyperbolic_bin_probability,
    hyperbolic_product_bin_probability,
    needed_samples,
    proportion_band,
    samples_that_fill_every_bin,
)
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


def test_products_by_simulation() -> None:
    """200,000 products: every bin's share of them within 4.5 standard deviations (24 bins, level 2e-4)."""
    rng, smallest, scale = np.random.default_rng(7), 2.0**-6, 0.7
    w = smallest ** rng.random((2, 200_000)) * rng.choice([-1, 1], (2, 200_000))
    place = np.floor((np.log(np.abs(w.prod(axis=0))) - math.log(scale)) / math.log(GOLDEN))
    law = hyperbolic_product_bin_probability(np.arange(24), smallest, scale, signed=False)
    seen = np.array([np.mean(place == i) for i in range(24)])
    assert np.all(np.abs(seen - law) <= 4.5 * np.sqrt(law * (1 - law) / 200_000) + 1e-12)
    np.testing.assert_allclose(hyperbolic_product_bin_probability(np.arange(24), smallest, scale), law / 2)


@given(st.floats(1e-4, 0.9), st.floats(1e-3, 1))
def test_bins_of_products_hold_all_of_them(smallest: float, scale: float) -> None:
    law = hyperbolic_product_bin_probability(np.arange(200), smallest, scale, signed=False)
    depth = math.log(1 / scale) / math.log(1 / smallest)
    above = depth**2 / 2 if depth <= 1 else 1 - max(2 - depth, 0) ** 2 / 2
    assert law.sum() == pytest.approx(1 - above, abs=1e-9) and np.all(law >= 0)


@given(st.lists(st.fractions(0, 1, max_denominator=20), min_size=1, max_size=5), st.integers(0, 40))
def test_bounds_hold_the_exact_probability(weights: list[Fraction], samples: int) -> None:
    """Inclusion and exclusion over all sets of bins, in fractions."""
    total = max(sum(weights), Fraction(1))
    p = [w / total for w in weights]
    exact = Fraction(0)
    for chosen in range(2 ** len(p)):
        left = [p[i] for i in range(len(p)) if chosen >> i & 1]
        exact += (-1) ** len(left) * (1 - sum(left)) ** samples
    low, high = every_bin_filled(samples, [float(x) for x in p])
    assert low - 1e-9 <= float(exact) <= high + 1e-9
    empty = float(sum((1 - x) ** samples for x in p))
    assert high - low <= max(empty, 0) ** 2 + 1e-9


def test_samples_that_fill_every_bin_are_the_first_that_do_and_do() -> None:
    """1,000 runs: at least the confidence, less 3.3 standard deviations (level 0.0005)."""
    p = hyperbolic_product_bin_probability(np.arange(1, 9), 2.0**-6, 0.5)
    needed = samples_that_fill_every_bin(p, 0.9)
    assert every_bin_filled(needed, p)[0] >= 0.9 > every_bin_filled(needed - 1, p)[0]
    counts = np.random.default_rng(8).multinomial(needed, [*p, 1 - p.sum()], size=1000)[:, :-1]
    assert np.mean(np.all(counts > 0, axis=1)) >= 0.9 - 3.3 * math.sqrt(0.09 / 1000)
    # bins of one probability: the chain is exact, the union bound asks for no more than a few others
    q = hyperbolic_bin_probability(GOLDEN**8)
    assert 0 <= samples_that_fill_every_bin([q] * 8, 0.9) - needed_samples(8, q, 0.9) <= 3


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: all_bins_filled(5, 3, 0.5), "together they exceed 1"),
        (lambda: all_bins_filled(-1, 3, 0.1), "samples = -1.0"),
        (lambda: needed_samples(0, 0.1), "bins = 0.0"),
        (lambda: needed_samples(3, 0.1, 1.0), "confidence = 1.0"),
        (lambda: hyperbolic_bin_probability(1.0), "smallest = 1.0"),
        (lambda: golden_ratio_bound(-1), "bins = -1.0"),
        (lambda: all_bins_filled(3, 1, 0.0), "probability = 0.0"),
        (lambda: hyperbolic_product_bin_probability(1, 0.1, 1.5), "scale = 1.5"),
        (lambda: hyperbolic_product_bin_probability(-1, 0.1), "bins = -1.0"),
        (lambda: every_bin_filled(3, [0.7, 0.7]), "sum 1.4"),
        (lambda: every_bin_filled(3, [-0.1, 0.7]), "none below 0"),
        (lambda: every_bin_filled(3, 0.5), r"shape \(\)"),
        (lambda: samples_that_fill_every_bin([0.5], 1.0), "confidence = 1.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    with pytest.raises(LimitError):
        all_bins_filled(10**8, 1, 0.5)


def test_bins_that_nothing_fills_are_refused() -> None:
    with pytest.raises(LimitError, match="not enough for a bin of probability 0"):
        samples_that_fill_every_bin([0.5, 0.0])
