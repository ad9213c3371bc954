"""Number partitioning (P7) against enumeration of all splits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import partition_quantile, partition_scale, partition_tail, quantile_band
from slt.laws.item_laws import NORMAL_PRODUCT
from tests.laws.brute_force import DRAWS, all_sums


@pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))
def test_quantiles_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """2,000 draws of 12 items: 10 % and 50 % quantiles in 99.9 % bands widened 15 %."""
    x = draw(np.random.default_rng(2), (2000, 12))
    # signs + and -: twice a subset sum minus the total; the last item may keep its sign
    best = np.abs(2 * all_sums(x[:, :-1]) - x[:, :-1].sum(axis=1)[:, None] + x[:, -1:]).min(axis=1)
    for q in (0.1, 0.5):
        band = quantile_band(best, q, 0.999)
        assert band.low / 1.15 < partition_quantile(q, 12, items) < band.high * 1.15


def test_the_law_is_exponential() -> None:
    n = np.array([5, 10, 20])
    np.testing.assert_allclose(partition_scale(n), np.sqrt(2 * math.pi * n / 3) * 2.0**-n)
    np.testing.assert_allclose(partition_quantile(0.5, n), math.log(2) * partition_scale(n))
    for q in (0.01, 0.9, 1 - 1e-12):
        np.testing.assert_allclose(partition_tail(partition_quantile(q, n), n), 1 - q, rtol=1e-3)
    assert partition_scale(7, NORMAL_PRODUCT) == pytest.approx(math.sqrt(14 * math.pi) / 128)


def test_bad_input_is_named() -> None:
    for call in (
        lambda: partition_tail(-1.0, 3),
        lambda: partition_quantile(0.0, 3),
        lambda: partition_scale(0),
        lambda: partition_scale(2.5),
    ):
        with pytest.raises(InputError):
            call()
