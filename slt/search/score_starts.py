"""How scores start."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError
from slt.search.draws import FanIn, RandomTensors
from slt.search.maskable import Maskable
from slt.weights import Key, Uniform


class ScoreStart(ABC):
    """The scores of a layer before the first step. They are no part of a ticket."""

    @abstractmethod
    def tensor(self, key: Key, layer: Maskable, weights: torch.Tensor) -> torch.Tensor:
        """float32, of the layer's shape; ``key`` is the layer's own, ``weights`` its random source."""


@final
@dataclass(frozen=True)
class RandomScores(ScoreStart):
    """Drawn like weights, at a key of their own. The default, uniform on +-1 / sqrt(fan_in), is edge-popup's."""

    values: RandomTensors = RandomTensors(Uniform(), FanIn(1 / 3))  # noqa: RUF009

    def tensor(self, key: Key, layer: Maskable, weights: torch.Tensor) -> torch.Tensor:
        return self.values.tensor(key, layer)


@final
@dataclass(frozen=True)
class UnitInterval(ScoreStart):
    """Uniform on (0, 1)."""

    def tensor(self, key: Key, layer: Maskable, weights: torch.Tensor) -> torch.Tensor:
        symmetric = RandomTensors(Uniform(), FanIn(1 / 3)).tensor(key, Maskable(layer.name, layer.shape, 1, 1))
        return (symmetric + 1) / 2


@final
@dataclass(frozen=True)
class ConstantScores(ScoreStart):
    """All alike."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError(f"scores that start at {self.value!r} cannot be learnt; give a finite number")

    def tensor(self, key: Key, layer: Maskable, weights: torch.Tensor) -> torch.Tensor:
        return torch.full(layer.shape, self.value)


@final
@dataclass(frozen=True)
class Magnitudes(ScoreStart):
    """The size of the random weight: with no training this is magnitude pruning at initialisation."""

    def tensor(self, key: Key, layer: Maskable, weights: torch.Tensor) -> torch.Tensor:
        return weights.abs()
