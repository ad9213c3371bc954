"""The moments of features and values on data: all that choosing neurons needs of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.arguments import numbers
from slt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
GRADIENT_STEPS = 200
POWER_STEPS = 40


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """Means over the data: ``gram`` (k, k) of products of two features, ``cross`` (k,) of feature and value, ``power``
    of the squared value.

    The mean squared error of coefficients a is power - 2 a . cross + a . gram a.
    """

    gram: FloatArray
    cross: FloatArray
    power: float

    @staticmethod
    def of(features: Any, values: Any) -> Moments:
        """``features`` (count, k), ``values`` (count,), finite. InputError."""
        f, y = (numbers(a, f"choosing neurons: {name}") for a, name in ((features, "features"), (values, "values")))
        if f.ndim != 2 or y.shape != f.shape[:1] or not f.size:
            raise InputError(
                f"choosing neurons: features (count, k) and values (count,) are needed; shapes {f.shape} and {y.shape} "
                "were given"
            )
        if not (np.isfinite(f).all() and np.isfinite(y).all()):
            raise InputError("choosing neurons: features or values are NaN or infinite; finite ones are needed")
        with np.errstate(over="ignore", invalid="ignore"):
            found = Moments(f.T @ f / len(y), f.T @ y / len(y), float(y @ y / len(y)))
            # by Cauchy and Schwarz the square of a sum of moments is at most this
            most = float(np.sqrt(np.diag(found.gram)).sum()) ** 2 * np.float64(found.power)
        if not np.isfinite(most):
            raise InputError(
                f"choosing neurons: features of size up to {np.abs(f).max():.3g} and values of size up to "
                f"{np.abs(y).max():.3g} have squares beyond 64-bit floats; divide points or values by a constant"
            )
        return found

    @property
    def neurons(self) -> int:
        """k."""
        return len(self.cross)

    def scale(self, kept: BoolArray) -> float:
        """The factor behind the sum of the kept features that has the least mean squared error; 0.0 where that sum is
        0 on all data."""
        square = float(self.gram[np.ix_(kept, kept)].sum())
        return float(self.cross[kept].sum()) / square if square > 0 else 0.0

    def errors(self, kept: BoolArray) -> FloatArray:
        """Mean squared error of each choice of neurons with its best scale, for ``kept`` (choices, k): (choices,)."""
        z = kept.astype(np.float64)
        square, cross = ((z @ self.gram) * z).sum(axis=1), z @ self.cross
        gain = np.divide(cross**2, square, out=np.zeros_like(cross), where=square > 0)
        return np.asarray(self.power - gain)

    def ridge(self, penalty: float) -> FloatArray:
        """The coefficients (k,) with the least mean squared error plus ``penalty`` times the mean square of a feature
        times |a|^2: random features, nothing pruned. InputError unless ``penalty`` > 0."""
        if not penalty > 0:
            raise InputError(f"random features: the penalty must be positive; {penalty!r} was given")
        return np.asarray(np.linalg.solve(self._damped(penalty), self.cross))

    def boxed_ridge(self, penalty: float, largest: float, start: FloatArray) -> FloatArray:
        """The same among coefficients in [0, ``largest``], nearly: 200 steps of the accelerated projected gradient from
        ``start`` (FISTA, Beck and Teboulle 2009, with restarts)."""
        damped = self._damped(penalty)
        v = damped.sum(axis=1)
        for _ in range(POWER_STEPS):
            v = damped @ (v / max(float(np.linalg.norm(v)), np.finfo(np.float64).tiny))
        step = 1 / (1.1 * max(float(np.linalg.norm(v)), np.finfo(np.float64).tiny))
        before = a = np.clip(start, 0, largest)
        moved, momentum = a, 1.0
        for _ in range(GRADIENT_STEPS):
            before, a = a, np.clip(moved - step * (damped @ moved - self.cross), 0, largest)
            if float((moved - a) @ (a - before)) > 0:
                momentum = 1.0  # overshot: a fresh start of the momentum
            after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            moved, momentum = a + (momentum - 1) / after * (a - before), after
        return np.asarray(a)

    def _damped(self, penalty: float) -> FloatArray:
        size = max(float(np.trace(self.gram)) / self.neurons, np.finfo(np.float64).tiny)
        return np.asarray(self.gram + penalty * size * np.eye(self.neurons))
