"""Matches by chance (P23), distinct ones, and random paths (P25), against simulation and counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom

from slt.errors import InputError
from slt.laws import (
    greedy_path_probability,
    matched_layer_probability,
    matched_layer_published,
    matched_network_probability,
    needed_planted_width,
    neuron_match_probability,
    planted_existence,
    proportion_band,
    random_path_probability,
)


def _distinct(target: np.ndarray, kept: np.ndarray, width: int, error: float, draws: int) -> tuple[float, float]:
    """Shares of draws in which all target neurons (n, k) have a match, and distinct ones; `kept` (n, k) parameters
    count."""
    rng = np.random.default_rng(5)
    some = distinct = 0
    for _ in range(draws):
        away = np.abs(rng.uniform(-1, 1, (width, 1, target.shape[1])) - target)
        match = ((away <= error) | ~kept).all(axis=2).T  # (n, width)
        some += match.any(axis=1).all()
        if match.any(axis=1).all():
            rows, columns = linear_sum_assignment(match, maximize=True)
            distinct += bool(match[rows, columns].all()) and len(rows) == len(target)
    return some, distinct


@pytest.mark.parametrize(("k", "error", "seen"), [(2, 0.1, 0.634), (3, 0.2, 0.552)])
def test_existence_of_the_notes(k: int, error: float, seen: float) -> None:
    """P23 at width 100, and 4,000 draws of ours in a band of 99.9 %."""
    law = float(planted_existence(error, k, 100))
    assert law == pytest.approx(seen, abs=6e-4)
    rng = np.random.default_rng(k)
    target = rng.uniform(-1 + error, 1 - error, k)
    hits = sum((np.abs(rng.uniform(-1, 1, (100, k)) - target) <= error).all(axis=1).any() for _ in range(4000))
    band = proportion_band(int(hits), 4000, 0.999)
    assert band.low <= law <= band.high


def test_needed_widths() -> None:
    for error, k, probability in ((0.1, 2, 0.9), (0.3, 1, 0.5), (0.5, 4, 0.99)):
        width = needed_planted_width(probability, error, k)
        assert planted_existence(error, k, width) >= probability > planted_existence(error, k, width - 1)
    assert needed_planted_width(0.5, 0.3, 0) == 1
    assert needed_planted_width(0.5, 1e-3, 20) == pytest.approx(1e60 * math.log(2))
    assert neuron_match_probability(0.1, [0, 1, 3]) == pytest.approx([1, 0.1, 1e-3])


def test_a_layer_is_bounded_from_below_by_distinct_matches() -> None:
    """Targets far apart and alike, 2,000 draws: the truth's band of 99.9 % is not below the proved bound; where the
    targets are alike the published one is above it."""
    for target, width in (
        (np.zeros((3, 2)), 40),
        (np.array([[0.6, 0.6], [-0.6, 0.6], [0.0, -0.6]]), 40),
        (np.array([[0.6, 0.1], [0.5, -0.6], [0.1, 0.0], [0.3, 0.3]]), 60),
    ):
        kept = np.ones_like(target, dtype=bool)
        kept[0, 1] = False
        some, distinct = _distinct(target, kept, width, 0.35, 2000)
        parameters = kept.sum(axis=1)
        assert some >= distinct
        law = matched_layer_probability(0.35, parameters, width)
        assert 0.3 < law <= proportion_band(distinct, 2000, 0.999).high
    match = 0.35**2
    alike = matched_layer_probability(0.35, [2, 2, 2], 25)
    assert 0 < alike <= 1 - binom.cdf(2, 25, match) < matched_layer_published(0.35, [2, 2, 2], 25)


def test_the_published_layer_can_be_wrong_altogether() -> None:
    """Two target neurons, one random: no two matches, whatever the union bound says."""
    assert matched_layer_published(0.9, [1, 1], 1) == pytest.approx(0.8)
    assert matched_layer_probability(0.9, [1, 1], 1) == 0
    assert matched_layer_probability(0.9, [1], 1) == pytest.approx(0.9) == matched_layer_published(0.9, [1], 1)


def test_the_bound_by_enumerating_matches() -> None:
    """All 2^(2 n) patterns of independent matches of two targets and width 4: the truth is never below the bound."""
    for one, two in ((0.3, 0.3), (0.5, 0.25), (0.9, 0.81)):
        truth = 0.0
        for pattern in itertools.product((0, 1), repeat=8):
            a, b = np.array(pattern[:4]), np.array(pattern[4:])
            chance = np.prod(np.where(a, one, 1 - one)) * np.prod(np.where(b, two, 1 - two))
            truth += chance * (a.any() and b.any() and (a | b).sum() > 1)
        k = np.log([one, two]) / np.log(one)
        if np.all(k == np.floor(k)):
            bound = matched_layer_probability(one, k, 4)
            assert bound <= truth


def test_networks_are_products_and_wide_ones_certain() -> None:
    layers = [[2, 3], [1]]
    parts = [matched_layer_probability(0.3, k, n) for k, n in zip(layers, (200, 20), strict=True)]
    assert matched_network_probability([0.3, 0.3], layers, [200, 20]) == pytest.approx(math.prod(parts))
    assert matched_network_probability([0.3, 0.3], layers, [5000, 200]) > 0.999
    assert matched_layer_probability(0.3, [2, 3], 200) <= matched_layer_published(0.3, [2, 3], 200)


@pytest.mark.parametrize("widths", [[1], [3], [1, 1, 4], [2, 3, 1], [3, 3, 3, 1]])
def test_paths_by_counting_or_simulation(widths: list[int]) -> None:
    """All signs where they are at most 2^12, else 20,000 draws in a band of 99.9 %."""
    sizes = [1, *widths]
    edges = [a * b for a, b in itertools.pairwise(sizes)]
    rng = np.random.default_rng(6)
    exact = sum(edges) <= 12
    signs = (
        np.array(list(itertools.product((False, True), repeat=sum(edges))))
        if exact
        else rng.random((20_000, sum(edges))) < 0.5
    )
    reached = np.ones((len(signs), 1), bool)
    for (a, b), block in zip(itertools.pairwise(sizes), np.split(signs, np.cumsum(edges)[:-1], axis=1), strict=True):
        reached = (block.reshape(-1, a, b) & reached[:, :, None]).any(axis=1)
    hits = int(reached.any(axis=1).sum())
    law = random_path_probability(widths)
    if exact:
        assert law == pytest.approx(hits / len(signs), abs=1e-12)
    else:
        band = proportion_band(hits, len(signs), 0.999)
        assert band.low <= law <= band.high
    greedy = greedy_path_probability(widths)
    assert greedy == pytest.approx(math.prod(1 - 2.0**-n for n in widths))
    assert greedy <= law + 1e-12
    assert (abs(greedy - law) < 1e-12) == (set(widths[:-1]) <= {1})


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: planted_existence(1.0, 2, 3), "error = 1.0"),
        (lambda: planted_existence(0.5, -1, 3), "parameters = -1.0"),
        (lambda: planted_existence(0.5, 1, -3), "width = -3.0"),
        (lambda: matched_layer_probability(0.5, [], 3), "one number a neuron"),
        (lambda: matched_network_probability([0.5], [[1], [2]], [3, 3]), "1 errors, 2 layers"),
        (lambda: needed_planted_width(0.0, 0.5, 1), "probability = 0.0"),
        (lambda: random_path_probability([]), "the width of each layer"),
        (lambda: greedy_path_probability([2, 0]), "widths = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
