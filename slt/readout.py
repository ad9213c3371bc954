"""Read-outs: a linear map fitted on the outputs of a ticket, whose own weights stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.arguments import numbers
from slt.errors import InputError, SltError
from slt.tickets import Ticket

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Readout:
    """``x -> weight @ ticket(x) + constant``. Its numbers are trained, and are all that is: the ticket is the masked
    random network that it was before, and no part of the read-out is in it.

    ``weight`` (outputs, features), ``constant`` (outputs,), ``ridge`` as in ``fit_readout``
    """

    ticket: Ticket
    weight: FloatArray
    constant: FloatArray
    ridge: float

    @property
    def count(self) -> int:
        """How many trained numbers it has."""
        return self.weight.size + self.constant.size

    def predict(self, inputs: Any) -> FloatArray:
        """Outputs (count, outputs) in float64, from the ticket's module."""
        return self.of_features(features(self.ticket, inputs))

    def of_features(self, found: FloatArray) -> FloatArray:
        """The linear map alone, of features (count, features)."""
        return np.asarray(found @ self.weight.T + self.constant)

    def __str__(self) -> str:
        return (
            f"read-out of {self.weight.shape[1]} features: {self.count:,} trained numbers beside {self.ticket.kept:,} "
            "random weights that the ticket keeps"
        )


def features(ticket: Ticket, inputs: Any, batch: int = 1024, collapsed: bool = False) -> FloatArray:
    """What a ticket answers at inputs (count, ...), float64 (count, features): its module, run in float64 on the
    processor. ``collapsed``: from its collapsed matrices, the same function up to rounding, without the large network.
    """
    if not isinstance(ticket, Ticket):
        raise InputError(f"features of a ticket: a Ticket is needed; a {type(ticket).__name__} was given")
    x = numbers(inputs, "features of a ticket: inputs")
    if x.ndim < 2 or not len(x) or not np.all(np.isfinite(x)):
        raise InputError(f"features of a ticket: finite inputs of shape (count, ...) are needed; {x.shape} was given")
    try:
        return _answers(ticket, x, batch, collapsed)
    except SltError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"features of a ticket: inputs of shape {x.shape} were given, and its network fails on them: {error}. Give "
            "(count, ...) as the ticket takes them"
        ) from error


def _answers(ticket: Ticket, x: FloatArray, batch: int, collapsed: bool) -> FloatArray:
    import torch

    if collapsed:
        network = ticket.collapsed()
        parts = [network.forward(x[start : start + batch]) for start in range(0, len(x), batch)]
    else:
        module = ticket.module(dtype=torch.float64)
        with torch.inference_mode():
            parts = [
                module(torch.tensor(x[start : start + batch])).numpy().astype(np.float64)
                for start in range(0, len(x), batch)
            ]
    found = np.concatenate(parts)
    if found.ndim != 2:
        raise InputError(
            f"features of a ticket: its outputs have shape {found.shape}; (count, features) is needed. Put a Flatten "
            "at the end of its target"
        )
    return found


def fit_readout(ticket: Ticket, inputs: Any, targets: Any, ridge: float = 0.0, collapsed: bool = False) -> Readout:
    """The linear map W b(x) + c of a ticket's outputs b that is nearest to ``targets`` in squares: it minimises the
    mean over inputs of ||W b(x) + c - y||^2, plus ridge * ||W||^2. The ticket is read and never changed.

    inputs     (count, ...) as the ticket takes them
    targets    (count, outputs) or (count,); for classes one column each, ``one_hot(labels)``
    ridge      >= 0; 0: least squares, the shortest solution where several are best
    collapsed  as in ``features``

    Raises InputError.
    """
    number = isinstance(ridge, (int, float, np.integer, np.floating)) and not isinstance(ridge, bool)
    if not (number and np.isfinite(ridge) and ridge >= 0):
        raise InputError(f"fitting a read-out: ridge must be a finite number >= 0; {ridge!r} was given")
    found = features(ticket, inputs, collapsed=collapsed)
    weight, constant = linear_fit(found, targets, float(ridge))
    return Readout(ticket, weight, constant, float(ridge))


def linear_fit(found: FloatArray, targets: Any, ridge: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """W (outputs, features) and c (outputs,) of ``fit_readout``, for features (count, features) from anywhere."""
    y = numbers(targets, "fitting a read-out: targets")
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or len(y) != len(found) or not np.all(np.isfinite(y)):
        raise InputError(
            f"fitting a read-out: for {len(found)} inputs, finite targets of shape ({len(found)}, outputs) are "
            f"needed; {y.shape} was given"
        )
    middle, level = found.mean(axis=0), y.mean(axis=0)
    left, right = found - middle, y - level
    if ridge:
        # the penalty as rows, whose condition is the root of that of the normal equations
        left = np.concatenate([left, np.sqrt(ridge * len(found)) * np.eye(found.shape[1])])
        right = np.concatenate([right, np.zeros((found.shape[1], y.shape[1]))])
    weight = np.linalg.lstsq(left, right, rcond=None)[0].T
    return np.asarray(weight), np.asarray(level - weight @ middle)


def one_hot(labels: Any, classes: int | None = None) -> FloatArray:
    """Labels 0 .. classes - 1 (count,) as columns of ones and zeros, (count, classes)."""
    try:
        y = np.asarray(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"one column a class: labels must be integers of shape (count,); {error}") from error
    if y.ndim != 1 or y.dtype.kind not in "iu" or not y.size or y.min() < 0:
        raise InputError(f"one column a class: labels must be integers >= 0 of shape (count,); {y!r} was given")
    if classes is not None and (isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 1):
        raise InputError(f"one column a class: classes must be a whole number >= 1, or None; {classes!r} was given")
    most = int(y.max()) + 1 if classes is None else int(classes)
    if y.max() >= most:
        raise InputError(f"one column a class: {most} classes were asked for, the labels go up to {y.max()}")
    return np.asarray(np.eye(most)[y])
