"""Lower bounds of the sup error, from inputs.

Both networks are evaluated in float64 with a running error analysis beside them (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd edition, sections 3.1 and 3.3): for every value an a-priori bound of its distance to the real
number is carried from layer to layer. What remains of the difference of two outputs after both bounds are taken off is
a lower bound of the real error at that input, so of the sup error over every domain that holds the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from slt.collapsed import CollapsedNetwork
from slt.errors import InputError
from slt.scoring.evaluation import Network, device_of, points_of
from slt.scoring.networks import Collapsible, pair
from slt.scoring.rounding import UNDERFLOW, UNIT
from slt.scoring.score import Kind, Score, checked_order, shown
from slt.targets import Target

if TYPE_CHECKING:
    import torch
    from torch import nn


def sampled(
    ticket: Collapsible | CollapsedNetwork,
    model: nn.Module | Target,
    inputs: Any,
    device: str | torch.device | None = None,
    batch: int = 4096,
    order: float = np.inf,
) -> Score:
    """A lower bound of the sup over x of ||ticket(x) - model(x)||, over the reals, from ``inputs``.

    ``inputs``: array or tensor of shape (count, ...), finite; cast to float64, and the cast numbers are the inputs that
    the bound speaks of. ``device``: where torch evaluates, by default the processor. ``order``: np.inf for the largest
    output difference, 2 for its Euclidean norm. Raises InputError.
    """
    import torch

    order = checked_order(order)
    network, target = pair(ticket, model)
    points = points_of(inputs, target.inputs)
    if batch < 1:
        raise InputError(f"sampling the error: batch={batch!r} was given; at least 1 input at a time is needed")
    place = device_of(device)
    left, right = Network.of(network, place), Network.of(target, place)
    best, paid = 0.0, 0.0
    for start in range(0, len(points), batch):
        x = torch.tensor(points[start : start + batch], device=place)
        first, first_error = left.forward_with_error(x)
        second, second_error = right.forward_with_error(x)
        gap = (first - second).abs()
        # the subtraction is rounded, and so is this sum
        doubt = (first_error + second_error + 2 * UNIT * gap) * (1 + 8 * UNIT) + 2 * UNDERFLOW
        sure = torch.where(gap.isfinite(), (gap - doubt).clamp(min=0.0) * (1 - 4 * UNIT), 0.0).nan_to_num(nan=0.0)
        size, where = sure.max(dim=1)
        if order == 2:
            shrink = 1 - 2 * (sure.shape[1] + 8) * UNIT
            scaled = sure / size.clamp(min=UNDERFLOW)[:, None]
            length = scaled.square().sum(dim=1).sqrt() * size * shrink
            size = torch.where(length.isfinite(), torch.maximum(size, length), size)
            paid_here = torch.linalg.vector_norm(doubt, dim=1)
        else:
            paid_here = doubt.gather(1, where[:, None])[:, 0]
        top = int(size.argmax())
        if start == 0 or float(size[top]) > best:
            best, paid = float(size[top]), float(paid_here[top])
    paid = paid if np.isfinite(paid) else np.inf
    text = f"sampled on {len(points):,} inputs, float64, minus a rounding bound of {shown(paid)}"
    return Score(best, Kind.SAMPLED_LOWER, rounding=paid, norm=order, text=text)
