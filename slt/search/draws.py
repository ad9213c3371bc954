"""Random tensors of a search: a law of ``slt.weights``, brought to the spread a layer needs."""

from __future__ import annotations

import fnmatch
import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from slt.errors import InputError
from slt.search.maskable import Maskable
from slt.tensor_draws import draw_tensor
from slt.tickets.patches import Planted
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
    known = law.deviation
    if known is None:
        raise InputError(
            "searching a mask: whole networks are scaled by the standard deviation of a weight, which the law "
            f"{law.name} does not tell. Take SignedConstant, Uniform or Normal, or give your own law a deviation"
        )
    _check_positive(f"deviation of the law {law.name}, the standard deviation", known)
    return known


@final
@dataclass(frozen=True, repr=False)
class RandomTensors:
    """Random values for every maskable tensor: draws of ``law`` at ``key / name`` times one factor a layer, so that
    their standard deviation is ``spread``'s times the ``multipliers`` whose pattern (as in file names) fits the name.

    value = float32(k / 2**exponent) * float32(factor), one float32 multiplication. ``planted``: integers k in the place
    of draws (``slt.search.plant`` makes them); tickets declare those that they keep as patches.
    """

    law: WeightLaw = SignedConstant()  # noqa: RUF009  (frozen)
    spread: Spread = FanIn()
    multipliers: tuple[tuple[str, float], ...] = ()
    planted: tuple[Planted, ...] = ()

    def __post_init__(self) -> None:
        law_deviation(self.law)
        if not isinstance(self.planted, tuple) or not all(isinstance(patch, Planted) for patch in self.planted):
            raise InputError(f"what is planted in random tensors are Planted patches; {self.planted!r} was given")
        if len({patch.name for patch in self.planted}) < len(self.planted):
            raise InputError("planting in random tensors: at most one patch of each tensor is possible")
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

    def planted_in(self, name: str) -> Planted | None:
        """What is planted in the tensor of that name."""
        return next((patch for patch in self.planted if patch.name == name), None)

    @property
    def unplanted(self) -> RandomTensors:
        """The same without what is planted."""
        return replace(self, planted=())

    def tensor(self, key: Key, layer: Maskable) -> torch.Tensor:
        """The values of a layer, float32, on the CPU; ``key`` is the layer's own."""
        lattice = draw_tensor(self.law, key, layer.shape)
        planted = self.planted_in(layer.name)
        if planted is not None:
            planted.fits(layer.size)
            lattice = lattice.copy()
            lattice.reshape(-1)[planted.indices] = planted.planted
        values = lattice.astype(np.float32) * np.float32(2.0**-self.law.exponent)
        return torch.from_numpy(np.asarray(values * np.float32(self.factor(layer))))

    def __repr__(self) -> str:
        # part of what tickets and checkpoints say of a method: what is planted by its digest
        told = f"law={self.law!r}, spread={self.spread!r}, multipliers={self.multipliers!r}"
        if self.planted:
            digest = hashlib.sha256()
            for patch in self.planted:
                digest.update(f"{patch.name} {patch.indices.size};".encode())
                digest.update(patch.indices.astype("<i8").tobytes() + patch.planted.astype("<i8").tobytes())
            told += f", planted={sum(p.indices.size for p in self.planted)} of digest {digest.hexdigest()[:16]}"
        return f"RandomTensors({told})"


def signed_kaiming_constant() -> RandomTensors:
    """+sqrt(2 / fan_in) or -sqrt(2 / fan_in) (Ramanujan et al. 2020)."""
    return RandomTensors(SignedConstant(), FanIn(2.0))


def kaiming_normal() -> RandomTensors:
    """Normal of standard deviation sqrt(2 / fan_in) (He et al. 2015)."""
    return RandomTensors(Normal(), FanIn(2.0))


def kaiming_uniform() -> RandomTensors:
    """Uniform of standard deviation sqrt(2 / fan_in)."""
    return RandomTensors(Uniform(), FanIn(2.0))
