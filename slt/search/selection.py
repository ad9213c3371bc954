"""What a selector chose in one layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError
from slt.search.layer import Layer


class Selection(ABC):
    """A mask of one layer, and how it depends on the scores."""

    @abstractmethod
    def hard(self, layer: Layer) -> torch.Tensor:
        """The mask, float32 of the scores' shape, without gradient: 0 or 1; -1, 0, 1 for ternary masks; 0 .. C for
        nested ones."""

    @abstractmethod
    def soft(self, layer: Layer) -> torch.Tensor:
        """The differentiable tensor whose gradient the scores get."""

    def kept(self, layer: Layer) -> int | torch.Tensor:
        """How many weights (not groups) are kept."""
        return layer.expand(self.hard(layer)).count_nonzero()


@final
@dataclass(frozen=True, eq=False)
class Cut(Selection):
    """Keeps entries of |s| or s (``absolute``) above ``value``, and those equal to it up to flat index ``index``.

    ``count``: how many these are, where that is known beforehand.
    """

    value: torch.Tensor
    index: torch.Tensor
    absolute: bool
    count: int | None = None

    def hard(self, layer: Layer) -> torch.Tensor:
        with torch.no_grad():
            scores = layer.scores.abs() if self.absolute else layer.scores
            places = torch.arange(scores.numel(), device=scores.device).reshape(scores.shape)
            return ((scores > self.value) | ((scores == self.value) & (places <= self.index))).to(scores.dtype)

    def soft(self, layer: Layer) -> torch.Tensor:
        return layer.mapped

    def kept(self, layer: Layer) -> int | torch.Tensor:
        if self.count is None or layer.scores.shape != layer.role.shape:
            return super().kept(layer)
        return self.count


@final
@dataclass(frozen=True, eq=False)
class Chosen(Selection):
    """A mask that was worked out as a tensor."""

    mask: torch.Tensor
    surrogate: torch.Tensor

    def hard(self, layer: Layer) -> torch.Tensor:
        return self.mask

    def soft(self, layer: Layer) -> torch.Tensor:
        return self.surrogate


@final
@dataclass(frozen=True, eq=False)
class Relaxed(Selection):
    """A soft mask with values in (0, 1), for estimators that need no hard one."""

    mask: torch.Tensor

    def hard(self, layer: Layer) -> torch.Tensor:
        raise InputError(
            f"the mask of {layer.name} is a relaxed one while it trains; its estimator must be Pathwise, and its scale "
            "one that needs no hard mask"
        )

    def soft(self, layer: Layer) -> torch.Tensor:
        return self.mask

    def kept(self, layer: Layer) -> int | torch.Tensor:
        """The expected number."""
        return layer.expand(self.mask.detach()).sum()
