"""Exact hits of perturbed (P19) and quantised items (P20) against enumeration; the variance of the latter exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError, LimitError
from slt.laws import (
    needed_perturbed_items,
    needed_quantised_items,
    perturbed_exact_probability,
    proportion_band,
    quantised_exact_probability,
)
from tests.laws.brute_force import DRAWS, all_sums, sizes


@pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))
def test_perturbed_items_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws, n = 7, perturbations of 0.01, target 0.3: 99.9 % bands plus the documented 0.04 (absolute) and 0.09
    (relative; 0.15 for products of normals)."""
    x = draw(np.random.default_rng(1), (2000, 7))
    away = np.abs(all_sums(x) - 0.3)
    relative = 0.16 if items.kurtosis == 9 else 0.09
    for slack, law, off in (
        (0.01 * sizes(7), perturbed_exact_probability(7, absolute=0.01, target=0.3, items=items), 0.04),
        (0.01 * all_sums(np.abs(x)), perturbed_exact_probability(7, 0.01, target=0.3, items=items), relative),
    ):
        band = proportion_band(int((away <= slack).any(axis=1).sum()), 2000, 0.999)
        assert band.low - off < law < band.high + off


@pytest.mark.parametrize(("n", "levels"), [(7, 64), (10, 64), (10, 1024)])
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_whole_numbers_by_enumeration(n: int, levels: int, part: float) -> None:
    """4,000 draws: the law in its 99.9 % band, plus 0.015."""
    rng, target, hits = np.random.default_rng(n + levels), int(part * levels), 0
    for _ in range(8):
        sums = all_sums(rng.integers(-levels, levels + 1, (500, n)).astype(float))
        hits += int((sums[:, 1:] == target).any(axis=1).sum())
    band = proportion_band(hits, 4000, 0.999)
    assert band.low - 0.015 < quantised_exact_probability(n, levels, target) < band.high + 0.015


@pytest.mark.parametrize("levels", [2, 5, 12])
def test_the_variance_of_whole_numbers_is_levels_times_levels_plus_one(levels: int) -> None:
    """The expected number of subsets that sum to 0, exactly by convolution: 2^n phi(0) of variance
    n M (M + 1) / 6 comes within 1.5 %, of variance n M^2 / 6 not within 3 %."""
    n = 24
    one = np.full(2 * levels + 1, 0.5 / (2 * levels + 1))
    one[levels] += 0.5
    whole = np.array([1.0])
    for _ in range(n):
        whole = np.convolve(whole, one)
    exact = whole[n * levels]
    for square, right in ((levels * (levels + 1), True), (levels**2, False)):
        density = 1 / math.sqrt(2 * math.pi * n * square / 6)
        assert (abs(density / exact - 1) < 0.015) == right
        assert (abs(density / exact - 1) < 0.03) == right


def test_needed_items_of_the_notes() -> None:
    """The predictions table has 3, 6, 9, 12 at perturbations 0.1 .. 0.0001 and targets near 0."""
    assert [needed_perturbed_items(absolute=e, target=0.05) for e in (0.1, 0.01, 0.001, 0.0001)] == [3, 6, 9, 12]
    assert needed_quantised_items(2**10) == pytest.approx(10 + math.log2(math.pi * 11 / 6) / 2 + 0.5, abs=1)


def test_probabilities_of_the_notes() -> None:
    """P20 of the notes at n = 10, M = 2^8 .. 2^11, target 0: measured .648, .427, .264, .139."""
    law = quantised_exact_probability(10, 2 ** np.arange(8, 12))
    np.testing.assert_allclose(law, [0.648, 0.427, 0.264, 0.139], atol=0.02)


def test_more_items_and_slack_help() -> None:
    n = np.arange(3, 30)
    for law in (
        perturbed_exact_probability(n, 0.01),
        perturbed_exact_probability(n, 0.0, 0.001, 0.5),
        quantised_exact_probability(n, 100, 30),
    ):
        assert np.all(np.diff(law) > -1e-12) and law[0] >= 0 and law[-1] <= 1
    assert perturbed_exact_probability(5, 0.02) > perturbed_exact_probability(5, 0.01)
    assert quantised_exact_probability(5, 10) > quantised_exact_probability(5, 20)


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: perturbed_exact_probability(3), "one above is needed"),
        (lambda: perturbed_exact_probability(3, -0.1, 0.5), "relative = -0.1"),
        (lambda: quantised_exact_probability(3, 0), "levels = 0.0"),
        (lambda: quantised_exact_probability(0, 3), "n = 0.0"),
        (lambda: needed_perturbed_items(1.0, 0.1), "probability = 1.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()


def test_more_items_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slt.laws.exact_hits._MOST_ITEMS", 5)
    with pytest.raises(LimitError, match="allow larger perturbations"):
        needed_perturbed_items(absolute=1e-6)
    with pytest.raises(LimitError, match="fewer levels"):
        needed_quantised_items(1000)
