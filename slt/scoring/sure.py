"""What remains of the difference of two computed outputs once their rounding errors are taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from slt.scoring.rounding import UNDERFLOW, UNIT

if TYPE_CHECKING:
    import torch


@final
@dataclass(frozen=True)
class Sure:
    """A lower bound of the largest difference, and the rounding taken off where it was found."""

    value: float
    paid: float


def sure_difference(
    first: torch.Tensor, first_error: torch.Tensor, second: torch.Tensor, second_error: torch.Tensor, order: float
) -> Sure:
    """The largest real difference of a row that both outputs, (rows, outputs) with error bounds, vouch for.

    ``order``: np.inf or 2. A row whose outputs or errors are not finite vouches for nothing.
    """
    import torch

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
        paid = torch.linalg.vector_norm(doubt, dim=1)
    else:
        paid = doubt.gather(1, where[:, None])[:, 0]
    top = int(size.argmax())
    taken_off = float(paid[top])
    return Sure(float(size[top]), taken_off if np.isfinite(taken_off) else np.inf)
