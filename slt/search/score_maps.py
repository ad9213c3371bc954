"""What a score means to the selector: itself, its size, a probability."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch


class ScoreMap(ABC):
    """A differentiable function of the scores; the straight-through gradient passes through it.

    ``absolute`` says what the fused operators of ``slt.search.mask_product`` know: True for |s|, False for s itself,
    None for maps they do not know.
    """

    absolute: ClassVar[bool | None] = None

    @abstractmethod
    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """Of the same shape."""


@final
@dataclass(frozen=True)
class Identity(ScoreMap):
    """s itself (IteRand, signed supermask)."""

    absolute: ClassVar[bool | None] = False

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        return scores


@final
@dataclass(frozen=True)
class Absolute(ScoreMap):
    """|s| (edge-popup, biprop, weight recycling); its gradient at 0 is 0."""

    absolute: ClassVar[bool | None] = True

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.abs()


@final
@dataclass(frozen=True)
class Sigmoid(ScoreMap):
    """1 / (1 + exp(-s)): a probability (Zhou et al., concrete ticket search)."""

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.sigmoid()


@final
@dataclass(frozen=True)
class Clamped(ScoreMap):
    """s cut to [0, 1] with gradient 1 everywhere: the scores themselves are clamped before each step (Gem-Miner)."""

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        return scores
