"""Training steps: of the weights, of scores by slt's operators, and of scores by a sort in every forward pass."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

import slt.search
from benchmarks.search_step.networks import Network
from slt.search.masked_network import MaskedNetwork
from slt.search.moment import Moment
from slt.search.selection import Cut
from slt.search.whole_product import training_weights

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

    def pull_back(self) -> None:  # noqa: B027
        """After the backward pass: what is left to do for the gradients."""

    def __call__(self) -> None:
        self.optimiser.zero_grad()
        functional.cross_entropy(self.network(self.weights(), self.x), self.labels).backward()
        self.pull_back()
        self.optimiser.step()


@final
class Dense(Step):
    def start(self, scores: list[Tensor]) -> list[Tensor]:
        return [value.clone() for value in self.values]

    def weights(self) -> list[Tensor]:
        return self.trained


@final
class EdgePopup(Step):
    """What ``fit`` does in every step, from the counts of scores to keep to the check of the cutoffs."""

    def start(self, scores: list[Tensor]) -> list[Tensor]:
        self.masked = MaskedNetwork(self.network.module(), slt.search.EdgePopup(DENSITY).method(), 0)
        for layer, values, tensor in zip(self.masked.layers, self.values, scores, strict=True):
            layer.weights = values
            layer.renew()
            layer.scores.detach().copy_(tensor)
        self.way = training_weights(self.masked)
        self.moment = Moment(0, 1, 1)
        return [layer.scores for layer in self.masked.layers]

    def weights(self) -> list[Tensor]:
        found = list(self.way.of_step(self.moment).values())
        assert not any(math.isnan(s.value.item()) for s in self.masked.selections or () if isinstance(s, Cut))
        return found

    def pull_back(self) -> None:
        self.way.pull_back()


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
