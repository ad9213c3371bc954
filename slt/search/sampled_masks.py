"""Selectors that draw the mask at every step, and what is read off in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError
from slt.search.budgets import Budget, Global
from slt.search.draws import FanIn, RandomTensors
from slt.search.layer import Layer
from slt.search.maskable import Maskable
from slt.search.moment import Moment
from slt.search.schedules import Schedule
from slt.search.selection import Chosen, Relaxed, Selection
from slt.search.selectors import Selector, TopK, refuse_frozen
from slt.weights import Key, Uniform

_UNIFORM = RandomTensors(Uniform(), FanIn(1 / 3))


def uniform(key: Key, like: torch.Tensor) -> torch.Tensor:
    """Uniform on (0, 1): float32, of the shape and on the device of ``like``."""
    symmetric = _UNIFORM.tensor(key, Maskable("", tuple(like.shape), 1, 1))
    return ((symmetric + 1) / 2).to(like.device)


@final
@dataclass(frozen=True)
class Bernoulli(Selector):
    """Kept with probability sigmoid(s), drawn anew at every step (Zhou, Lan, Liu, Yosinski 2019).

    In the end the most probable mask, sigmoid(s) > 1/2; with ``sampled`` one more draw, as the paper evaluates.
    """

    sampled: bool = False

    def start(self, layers: Sequence[Layer]) -> None:
        refuse_frozen(layers, self)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        found: list[Selection] = []
        for layer in layers:
            probability = layer.scores.sigmoid()
            if moment.training or self.sampled:
                when = str(moment.step) if moment.training else f"evaluation {moment.step}"
                mask = uniform(key / when / layer.name, layer.scores) < probability.detach()
            else:
                mask = layer.scores.detach() > 0
            found.append(Chosen(mask.to(layer.scores.dtype), probability))
        return found


@final
@dataclass(frozen=True)
class Concrete(Selector):
    """The relaxed mask sigmoid(logit(u) / temperature + s), u uniform, while training; in the end the top of the
    scores, by ``budget`` and ``density`` (concrete ticket search, Arora and Teuscher 2025)."""

    density: Schedule
    budget: Budget = Global()  # noqa: RUF009
    temperature: float = 2 / 3

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputError(f"a temperature is a positive number; {self.temperature!r} was given")

    def start(self, layers: Sequence[Layer]) -> None:
        refuse_frozen(layers, self)
        TopK(self.density, self.budget).start(layers)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        if not moment.training:
            # a sigmoid rises with its logit: the top of the one is the top of the other
            return TopK(self.density, self.budget).select(layers, moment, key)
        return [
            Relaxed(
                (uniform(key / str(moment.step) / x.name, x.scores).logit() / self.temperature + x.scores).sigmoid()
            )
            for x in layers
        ]
