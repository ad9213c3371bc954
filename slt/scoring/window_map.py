"""Linear maps that treat all places of an image alike: convolutions, sums over windows, layers on a last dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt

from slt.scoring.gram_norm import convolution_norm_up
from slt.scoring.linear_maps import LinearMap, extremes
from slt.scoring.rounding import interval_product, norm_up, product_error, product_up, sum_up, upward

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

CHUNK = 2**23  # numbers of gathered windows held at a time, 64 MiB


@final
@dataclass(frozen=True, eq=False)
class WindowMap(LinearMap):
    """Output (g, r, p) is the product of row r of kernel g with the inputs that window p of group g sees.

    entries        (groups, rows, taps)
    index          (groups, taps, windows): the input coordinate at each place of a window, ``count`` outside
    count          how many inputs there are
    kernel         (channels, height, width) of a convolution's taps, None for other maps
    windows_first  outputs are ordered (g, p, r) instead
    """

    index: IntArray
    count: int
    kernel: tuple[int, int, int] | None = None
    windows_first: bool = False

    @property
    def inputs(self) -> int:
        return self.count

    def having(self, entries: FloatArray) -> WindowMap:
        return replace(self, entries=entries)

    def where(self, flags: BoolArray) -> BoolArray:
        seen = np.append(flags, True)[self.index]
        alike: BoolArray = np.asarray(seen.all(axis=2))
        if self.kernel is not None:  # of a channel, so that the map stays a convolution of constant channels
            alike = alike.reshape(len(alike), self.kernel[0], -1)
            alike = np.broadcast_to(alike.all(axis=2, keepdims=True), alike.shape).reshape(len(alike), -1)
        return alike[:, None]

    def _gathered(self, x: FloatArray, group: int) -> FloatArray:
        """(taps, windows) or (taps, windows, n)."""
        return np.asarray(np.concatenate([x, np.zeros((1, *x.shape[1:]))])[self.index[group]])

    def _joined(self, parts: list[FloatArray]) -> FloatArray:
        """(rows, windows, ...) of each group, as outputs."""
        together = np.stack(parts)
        together = together.swapaxes(1, 2) if self.windows_first else together
        return together.reshape(-1, *together.shape[3:])

    def apply(self, x: FloatArray) -> FloatArray:
        if x.ndim == 2:
            step = max(1, CHUNK // self.index[0].size)
            parts = [self._columns(x[:, i : i + step]) for i in range(0, x.shape[1], step)]
            return np.concatenate(parts, axis=1) if parts else np.zeros((len(self._outputs()), 0))
        return self._joined([K @ self._gathered(x, g) for g, K in enumerate(self.entries)])

    def _columns(self, x: FloatArray) -> FloatArray:
        made = []
        for g, K in enumerate(self.entries):
            seen = self._gathered(x, g)
            made.append((K @ seen.reshape(len(seen), -1)).reshape(len(K), *seen.shape[1:]))
        return self._joined(made)

    def _outputs(self) -> FloatArray:
        return np.zeros(self.entries.shape[0] * self.entries.shape[1] * self.index.shape[2])

    def product_up(self, x: FloatArray) -> FloatArray:
        return self._joined([product_up(K, self._gathered(x, g)) for g, K in enumerate(self.entries)])

    def product_error(self, size: FloatArray, spread: float) -> FloatArray:
        return self._joined([product_error(K, self._gathered(size, g), spread) for g, K in enumerate(self.entries)])

    def interval(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        ends = [
            interval_product(K, self._gathered(low, g), self._gathered(high, g)) for g, K in enumerate(self.entries)
        ]
        return self._joined([bottom for bottom, _ in ends]), self._joined([top for _, top in ends])

    def ends(self, below: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        bottoms, tops = [], []
        for g, K in enumerate(self.entries):
            first, last = self._gathered(low, g), self._gathered(high, g)
            step = max(1, CHUNK // (8 * K.size))
            parts = [
                extremes(K[:, :, None], below[g][:, :, None], first[None, :, i : i + step], last[None, :, i : i + step])
                for i in range(0, first.shape[1], step)
            ]
            bottoms.append(np.concatenate([bottom.sum(axis=1) for bottom, _ in parts], axis=1))
            tops.append(np.concatenate([top.sum(axis=1) for _, top in parts], axis=1))
        return self._joined(bottoms), self._joined(tops)

    def row_norms(self) -> FloatArray:
        windows = self.index.shape[2]
        return self._joined([np.repeat(norm_up(K, axis=1)[:, None], windows, axis=1) for K in self.entries])

    def norm(self) -> float:
        """The least of three: by rows and columns (Schur), Frobenius, and for a convolution by its frequencies."""
        sizes = np.abs(self.entries)
        columns = np.zeros(self.count + 1)
        for g, K in enumerate(sizes):
            np.add.at(columns, self.index[g], sum_up(K, axis=0)[:, None])
        column = float(columns[:-1].max(initial=0.0)) * (1 + 4 * self.index.size * 2.0**-53)
        row = float(sum_up(sizes, axis=2).max(initial=0.0))
        found = min(
            float(upward(np.sqrt(upward(row * column)))),
            float(upward(upward(norm_up(sizes)) * upward(np.sqrt(float(self.index.shape[2]))))),
        )
        if self.kernel is None:
            return found
        kernels = self.entries.reshape(*self.entries.shape[:2], *self.kernel)
        # groups see channels of their own
        return min(found, max(convolution_norm_up(kernel) for kernel in kernels))
