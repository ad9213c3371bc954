"""The error over all targets at once (P6) against sorted sums."""

from __future__ import annotations

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import all_targets_error, all_targets_quantile, all_targets_tail, quantile_band
from slt.laws.item_laws import UNIFORM_PRODUCT
from tests.laws.brute_force import DRAWS, all_sums


def largest_distance(items: np.ndarray, half: float) -> np.ndarray:
    """The largest distance from a point of [-half, half] to the nearest subset sum, on a fine grid and in gaps."""
    found = []
    for row in np.sort(all_sums(items), axis=1):
        middles = (row[1:] + row[:-1]) / 2
        points = np.concatenate([[-half, half], middles[np.abs(middles) <= half]])
        place = np.searchsorted(row, points)
        left = np.abs(points - row[np.maximum(place - 1, 0)])
        found.append(np.minimum(left, np.abs(points - row[np.minimum(place, row.size - 1)])).max())
    return np.array(found)


@pytest.mark.parametrize(("items", "draw"), DRAWS, ids=lambda x: getattr(x, "name", ""))
def test_median_by_enumeration(items, draw) -> None:  # type: ignore[no-untyped-def]
    """1,000 draws of 12 items: the law in the 99.9 % band of the median, widened 10 %."""
    band = quantile_band(largest_distance(draw(np.random.default_rng(1), (1000, 12)), 0.5), 0.5, 0.999)
    assert band.low / 1.1 < all_targets_quantile(0.5, 12, items=items) < band.high * 1.1


def test_the_constant_of_the_table() -> None:
    """(1/2) ln 2 sqrt(pi / 6) e^(1/2) = 0.4135 in the limit, reached slowly, as ln n / n."""
    n = np.array([100, 400, 900])
    ratio = all_targets_error(n) / (n**1.5 * 2.0**-n)
    np.testing.assert_allclose(ratio, 0.4135, rtol=0.06)
    assert np.all(np.diff(np.abs(ratio - 0.4135)) < 0)


def test_quantile_inverts_the_tail_which_falls() -> None:
    for q in (0.1, 0.5, 0.9):
        error = all_targets_quantile(q, [8, 14], 0.4, UNIFORM_PRODUCT)
        inside = error < 0.4
        tail = all_targets_tail(error, [8, 14], 0.4, UNIFORM_PRODUCT)
        np.testing.assert_allclose(tail[inside], 1 - q, rtol=1e-6)
    tail = all_targets_tail(np.geomspace(1e-5, 0.4, 20), 10)
    assert np.all(np.diff(tail) <= 1e-12) and tail[0] > 0.9999
    assert np.all(all_targets_tail(0.001, [12, 13, 14, 15])[:-1] > all_targets_tail(0.001, [13, 14, 15]))
    assert all_targets_tail(0.001, 12, 0.25) < all_targets_tail(0.001, 12, 0.5)


def test_bad_input_is_named() -> None:
    for call in (lambda: all_targets_tail(0.0, 3), lambda: all_targets_quantile(1.5, 3), lambda: all_targets_error(0)):
        with pytest.raises(InputError):
            call()
    with pytest.raises(InputError, match=r"half_width = -1\.0"):
        all_targets_tail(0.1, 3, -1.0)
