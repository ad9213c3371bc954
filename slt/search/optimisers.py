"""What moves the scores."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError


class Optimiser(ABC):
    """Settings of an optimiser; ``build`` makes one of torch's."""

    rate: float

    @abstractmethod
    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        """For these tensors, at the first learning rate."""

    def decay_by(self, factor: float) -> float:
        """What the parameters are multiplied by before a step at this factor of the learning rate, beside what torch's
        optimiser does itself."""
        return 1.0


@final
@dataclass(frozen=True)
class SGD(Optimiser):
    """Stochastic gradient descent; ``decay`` is coupled: decay * parameter is added to the gradient."""

    rate: float = 0.1
    momentum: float = 0.9
    decay: float = 1e-4
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check(self.rate, self.momentum, self.decay)
        _check_nesterov(self.nesterov, self.momentum)

    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters,
            lr=self.rate,
            momentum=self.momentum,
            weight_decay=self.decay,
            nesterov=self.nesterov,
            fused=_fused(parameters),
        )


@final
@dataclass(frozen=True)
class DecoupledSGD(Optimiser):
    """Stochastic gradient descent with a decay of its own: before each step parameter <- (1 - decay * factor) *
    parameter, with the schedule's factor but without the learning rate (SGDW of Loshchilov and Hutter 2019, as the
    signed supermask needs it)."""

    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 2e-4
    nesterov: bool = True

    def __post_init__(self) -> None:
        _check(self.rate, self.momentum, self.decay)
        _check_nesterov(self.nesterov, self.momentum)
        if self.decay >= 1:
            raise InputError(
                f"a decay of {self.decay!r} a step would turn scores around: it is not multiplied by the learning rate "
                "here; give one far below 1, such as 2e-4"
            )

    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, lr=self.rate, momentum=self.momentum, nesterov=self.nesterov, fused=_fused(parameters)
        )

    def decay_by(self, factor: float) -> float:
        return 1.0 - self.decay * factor


@final
@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam; with ``decay`` decoupled but times the learning rate (AdamW)."""

    rate: float = 1e-3
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        _check(self.rate, 0.0, self.decay)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"Adam's betas are two numbers in [0, 1); {self.betas!r} were given")

    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameters, lr=self.rate, betas=self.betas, weight_decay=self.decay, fused=_fused(parameters)
        )


def _fused(parameters: Sequence[torch.Tensor]) -> bool:
    # one pass over memory where torch has it
    return all(p.device.type in ("cpu", "cuda") for p in parameters)


def _check_nesterov(nesterov: bool, momentum: float) -> None:
    if nesterov and not momentum:
        raise InputError("Nesterov's momentum needs a momentum above 0; give one, or nesterov=False")


def _check(rate: float, momentum: float, decay: float) -> None:
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (rate, momentum, decay))
    if not (numbers and 0 <= rate < math.inf and 0 <= momentum < 1 and 0 <= decay < math.inf):
        raise InputError(
            f"an optimiser needs a rate >= 0, a momentum in [0, 1) and a decay >= 0; {rate!r}, {momentum!r} and "
            f"{decay!r} were given"
        )
