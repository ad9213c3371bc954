"""What a network scores on a loader."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, final

import torch

from slt.counted import counted
from slt.errors import InputError
from slt.search.objectives import Loss
from slt.search.passes import repeatable


@final
@dataclass(frozen=True)
class Evaluation:
    """``loss``: the mean over examples. ``accuracy``: the share of targets that are the largest output; None where the
    targets are no classes."""

    loss: float
    accuracy: float | None
    examples: int

    def __str__(self) -> str:
        right = "" if self.accuracy is None else f"accuracy {self.accuracy:.2%}, "
        return f"{right}loss {self.loss:.4g} on {counted(self.examples, 'example')}"

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
    """Every batch of the loader, without gradients; of an ``EpochLoader`` always its epoch 0. InputError where it has
    none."""
    total, right, labels, examples = 0.0, 0, 0, 0
    with torch.no_grad():
        for batch in repeatable(loader):
            inputs, targets = on_device(batch, device)
            outputs = network(inputs)
            total += float(checked_loss(loss)(outputs, targets)) * len(targets)
            examples += len(targets)
            axis = _classes(outputs, targets)
            if axis is not None:
                right += int((outputs.argmax(axis) == targets).sum())
                labels += targets.numel()
    if not examples:
        raise InputError("evaluating a network: the loader has no batches; give one that yields (inputs, targets)")
    if not math.isfinite(total):
        total = math.inf
    return Evaluation(total / examples, right / labels if labels else None, examples)


def _classes(outputs: Any, targets: torch.Tensor) -> int | None:
    """The axis of the classes: the last, or the one after the batch as in torch's cross-entropy. None where the targets
    are no classes, where there is but one, or where both axes would fit."""
    if targets.is_floating_point() or not isinstance(outputs, torch.Tensor) or outputs.dim() != targets.dim() + 1:
        return None
    axes = {1, outputs.dim() - 1}
    fits = [a for a in axes if (*outputs.shape[:a], *outputs.shape[a + 1 :]) == tuple(targets.shape)]
    return fits[0] if len(fits) == 1 and outputs.shape[fits[0]] > 1 else None


def on_device(batch: Any, device: torch.device) -> tuple[Any, torch.Tensor]:
    """(inputs, targets) of a batch, on the device, floating-point ones in float32. ``inputs``: a tensor, or a tuple of
    tensors. InputError for batches of another form."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise InputError(
            f"reading a batch: a pair (inputs, targets) is needed; a {type(batch).__name__}"
            f"{f' of {len(batch)}' if isinstance(batch, (tuple, list)) else ''} was given"
        )
    inputs, targets = batch
    if isinstance(inputs, (tuple, list)):
        return tuple(_moved(x, "inputs", device) for x in inputs), _moved(targets, "targets", device)
    return _moved(inputs, "inputs", device), _moved(targets, "targets", device)


def _moved(tensor: Any, what: str, device: torch.device) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor) or not tensor.dim():
        raise InputError(
            f"reading a batch: its {what} must be a tensor with an axis of examples"
            f"{' (or a tuple of such)' if what == 'inputs' else ''}; "
            f"{'a number' if isinstance(tensor, torch.Tensor) else f'a {type(tensor).__name__}'} was given"
        )
    return tensor.to(device, torch.float32 if tensor.is_floating_point() else None)


def checked_loss(loss: Loss) -> Loss:
    """The same loss; InputError, naming shapes and dtypes, where it fails or gives no single number."""

    def checked(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        try:
            value = loss(outputs, targets)
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(
                f"computing the loss: it fails on outputs {_told(outputs)} and targets {_told(targets)} ({error}); "
                "give targets, or a loss, that fit the model"
            ) from error
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            raise InputError(
                f"computing the loss: one number is needed, the mean over the batch; it gives {_told(value)}"
            )
        return value.reshape(())

    return checked


def _told(value: Any) -> str:
    return f"{value.dtype} of {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
