"""Overlap by chance against all pairs of masks, and against draws."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.laws import ChanceOverlap, chance_cosine, chance_hamming, chance_jaccard


def enumerated(size: int, first: int, second: int) -> Counter[int]:
    """How often each overlap occurs among all masks B, with A the first places."""
    kept = set(range(first))
    return Counter(len(kept & set(places)) for places in itertools.combinations(range(size), second))


def enumerated_layers(layers: list[tuple[int, int, int]]) -> dict[int, Fraction]:
    total = {0: Fraction(1)}
    for size, a, b in layers:
        counts, new = enumerated(size, a, b), dict[int, Fraction]()
        for (x, p), (y, n) in itertools.product(total.items(), counts.items()):
            new[x + y] = new.get(x + y, Fraction(0)) + p * Fraction(n, math.comb(size, b))
        total = new
    return total


layers_of = st.lists(
    st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))),
    min_size=1,
    max_size=3,
).filter(lambda layers: any(a or b for _, a, b in layers))


@given(layers_of)
def test_the_law_is_that_of_all_masks(layers: list[tuple[int, int, int]]) -> None:
    law = ChanceOverlap(*zip(*layers, strict=True))
    exact = enumerated_layers(layers)
    least, p = law.probabilities
    assert {least + i for i in range(len(p))} >= set(exact)
    for i, value in enumerate(p):
        assert value == pytest.approx(float(exact.get(least + i, Fraction(0))), rel=1e-9)
    mean = sum(x * q for x, q in exact.items())
    assert law.mean == pytest.approx(float(mean), rel=1e-12, abs=1e-12)
    assert law.variance == pytest.approx(float(sum((x - mean) ** 2 * q for x, q in exact.items())), abs=1e-9)
    both = sum(law.first) + sum(law.second)
    expected = sum(Fraction(x, both - x) * q for x, q in exact.items())
    assert law.expected_jaccard == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
    for shared in range(-1, sum(law.sizes) + 2):
        assert law.at_least(shared) == pytest.approx(float(sum(q for x, q in exact.items() if x >= shared)), abs=1e-9)


@given(layers_of, st.floats(0.01, 0.99))
def test_quantiles_are_those_of_the_law(layers: list[tuple[int, int, int]], probability: float) -> None:
    law = ChanceOverlap(*zip(*layers, strict=True))
    exact = enumerated_layers(layers)
    found = law.quantile(probability)
    assert float(sum(q for x, q in exact.items() if x <= found)) >= probability - 1e-9
    assert float(sum(q for x, q in exact.items() if x < found)) <= probability + 1e-9


def test_similarities_of_two_masks() -> None:
    a, b = np.array([1, 1, 1, 0, 0, 0, 1, 0], bool), np.array([0, 1, 1, 1, 0, 0, 0, 0], bool)
    law = ChanceOverlap((8,), (int(a.sum()),), (int(b.sum()),))
    shared = int((a & b).sum())
    assert law.jaccard(shared) == (a & b).sum() / (a | b).sum()
    assert law.cosine(shared) == pytest.approx((a & b).sum() / math.sqrt(a.sum() * b.sum()))
    assert law.hamming(shared) == (a != b).mean()


def test_large_layers_have_the_similarities_of_their_densities() -> None:
    sizes, counts = (235_200, 30_000, 1_000), (117_600, 15_000, 500)
    law = ChanceOverlap(sizes, counts, counts)
    assert law.expected_jaccard == pytest.approx(1 / 3, abs=2e-6)
    assert float(law.jaccard(law.mean)) == pytest.approx(float(chance_jaccard(0.5)), rel=1e-12)
    assert float(law.cosine(law.mean)) == pytest.approx(float(chance_cosine(0.5)), rel=1e-12)
    assert float(law.hamming(law.mean)) == pytest.approx(float(chance_hamming(0.5)), rel=1e-12)
    assert law.probabilities[1].sum() == pytest.approx(1, abs=1e-9)
    low, high = law.band(0.99)
    # 2.5758 deviations on either side of the mean
    assert (high - low) / 2 == pytest.approx(2.5758 * math.sqrt(law.variance), rel=0.01)


def test_unequal_densities_by_layer() -> None:
    """Densities that differ between layers have more in common than their mean densities say."""
    law = ChanceOverlap((10_000, 10_000), (8_000, 1_000), (8_000, 1_000))
    assert law.mean == 6_500
    assert float(law.jaccard(law.mean)) == pytest.approx(6_500 / 11_500)
    assert float(chance_jaccard(0.45)) < 0.3
    assert float(chance_jaccard(0.5, 0.1)) == pytest.approx(0.05 / 0.55)
    assert float(chance_hamming(0.5, 0.1)) == pytest.approx(0.5)
    assert float(chance_cosine(0.5, 0.02)) == pytest.approx(0.1)


def test_the_band_holds_for_drawn_masks() -> None:
    """2,000 pairs; beyond the 99 % band fall at most 38, which 20 expected exceed with probability 1e-4."""
    draws = np.random.default_rng(5)
    sizes, first, second = (300, 50), (90, 20), (120, 5)
    law = ChanceOverlap(sizes, first, second)
    low, high = law.band(0.99)
    beyond = 0
    for _ in range(2_000):
        shared = sum(
            len(np.intersect1d(draws.permutation(n)[:a], draws.permutation(n)[:b]))
            for n, a, b in zip(sizes, first, second, strict=True)
        )
        beyond += not low <= shared <= high
    assert beyond <= 38


@pytest.mark.parametrize(
    ("sizes", "first", "second"),
    [
        ((), (), ()),
        ((3,), (1, 1), (1,)),
        ((3,), (4,), (1,)),
        ((3,), (1,), (-1,)),
        ((3,), (1.5,), (1,)),
        ((3,), (0,), (0,)),
        ((3,), (float("nan"),), (1,)),
        (("a",), (1,), (1,)),
    ],
)
def test_counts_that_no_masks_have(sizes: tuple, first: tuple, second: tuple) -> None:
    with pytest.raises(InputError, match="overlap of masks by chance"):
        ChanceOverlap(sizes, first, second)


@pytest.mark.parametrize("density", [0, -0.1, 1.1, float("nan"), "a"])
def test_densities_out_of_range(density: float) -> None:
    for law in (chance_jaccard, chance_cosine, chance_hamming):
        with pytest.raises(InputError, match="overlap of masks by chance"):
            law(density)
        with pytest.raises(InputError, match="overlap of masks by chance"):
            law(0.5, density)


@pytest.mark.parametrize("level", [0, 1, -1, float("nan")])
def test_levels_out_of_range(level: float) -> None:
    law = ChanceOverlap((3,), (1,), (2,))
    with pytest.raises(InputError, match="strictly between"):
        law.band(level)
    with pytest.raises(InputError, match="strictly between"):
        law.quantile(level)
