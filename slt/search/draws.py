"""Random tensors of a search: a law of ``slt.weights``, brought to the spread a layer needs."""

from __future__ import annotations

import fnmatch
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from slt.errors import InputError
from slt.search.maskable import Maskable
from slt.tensor_draws import draw_tensor
from slt.weights import Key, Normal, SignedConstant, Uniform, WeightLaw


class Spread(ABC):
    """The standard deviation that the weights of a layer have."""

    @abstractmethod
    def deviation(self, layer: Maskable) -> float:
        """For this layer."""


@final
@dataclass(frozen=True)
class FanIn(Spread):
    """sqrt(gain / fan_in). ``gain`` 2 keeps the variance through ReLU layers (He et al. 2015); torch's own Linear has
    1/3."""

    gain: float = 2.0

    def __post_init__(self) -> None:
        _check_positive("gain", self.gain)

    def deviation(self, layer: Maskable) -> float:
        return math.sqrt(self.gain / layer.fan_in)


@final
@dataclass(frozen=True)
class FanOut(Spread):
    """sqrt(gain / fan_out): with ``gain`` 2 this keeps the variance of gradients through ReLU layers."""

    gain: float = 2.0

    def deviation(self, layer: Maskable) -> float:
        return math.sqrt(self.gain / layer.fan_out)


@final
@dataclass(frozen=True)
class FanAverage(Spread):
    """sqrt(gain / ((fan_in + fan_out) / 2)): Glorot and Bengio 2010 for gain 1."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("gain", self.gain)

    def deviation(self, layer: Maskable) -> float:
        return math.sqrt(2 * self.gain / (layer.fan_in + layer.fan_out))


@final
@dataclass(frozen=True)
class Same(Spread):
    """One standard deviation for all layers."""

    value: float

    def __post_init__(self) -> None:
        _check_positive("standard deviation", self.value)

    def deviation(self, layer: Maskable) -> float:
        return self.value


def _check_positive(what: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"the {what} of random weights is a positive number; {value!r} was given")


def law_deviation(law: WeightLaw) -> float:
    """The standard deviation of a weight of this law. InputError for laws without a known one."""
    if isinstance(law, SignedConstant):
        return law.value
    if isinstance(law, Uniform):
        return 1 / math.sqrt(3)
    if isinstance(law, Normal):
        return 1.0
    raise InputError(
        f"searching a mask: the law {law.name} is not made for whole networks; use SignedConstant, Uniform or Normal"
    )


@final
@dataclass(frozen=True)
class RandomTensors:
    """Random values for every maskable tensor: draws of ``law`` at ``key / name`` times one factor a layer, so that
    their standard deviation is ``spread``'s times the ``multipliers`` whose pattern (as in file names) fits the name.

    value = float32(k / 2**exponent) * float32(factor), one float32 multiplication.
    """

    law: WeightLaw = SignedConstant()  # noqa: RUF009  (frozen)
    spread: Spread = FanIn()
    multipliers: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        law_deviation(self.law)
        for pattern, value in self.multipliers:
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"the multiplier of {pattern!r} must be a positive number; {value!r} was given")

    def factor(self, layer: Maskable) -> float:
        """What the draws of a layer are multiplied by, rounded to float32."""
        value = self.spread.deviation(layer) / law_deviation(self.law)
        for pattern, multiplier in self.multipliers:
            if fnmatch.fnmatchcase(layer.name, pattern):
                value *= multiplier
        return float(np.float32(value))

    def tensor(self, key: Key, layer: Maskable) -> torch.Tensor:
        """The values of a layer, float32, on the CPU; ``key`` is the layer's own."""
        lattice = draw_tensor(self.law, key, layer.shape)
        values = lattice.astype(np.float32) * np.float32(2.0**-self.law.exponent)
        return torch.from_numpy(np.asarray(values * np.float32(self.factor(layer))))


def signed_kaiming_constant() -> RandomTensors:
    """+sqrt(2 / fan_in) or -sqrt(2 / fan_in) (Ramanujan et al. 2020)."""
    return RandomTensors(SignedConstant(), FanIn(2.0))


def kaiming_normal() -> RandomTensors:
    """Normal of standard deviation sqrt(2 / fan_in) (He et al. 2015)."""
    return RandomTensors(Normal(), FanIn(2.0))


def kaiming_uniform() -> RandomTensors:
    """Uniform of standard deviation sqrt(2 / fan_in)."""
    return RandomTensors(Uniform(), FanIn(2.0))
