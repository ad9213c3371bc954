"""Exact hits of quantised products and single weights (P20) by enumeration of whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from slt.errors import InputError, LimitError
from slt.laws import (
    SIGN_OPTIMAL,
    LatticeSums,
    LayerSums,
    exact_hit_probability,
    mixture_tail,
    needed_exact_items,
    needed_width_quantile,
    network_no_miss_probability,
    proportion_band,
    reach_tail,
)
from slt.laws.item_laws import UNIFORM, UNIFORM_PRODUCT
from slt.weights import Key, Uniform
from tests.laws.brute_force import all_sums


def _sums(bits: int, factors: int, n: int, draws: int) -> np.ndarray:
    """All subset sums in steps of the lattice, of weights as `Uniform(bits)` draws them."""
    key = Key(3) / f"bits {bits}"
    weights = [Uniform(bits).draw(key / f"factor {i}", (draws, 1, n))[:, 0].astype(float) for i in range(factors)]
    return all_sums(np.prod(weights, axis=0))


@pytest.mark.parametrize(
    ("bits", "factors", "n", "off"),
    [(8, 1, 9, 0.03), (5, 1, 8, 0.04), (6, 2, 11, 0.03), (5, 2, 10, 0.06), (3, 2, 9, 0.18)],
)
@pytest.mark.parametrize("target", [0.0, 0.3, 0.8])
def test_hits_by_enumeration(bits: int, factors: int, n: int, off: float, target: float) -> None:
    """2,000 draws: the law in the 99.9 % band widened by what its docstring says."""
    law = LatticeSums(bits, factors)
    sums = _sums(bits, factors, n, 2000)
    wanted = round(target / law.step)
    assert np.all(sums[:, 1] % 2 == 1)
    band = proportion_band(int((sums[:, 1:] == wanted).any(axis=1).sum()), 2000, 0.999)
    assert band.low - off < exact_hit_probability(n, bits, target, factors) < band.high + off


@pytest.mark.parametrize("bits", [1, 2, 5])
@pytest.mark.parametrize("factors", [1, 2])
def test_the_second_moment_is_exact(bits: int, factors: int) -> None:
    k = np.arange(1 - 2**bits, 2**bits, 2) / 2**bits
    law = LatticeSums(bits, factors)
    assert law.second_moment == pytest.approx(float((k * k).mean()) ** factors)
    assert law.step == 2.0 ** -(bits * factors)


@pytest.mark.parametrize(("factors", "items"), [(1, UNIFORM), (2, UNIFORM_PRODUCT)])
def test_many_bits_are_continuous(factors: int, items) -> None:  # type: ignore[no-untyped-def]
    """Where the error is many steps, the miss is that of continuous items, the larger of mixture and reach."""
    law = LatticeSums(20, factors)
    for n in (8, 20):
        parts = (float(part(0.01, n, 0.3, items)) for part in (mixture_tail, reach_tail))
        assert law.miss_probability(0.01, n, 0.3) == pytest.approx(max(parts), rel=1e-3)
    assert law.miss_probability(0.3, 5, 0.3) == 0


def test_the_empty_subset_and_its_absence() -> None:
    law = LatticeSums(4)
    assert law.miss_probability(law.step / 2, 0, 0.0) == 0 and law.miss_probability(law.step / 2, 0, 0.5) == 1
    assert exact_hit_probability(2, 4, 0.0) < 0.2
    assert law.miss_probability(law.step / 2, 9, 0.3) == pytest.approx(1 - float(exact_hit_probability(9, 4, 0.3)))


def test_needed_items_are_the_fewest() -> None:
    for bits, factors in ((4, 2), (8, 1)):
        n = needed_exact_items(bits, 0.9, 0.3, factors)
        law = exact_hit_probability([n - 1, n], bits, 0.3, factors)
        assert law[0] < 0.9 <= law[1]
        assert n == pytest.approx(bits * factors + 4, abs=4)
    assert needed_exact_items(8) > needed_exact_items(8, factors=1)


def test_networks_are_exact_from_some_width_on() -> None:
    law = LatticeSums(4)
    layers = [LayerSums(np.array([[0.25, -0.5], [0.125, 0.0]]), 2)]
    width = needed_width_quantile(0.9, law.step / 2, layers, SIGN_OPTIMAL, sums=law)
    assert 20 < width < 80
    assert network_no_miss_probability(law.step / 2, width, layers, sums=law) >= 0.9
    finer = LatticeSums(6)
    assert needed_width_quantile(0.9, finer.step / 2, layers, SIGN_OPTIMAL, sums=finer) > width


def test_bad_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for call, text in (
        (lambda: LatticeSums(0), "bits = 0.0"),
        (lambda: LatticeSums(3, 3), "factors = 3"),
        (lambda: exact_hit_probability(0, 3, 0.1), "n = 0.0"),
        (lambda: exact_hit_probability(3, 3, np.nan), "NaN"),
        (lambda: LatticeSums(3).miss_probability(0.0, 3, 0.1), "error = 0.0"),
        (lambda: needed_exact_items(3, 1.0), "probability = 1.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    monkeypatch.setattr(LatticeSums, "most_width", 5)
    with pytest.raises(LimitError, match="5 are not enough"):
        needed_exact_items(8)
