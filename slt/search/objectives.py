"""What a search minimises, beside the loss of the task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from slt.search.layer import Layer

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Objective(ABC):
    """``needs_dense``: whether the outputs of the unpruned random network are needed too."""

    needs_dense: ClassVar[bool] = False

    @abstractmethod
    def __call__(
        self, outputs: torch.Tensor, targets: torch.Tensor, loss: Loss, dense: torch.Tensor | None
    ) -> torch.Tensor:
        """A 0-dim tensor to minimise."""


@final
@dataclass(frozen=True)
class TaskLoss(Objective):
    """The loss given to ``fit``."""

    def __call__(
        self, outputs: torch.Tensor, targets: torch.Tensor, loss: Loss, dense: torch.Tensor | None
    ) -> torch.Tensor:
        return loss(outputs, targets)


@final
@dataclass(frozen=True)
class ReverseKL(Objective):
    """KL(p_sparse || p_dense), the mean over the batch: the mask makes the pruned network agree with the unpruned one,
    whatever that says (Arora and Teuscher 2025). For a random network this is no way to a good classifier; it serves
    masks that are trained afterwards."""

    needs_dense: ClassVar[bool] = True

    def __call__(
        self, outputs: torch.Tensor, targets: torch.Tensor, loss: Loss, dense: torch.Tensor | None
    ) -> torch.Tensor:
        assert dense is not None
        return functional.kl_div(dense.log_softmax(-1), outputs.log_softmax(-1), reduction="batchmean", log_target=True)


class Constraint(ABC):  # noqa: B024  (both hooks may be left as they are)
    """What holds the density, beside the selector."""

    def penalty(self, layers: list[Layer]) -> torch.Tensor | None:
        """Added to the objective; None for nothing."""
        return None

    def balance(self, layers: list[Layer], memory: dict[str, torch.Tensor]) -> None:  # noqa: B027
        """Called after the backward pass: may change gradients of the scores in place. ``memory`` is the search's own
        and saved in checkpoints."""


@final
@dataclass(frozen=True)
class Unconstrained(Constraint):
    """Nothing."""


@final
@dataclass(frozen=True)
class SquaredScores(Constraint):
    """``weight`` times the sum of the squared scores (Gem-Miner)."""

    weight: float = 1e-4

    def penalty(self, layers: list[Layer]) -> torch.Tensor | None:
        return self.weight * torch.stack([layer.scores.square().sum() for layer in layers]).sum()


@final
@dataclass(frozen=True)
class GradBalance(Constraint):
    """Adds the gradient of the expected density's excess, scaled to the size of the task's gradient (Arora and Teuscher
    2025).

    e = 100 (sum sigmoid(s) / (overshoot density d) - 1) over all d scores, h = its gradient; a multiplier follows
    |g| / |h| if e > 0, else 0, by an exponential average (first value as it is); gradient <- gain g + multiplier h.
    """

    density: float
    overshoot: float = 1.1
    keep: float = 0.99
    gain: float = 100.0

    def balance(self, layers: list[Layer], memory: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            target = self.overshoot * self.density * sum(layer.scores.numel() for layer in layers)
            gates = [layer.scores.sigmoid() for layer in layers]
            excess = 100 * (torch.stack([g.sum(dtype=torch.float64) for g in gates]).sum() / target - 1)
            pulls = [100 / target * g * (1 - g) for g in gates]
            gradients = [
                self.gain * (torch.zeros_like(x.scores) if x.scores.grad is None else x.scores.grad) for x in layers
            ]
            wanted = torch.where(excess > 0, _norm(gradients) / _norm(pulls), 0.0)
            before = memory.get("multiplier")
            now = wanted if before is None else self.keep * before + (1 - self.keep) * wanted
            memory["multiplier"] = now
            for layer, gradient, pull in zip(layers, gradients, pulls, strict=True):
                layer.scores.grad = gradient + now.to(pull.dtype) * pull


def _norm(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([t.square().sum(dtype=torch.float64) for t in tensors]).sum().sqrt()
