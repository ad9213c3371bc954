"""Linear maps as certificates use them: products, bounds of products and norms, rounded outward.

A layer's matrices on positive inputs, on negative inputs and of the target have one layout, so sums and differences of
maps are those of their entries. ``DenseMap`` holds a matrix; ``WindowMap`` (``window_map.py``) one kernel for all
places of an image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import numpy.typing as npt

from slt.scoring.gram_norm import quick_norm_up
from slt.scoring.rounding import interval_product, norm_up, product_error, product_up, spectral_norm_up

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LinearMap(ABC):
    """A linear map from ``inputs`` to ``outputs`` coordinates. ``entries``: its float64 numbers, in a layout that the
    subclass knows."""

    entries: FloatArray

    @property
    @abstractmethod
    def inputs(self) -> int:
        """How many coordinates it takes."""

    @abstractmethod
    def having(self, entries: FloatArray) -> Self:
        """The map of the same layout with other entries."""

    @abstractmethod
    def where(self, flags: BoolArray) -> BoolArray:
        """Entries all of whose inputs are flagged, in a shape that broadcasts with the entries; flags (inputs,)."""

    @abstractmethod
    def apply(self, x: FloatArray) -> FloatArray:
        """The image in float64 of x (inputs,) or of each column of x (inputs, n)."""

    @abstractmethod
    def product_up(self, x: FloatArray) -> FloatArray:
        """At least the image of x (inputs,); entries and x are non-negative."""

    @abstractmethod
    def product_error(self, size: FloatArray, spread: float) -> FloatArray:
        """At least |apply(x) u - map x u|, (outputs,), for every x (inputs, n) and u with |u_j| <= v_j.

        ``size`` (inputs,) is at least |x| v, ``spread`` at least sum(v). For a vector x: its absolute value, and 1.
        """

    @abstractmethod
    def interval(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of the image of all x with low <= x <= high."""

    @abstractmethod
    def ends(self, below: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds, but for rounding, of the function that multiplies a coordinate x_j > 0 by this map's entries, one
        with x_j < 0 by the entries ``below``, over low <= x <= high. Each term has its extremes at an end, or at 0."""

    @abstractmethod
    def row_norms(self) -> FloatArray:
        """At least the Euclidean norm of each row, (outputs,)."""

    @abstractmethod
    def norm(self) -> float:
        """At least the largest singular value."""


@final
@dataclass(frozen=True, eq=False)
class DenseMap(LinearMap):
    """``entries`` is the matrix, (outputs, inputs). ``quick``: the norm of a large one without singular values."""

    quick: bool = False

    @property
    def inputs(self) -> int:
        return int(self.entries.shape[1])

    def having(self, entries: FloatArray) -> DenseMap:
        return DenseMap(entries, self.quick)

    def where(self, flags: BoolArray) -> BoolArray:
        return flags

    def apply(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.entries @ x)

    def product_up(self, x: FloatArray) -> FloatArray:
        return product_up(self.entries, x)

    def product_error(self, size: FloatArray, spread: float) -> FloatArray:
        return product_error(self.entries, size, spread)

    def interval(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        return interval_product(self.entries, low, high)

    def ends(self, below: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        bottom, top = extremes(self.entries, below, low, high)
        return bottom.sum(axis=1), top.sum(axis=1)

    def row_norms(self) -> FloatArray:
        return norm_up(self.entries, axis=1)

    def norm(self) -> float:
        return quick_norm_up(self.entries) if self.quick else spectral_norm_up(self.entries)


def extremes(above: FloatArray, below: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The least and the largest of (above x for x > 0, below x for x < 0) over low <= x <= high; shapes broadcast."""
    first, last = (np.where(end > 0, above, below) * end for end in (low, high))
    zero = np.where((low < 0) & (high > 0), 0.0, first)
    return np.minimum(zero, np.minimum(first, last)), np.maximum(zero, np.maximum(first, last))
