"""Training steps: of the weights, of scores by slt's operators, and of scores by a sort in every forward pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.search_step.networks import Network
from slt.search.cutoffs import next_bracket, top_cutoff
from slt.search.mask_product import mask_product

DENSITY = 0.5
SCALE = DENSITY**-0.5


class Step(ABC):
    """Forward, backward, torch's SGD (rate 0.1, momentum 0.9, weight decay 1e-4), always the same batch."""

    def __init__(self, network: Network, fused: bool | None) -> None:
        self.network = network
        self.values, scores, self.x, self.labels = network.draw()
        self.trained = [t.requires_grad_() for t in self.start(scores)]
        self.optimiser = torch.optim.SGD(self.trained, lr=0.1, momentum=0.9, weight_decay=1e-4, fused=fused)

    @abstractmethod
    def start(self, scores: list[Tensor]) -> list[Tensor]:
        """What is trained."""

    @abstractmethod
    def weights(self) -> list[Tensor]:
        """The weights that the network has in this step."""

    def __call__(self) -> None:
        self.optimiser.zero_grad()
        functional.cross_entropy(self.network(self.weights(), self.x), self.labels).backward()
        self.optimiser.step()


@final
class Dense(Step):
    def start(self, scores: list[Tensor]) -> list[Tensor]:
        return [value.clone() for value in self.values]

    def weights(self) -> list[Tensor]:
        return self.trained


@final
class EdgePopup(Step):
    """The exact cutoff of every layer anew in every step."""

    def start(self, scores: list[Tensor]) -> list[Tensor]:
        self.scale = torch.tensor(SCALE)
        self.brackets: list[Tensor | None] = [None] * len(scores)
        return scores

    def weights(self) -> list[Tensor]:
        found = []
        for i, (scores, values) in enumerate(zip(self.trained, self.values, strict=True)):
            cutoff = top_cutoff(scores, round(DENSITY * scores.numel()), True, self.brackets[i])
            self.brackets[i] = next_bracket(self.brackets[i], cutoff.value)
            found.append(mask_product(scores, values, values, cutoff.value, cutoff.index, self.scale, True))
        return found


class _Sorted(torch.autograd.Function):
    """The mask of the upper part of a full sort; the gradient passes as it is."""

    @staticmethod
    def forward(ctx: Any, magnitudes: Tensor) -> Tensor:
        mask = torch.empty_like(magnitudes)
        order = magnitudes.flatten().argsort()
        cut = magnitudes.numel() - round(DENSITY * magnitudes.numel())
        flat = mask.view(-1)
        flat[order[:cut]] = 0
        flat[order[cut:]] = 1
        return mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


@final
class Argsort(Step):
    """As published code does it (Ramanujan et al. 2020 and those that build on it), written anew."""

    def start(self, scores: list[Tensor]) -> list[Tensor]:
        return scores

    def weights(self) -> list[Tensor]:
        return [
            values * _Sorted.apply(scores.abs()) * SCALE
            for scores, values in zip(self.trained, self.values, strict=True)
        ]
