"""Read-outs: one gain and one offset an output, fitted on training data, the same for every method.

A mask that computes the right function up to the scale of each output is worth nothing to a raw metric, and everything
to this one. What a read-out adds to a ticket are two trained numbers an output, so both scores should be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

FloatArray = npt.NDArray[np.float64]

SLIGHT = 1e-6  # of a squared gain: a read-out of classes that are apart stays finite


@final
@dataclass(frozen=True, eq=False)
class Readout:
    """``gains * outputs + offsets``, both of shape (outputs,)."""

    gains: FloatArray
    offsets: FloatArray

    def __call__(self, outputs: Any) -> FloatArray:
        return np.asarray(outputs, dtype=np.float64) * self.gains + self.offsets

    @staticmethod
    def of_numbers(outputs: Any, targets: Any) -> Readout:
        """Least squares, each output by itself; outputs that do not vary get gain 0. Shapes (count, outputs)."""
        x, y = _pair(outputs, targets)
        if x.shape != y.shape:
            raise InputError(f"fitting a read-out: outputs {x.shape} and targets {y.shape} need one shape")
        middle, size = x.mean(axis=0), _size(x)
        z = (x - middle) / size
        gains = (z * (y - y.mean(axis=0))).mean(axis=0) / np.maximum((z**2).mean(axis=0), np.finfo(float).tiny)
        gains = np.where((z**2).mean(axis=0) > 1e-18, gains, 0.0) / size
        return Readout(gains, y.mean(axis=0) - gains * middle)

    @staticmethod
    def of_classes(outputs: Any, labels: Any) -> Readout:
        """The smallest cross-entropy (a convex problem, found by L-BFGS), outputs of shape (count, classes)."""
        from scipy.optimize import minimize
        from scipy.special import logsumexp

        x, labels = _pair(outputs, labels)
        classes = labels.astype(np.int64)
        if x.ndim != 2 or classes.shape != x.shape[:1]:
            raise InputError(f"fitting a read-out: outputs {x.shape} and labels {classes.shape} do not fit")
        middle, size = x.mean(axis=0), _size(x)
        z, count = (x - middle) / size, x.shape[1]
        there = np.eye(count)[classes]

        def loss(u: FloatArray) -> tuple[float, FloatArray]:
            logits = u[:count] * z + u[count:]
            log = logits - logsumexp(logits, axis=1, keepdims=True)
            gap = (np.exp(log) - there) / len(z)
            value = -log[np.arange(len(z)), classes].mean() + SLIGHT * np.square(u).sum()
            return value, np.concatenate([(gap * z).sum(axis=0), gap.sum(axis=0)]) + 2 * SLIGHT * u

        found = minimize(loss, np.repeat([1.0, 0.0], count), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
        gains = found[:count] / size
        return Readout(gains, found[count:] - gains * middle)


def _pair(outputs: Any, targets: Any) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(outputs, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if not len(x) or not np.isfinite(x).all() or not np.isfinite(y).all():
        raise InputError("fitting a read-out: finite outputs and targets of at least one example are needed")
    return x, y


def _size(x: FloatArray) -> FloatArray:
    """A number near the deviation of each output, 1 for outputs that are 0 or do not vary beyond round-off."""
    spread = np.abs(x - x.mean(axis=0)).max(axis=0)
    return np.where(spread > 1e-6 * np.abs(x).max(axis=0), spread, np.where(spread > 0, np.abs(x).max(axis=0), 1.0))
