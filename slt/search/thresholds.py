"""Selectors without a count: fixed thresholds, from which the density emerges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.errors import InputError
from slt.search.layer import Layer
from slt.search.moment import Moment
from slt.search.selection import Chosen, Selection
from slt.search.selectors import Selector, refuse_frozen
from slt.weights import Key

THRESHOLD = "dead zone"
ACTIVE = "active"  # which scores may still be kept; events that prune for good write it


@final
@dataclass(frozen=True)
class DeadZone(Selector):
    """sign(s) where |s| > ``fraction`` of the largest |s| that the layer started with, else 0: a threshold fixed at the
    start (Koster, Grothe, Rettinger 2022)."""

    signed: ClassVar[bool] = True

    fraction: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise InputError(f"a dead zone is a fraction in [0, 1) of the largest score; {self.fraction!r} was given")

    def start(self, layers: Sequence[Layer]) -> None:
        refuse_frozen(layers, self)
        for layer in layers:
            layer.memory[THRESHOLD] = self.fraction * layer.scores.detach().abs().amax()

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        found: list[Selection] = []
        for layer in layers:
            scores = layer.scores.detach()
            mask = torch.where(scores.abs() > layer.memory[THRESHOLD], scores.sign(), 0.0)
            found.append(Chosen(mask, layer.scores))
        return found


@final
@dataclass(frozen=True)
class Threshold(Selector):
    """1 where the mapped score exceeds ``value`` and no event has pruned the place for good (Gem-Miner: 0.5)."""

    value: float = 0.5

    def start(self, layers: Sequence[Layer]) -> None:
        refuse_frozen(layers, self)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        found: list[Selection] = []
        for layer in layers:
            mapped, active = layer.mapped, layer.memory.get(ACTIVE)
            mask = (mapped.detach() > self.value).to(mapped.dtype)
            found.append(Chosen(mask, mapped) if active is None else Chosen(mask * active, mapped * active))
        return found
