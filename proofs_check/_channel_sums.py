"""Convolutions through a random 1 x 1 layer, on integers: each tap of the target is a sum over channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from slt.weights import Key, Uniform

Integers = NDArray[np.int64]
UNITS, OUTPUTS, SIDE, TAPS = 8, 2, 4, 2  # random channels an input channel, and sizes


def convolve(image: Integers, kernel: Integers) -> Integers:
    """(channels, h, w) by (outputs, channels, a, b) to (outputs, h - a + 1, w - b + 1): no padding, stride 1."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[2:], axis=(1, 2))
    return np.einsum("chwab,ocab->ohw", windows, kernel)


@final
@dataclass(frozen=True)
class Pruned:
    """A target (outputs, channels, a, b), and pruned layers that reach it: ``first`` (channels, units), 0 where pruned,
    ``second`` (outputs, channels, units, a, b)."""

    target: Integers
    first: Integers
    second: Integers

    def __call__(self, image: Integers) -> Integers:
        """Both layers, with a ReLU between them."""
        hidden = np.maximum(self.first[:, :, None, None] * image[:, None], 0)
        outputs, channels, units, a, b = self.second.shape
        flat = self.second.reshape(outputs, channels * units, a, b)
        return convolve(hidden.reshape(channels * units, *image.shape[1:]), flat)

    def plain(self) -> dict[str, Any]:
        """In JSON's terms."""
        return {name: getattr(self, name).tolist() for name in ("target", "first", "second")}

    @staticmethod
    def of(stored: Mapping[str, Any]) -> Pruned:
        """From ``plain``."""
        return Pruned(*(np.array(stored[name], dtype=np.int64) for name in ("target", "first", "second")))


def pruned(channels: int, key: Key, positive: bool = True, mirror: int | None = None) -> Pruned:
    """Each tap of the target is a random subset sum of u_h v_h, the random u_h with one sign kept (all, if not
    ``positive``). With ``mirror`` channels come in pairs, and the second of a pair wants ``mirror`` times the first:
    not 0 if they have other sums to choose from."""
    first = _drawn(key / "first", 3, channels, UNITS)
    first = first * (first > 0) if positive else first
    # coarser where two channels need sums in common
    second = _drawn(key / "second", 6 if mirror is None else 2, OUTPUTS, channels, UNITS, TAPS, TAPS)
    masks = (np.arange(2**UNITS)[:, None] >> np.arange(UNITS)) & 1
    target = np.zeros((OUTPUTS, channels, TAPS, TAPS), dtype=np.int64)
    kept = np.zeros_like(second)
    picks = _drawn(key / "picks", 10, *target.shape) % len(masks)
    for o, t, a, b in np.ndindex(*target.shape):
        sums = masks @ (first[t] * second[o, t, :, a, b])
        if mirror is not None and t % 2:
            choice = int(np.flatnonzero(sums == mirror * target[o, t - 1, a, b])[0])
        elif mirror is not None:
            opposite = mirror * (masks @ (first[t + 1] * second[o, t + 1, :, a, b]))
            both = np.flatnonzero(np.isin(sums, opposite))
            both = both[sums[both] != 0] if np.any(sums[both]) else both
            choice = int(both[picks[o, t, a, b] % len(both)])
        else:
            choice = int(picks[o, t, a, b])
        target[o, t, a, b] = sums[choice]
        kept[o, t, :, a, b] = masks[choice] * second[o, t, :, a, b]
    return Pruned(target, first, kept)


def image(channels: int, key: Key, lowest: int) -> Integers:
    """Whole numbers from ``lowest`` to 9."""
    return lowest + _drawn(key / "image", 20, channels, SIDE, SIDE) % (10 - lowest)


def _drawn(key: Key, bits: int, *shape: int) -> Integers:
    flat = Uniform(bits).draw(key, (1, 1, int(np.prod(shape))))
    return flat.reshape(shape).astype(np.int64)
