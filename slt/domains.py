"""Domains: which inputs count.

The same object tells a construction which signs its inputs take and a certificate where its bound must hold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.arguments import numbers
from slt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Domain(ABC):
    """A bounded set of inputs, each a vector of ``d`` coordinates."""

    @abstractmethod
    def bounds(self, d: int) -> tuple[FloatArray, FloatArray]:
        """The smallest box around the domain: lower and upper bounds, each of shape (d,)."""

    @abstractmethod
    def sample(self, d: int, count: int, rng: np.random.Generator) -> FloatArray:
        """``count`` points of the domain, shape (count, d); not uniform, for testing and for starting points."""

    @abstractmethod
    def project(self, points: FloatArray) -> FloatArray:
        """The nearest points of the domain, same shape (count, d)."""

    def positive(self, d: int) -> BoolArray:
        """Coordinates that can be above zero, shape (d,)."""
        return self.bounds(d)[1] > 0

    def negative(self, d: int) -> BoolArray:
        """Coordinates that can be below zero, shape (d,)."""
        return self.bounds(d)[0] < 0


@final
@dataclass(frozen=True)
class Ball(Domain):
    """All x with Euclidean norm at most ``radius``."""

    radius: float = 1.0

    def __post_init__(self) -> None:
        number = isinstance(self.radius, (int, float, np.integer, np.floating))
        if not (number and np.isfinite(self.radius) and self.radius > 0):
            raise InputError(f"a ball needs a finite radius above 0; {self.radius!r} was given")
        object.__setattr__(self, "radius", float(self.radius))

    def bounds(self, d: int) -> tuple[FloatArray, FloatArray]:
        return np.full(d, -float(self.radius)), np.full(d, float(self.radius))

    def sample(self, d: int, count: int, rng: np.random.Generator) -> FloatArray:
        directions = rng.standard_normal((count, d))
        norms = np.linalg.norm(directions, axis=1, keepdims=True)
        return self.project(directions / norms * (self.radius * rng.random((count, 1)) ** (1 / d)))

    def project(self, points: FloatArray) -> FloatArray:
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        # a hair inside, so that rounding never leaves the ball
        limit = self.radius * (1 - 1e-12)
        return np.asarray(points * np.minimum(1.0, limit / np.maximum(norms, 1e-300)))


@final
@dataclass(frozen=True)
class Box(Domain):
    """All x with ``low <= x <= high``; each bound a number for every coordinate or a sequence of d numbers."""

    low: float | tuple[float, ...] = 0.0
    high: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = numbers(getattr(self, name), f"a box: its {name} bounds")
            if value.ndim > 1 or not np.all(np.isfinite(value)):
                raise InputError(f"a box needs finite numbers as its {name} bound; {getattr(self, name)!r} was given")
            object.__setattr__(self, name, float(value) if value.ndim == 0 else tuple(value.tolist()))
        low, high = np.asarray(self.low), np.asarray(self.high)
        if low.ndim and high.ndim and low.shape != high.shape:
            raise InputError(f"a box needs as many low as high bounds; {low.size} and {high.size} were given")
        if np.any(low > high):
            raise InputError(f"a box needs low <= high in every coordinate; low={self.low!r}, high={self.high!r}")

    def bounds(self, d: int) -> tuple[FloatArray, FloatArray]:
        for name in ("low", "high"):
            size = np.size(getattr(self, name))
            if np.ndim(getattr(self, name)) and size != d:
                raise InputError(f"the box has {size} coordinates, the inputs have {d}: give {d} bounds or one number")
        low = np.broadcast_to(np.asarray(self.low, dtype=np.float64), (d,)).copy()
        high = np.broadcast_to(np.asarray(self.high, dtype=np.float64), (d,)).copy()
        return low, high

    def sample(self, d: int, count: int, rng: np.random.Generator) -> FloatArray:
        low, high = self.bounds(d)
        inner = low + (high - low) * rng.random((count, d))
        corners = np.where(rng.random((count, d)) < 0.5, low, high)
        # half of the points are corners: sup errors live there
        return np.asarray(np.where((np.arange(count) % 2 == 0)[:, None], corners, self.project(inner)))

    def project(self, points: FloatArray) -> FloatArray:
        low, high = self.bounds(points.shape[1])
        return np.asarray(np.clip(points, low, high))
