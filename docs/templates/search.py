"""A search of your own: copy this file, rename both classes, change one axis or several.

A method is one choice on every axis (``Method``); this one is edge-popup with a score map of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.search import Constant, LayerWise, Method, Preset, RandomTensors, signed_kaiming_constant
from slt.search.optimisers import SGD, Optimiser
from slt.search.score_maps import ScoreMap
from slt.search.selectors import TopK


@final
@dataclass(frozen=True)
class Softened(ScoreMap):
    """sqrt(s**2 + softness**2) - softness: |s| with a gradient that fades out at 0 in the place of a jump.

    It orders scores as |s| does, so it changes how they move and not which of them are kept.
    """

    softness: float = 0.01

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        return torch.hypot(scores, torch.full_like(scores, self.softness)) - self.softness


@final
@dataclass(frozen=True)
class SoftPopup(Preset):
    """Edge-popup (Ramanujan et al. 2020) on ``Softened`` scores. No paper has it."""

    summary: ClassVar[str] = "edge-popup whose gradient fades where scores change sign; template"

    density: float = 0.5
    softness: float = 0.01
    weights: RandomTensors = signed_kaiming_constant()  # noqa: RUF009  (frozen)
    optimiser: Optimiser = SGD()  # noqa: RUF009  (frozen)

    def method(self) -> Method:
        return Method(
            "soft-popup",
            TopK(Constant(self.density), LayerWise()),
            weights=self.weights,
            map=Softened(self.softness),
            optimiser=self.optimiser,
        )
