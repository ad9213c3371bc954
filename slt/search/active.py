"""Which values a kept weight has, and which the gradient sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch


class Active(ABC):
    """The active values a of ``m * a + (1 - m) * c``; the complement c is 0 for every strong ticket.

    ``scaled_slopes``: whether the scale multiplies the gradient of the mask, as it multiplies the weight.
    """

    binarised: ClassVar[bool] = False
    scaled_slopes: ClassVar[bool] = True

    @abstractmethod
    def values(self, weights: torch.Tensor) -> torch.Tensor:
        """What a kept weight is in the network, before the scale."""

    @abstractmethod
    def slopes(self, weights: torch.Tensor) -> torch.Tensor:
        """What the gradient with respect to the network's weight is multiplied by to give that of the mask."""


@final
@dataclass(frozen=True)
class Drawn(Active):
    """The random weight as it was drawn."""

    def values(self, weights: torch.Tensor) -> torch.Tensor:
        return weights

    def slopes(self, weights: torch.Tensor) -> torch.Tensor:
        return weights


@final
@dataclass(frozen=True)
class Signs(Active):
    """Its sign, times a scale; the gradient sees the weight itself, without the scale: dL/ds = dL/dw_eff * w (biprop,
    Diffenderfer and Kailkhura 2021)."""

    binarised: ClassVar[bool] = True
    scaled_slopes: ClassVar[bool] = False

    def values(self, weights: torch.Tensor) -> torch.Tensor:
        return weights.sign()

    def slopes(self, weights: torch.Tensor) -> torch.Tensor:
        return weights
