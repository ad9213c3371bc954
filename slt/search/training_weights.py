"""The weights that the network trains with in a step, and how the scores get their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch

from slt.search.masked_network import MaskedNetwork
from slt.search.moment import Moment


class TrainingWeights(ABC):
    """One forward and one backward pass a step, in turns."""

    @abstractmethod
    def of_step(self, moment: Moment) -> dict[str, torch.Tensor]:
        """By layer name; to be differentiated, and gone with the next step. Sets the network's ``selections``."""

    @abstractmethod
    def pull_back(self) -> None:
        """After the backward pass: adds to the gradients of the scores what came through the weights."""


@final
class Attached(TrainingWeights):
    """Every method's way: the weights are a function of the scores that torch differentiates."""

    def __init__(self, network: MaskedNetwork) -> None:
        self.network = network

    def of_step(self, moment: Moment) -> dict[str, torch.Tensor]:
        return self.network.soft_weights(moment)

    def pull_back(self) -> None:
        pass
