"""What a network scores on a loader."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, final

import torch

from slt.errors import InputError
from slt.search.objectives import Loss


@final
@dataclass(frozen=True)
class Evaluation:
    """``loss``: the mean over examples. ``accuracy``: the share of targets that are the largest output; None where the
    targets are no classes."""

    loss: float
    accuracy: float | None
    examples: int

    def better_than(self, other: Evaluation | None) -> bool:
        """By accuracy where there is one, then by loss."""
        if other is None:
            return True
        if self.accuracy is not None and other.accuracy is not None and self.accuracy != other.accuracy:
            return self.accuracy > other.accuracy
        return self.loss < other.loss


def evaluate(
    network: Callable[[Any], torch.Tensor], loader: Iterable[Any], loss: Loss, device: torch.device
) -> Evaluation:
    """Every batch of the loader, without gradients. InputError where it has none."""
    total, right, labels, examples = 0.0, 0, 0, 0
    with torch.no_grad():
        for batch in loader:
            inputs, targets = on_device(batch, device)
            outputs = network(inputs)
            total += float(loss(outputs, targets)) * len(targets)
            examples += len(targets)
            if not targets.is_floating_point() and outputs.shape[:-1] == targets.shape:
                right += int((outputs.argmax(-1) == targets).sum())
                labels += targets.numel()
    if not examples:
        raise InputError("evaluating a network: the loader has no batches; give one that yields (inputs, targets)")
    if not math.isfinite(total):
        total = math.inf
    return Evaluation(total / examples, right / labels if labels else None, examples)


def on_device(batch: Any, device: torch.device) -> tuple[Any, torch.Tensor]:
    """(inputs, targets) of a batch, on the device. InputError for batches of another form."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise InputError(
            f"reading a batch: a pair (inputs, targets) is needed; a {type(batch).__name__}"
            f"{f' of {len(batch)}' if isinstance(batch, (tuple, list)) else ''} was given"
        )
    inputs, targets = batch
    moved = tuple(x.to(device) for x in inputs) if isinstance(inputs, (tuple, list)) else inputs.to(device)
    return moved, targets.to(device)
