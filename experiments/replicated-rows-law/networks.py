"""Targets, domains and the floors of first blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import slt
from slt.activation_target import ActivationTarget
from slt.activations import GELU, Activation, LeakyReLU, Sigmoid, Tanh
from slt.tickets import ReplicatedSource

Array = npt.NDArray[np.float64]


def activation_of(name: str, exponent: int) -> Activation:
    """The activation with the scale 2**-exponent near 0, or 2**exponent far out; a leaky ReLU has none."""
    made: dict[str, Activation] = {
        "LeakyReLU": LeakyReLU(0.25),
        "Tanh": Tanh(2.0**-exponent),
        "Sigmoid": Sigmoid(2.0**-exponent),
        "GELU": GELU(2.0**exponent),
    }
    return made[name]


def activated(target: slt.Target, activation: Activation) -> ActivationTarget:
    """The target with that activation in the place of its ReLUs."""
    return ActivationTarget(target, activation)


def floors(ticket: slt.Ticket, points: int = 64) -> Array:
    """For every weight of the first layer and copy the largest |sum of its units - the linear map of its sums| over
    ``points`` inputs in (0, 1] and their negatives, (rows, coordinates); float64, not rounded outward."""
    source = ticket.source_network
    assert isinstance(source, ReplicatedSource)
    activation, part = source.activation, source.parts["layer 0/weight"]
    kept = ticket.mask[part.name].unpack()
    unit = 2.0**-source.law.exponent
    first = source.first() * unit
    second = np.where(kept, source.second(part, slice(None)), 0) * unit
    # the scale of the input shows near 1 / scale as well as at the end
    x = np.unique(
        np.concatenate([np.linspace(0, 1, points // 2 + 1)[1:], np.geomspace(0.1, 8, points // 2) / activation.scale])
    )
    x = x[x <= 1]
    worst = np.zeros(second.shape[:2])
    for z in np.concatenate([x, -x]):
        answer = (activation.apply(activation.scale * first * z) - activation.offset) * activation.gain
        if activation.bends:
            above = first * z > 0
            meant = np.where(above, first * z, activation.slope * first * z)
        else:
            meant = first * z
        worst = np.maximum(worst, np.abs(np.einsum("rjk,jk->rj", second, answer - meant)))
    return worst
