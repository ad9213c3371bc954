"""Activations of a target and of the source that matches it: what a construction needs to know of each.

Where a layer is to pass its input on as it is, an activation phi has to act as the identity. Two ways: near 0, where
(phi(s x) - phi(0)) / (phi'(0) s) -> x for a small scale s; or far out, where phi(S x) / S -> relu(x) for a large one. A
scale is a power of two, declared by the object.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]

STEEPEST = 20  # scales lie in 2**-20 .. 2**20


class Activation(ABC):
    """One activation phi, applied coordinate by coordinate.

    ``bends``      phi(S x) / S bends at 0 as a ReLU does: units of one sign serve one sign of the input
    ``slope``      its slope below 0 then, 0 for all but the leaky ReLU
    ``scale``      what inputs of the identity are multiplied by, a power of two
    ``gain``       what outputs of the identity are multiplied by: 1 / (scale phi'(0)), or 1 / scale; a power of two
    ``offset``     phi(0)
    ``lipschitz``  at least |phi'|
    ``exact``      the identity has no error, whatever the scale
    """

    bends: ClassVar[bool]
    lipschitz: ClassVar[float] = 1.0
    offset: ClassVar[float] = 0.0
    exact: ClassVar[bool] = False
    torch_name: ClassVar[str]
    scale: float = 1.0

    @property
    def slope(self) -> float:
        return 0.0

    @property
    def gain(self) -> float:
        return 1.0 / self.scale

    @property
    def name(self) -> str:
        """How files name it; ``named_activation`` turns it back."""
        return f"{self.torch_name}/{self.scale!r}"

    @abstractmethod
    def apply(self, x: FloatArray) -> FloatArray:
        """phi(x) in float64, of any shape."""

    @abstractmethod
    def module(self) -> nn.Module:
        """The torch module that computes it."""

    def fits(self, module: nn.Module) -> bool:
        """Does this torch module compute it?"""
        return f"{type(module).__module__}.{type(module).__qualname__}" == f"torch.nn.modules.{self._home}"

    @property
    def _home(self) -> str:
        return f"activation.{self.torch_name}"


@final
@dataclass(frozen=True)
class ReLU(Activation):
    """max(x, 0)."""

    bends: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    torch_name: ClassVar[str] = "ReLU"

    @property
    def name(self) -> str:
        return "ReLU"

    def apply(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0.0)

    def module(self) -> nn.Module:
        from torch import nn

        return nn.ReLU()


@final
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """max(x, 0) + negative_slope min(x, 0), with a negative slope in [0, 1)."""

    bends: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    torch_name: ClassVar[str] = "LeakyReLU"

    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        if not _number(self.negative_slope) or not 0 <= self.negative_slope < 1:
            raise InputError(f"LeakyReLU: the negative slope must be in [0, 1); {self.negative_slope!r} was given")
        object.__setattr__(self, "negative_slope", float(self.negative_slope))

    @property
    def slope(self) -> float:
        return self.negative_slope

    @property
    def name(self) -> str:
        return f"LeakyReLU/{self.negative_slope!r}"

    def apply(self, x: FloatArray) -> FloatArray:
        return np.where(x >= 0, x, self.negative_slope * x)

    def module(self) -> nn.Module:
        from torch import nn

        return nn.LeakyReLU(self.negative_slope)

    def fits(self, module: nn.Module) -> bool:
        return super().fits(module) and bool(module.negative_slope == self.negative_slope)


@final
@dataclass(frozen=True)
class Tanh(Activation):
    """tanh(x); near 0, tanh(s x) / s = x - s^2 x^3 / 3 + ..."""

    bends: ClassVar[bool] = False
    torch_name: ClassVar[str] = "Tanh"

    scale: float = 2.0**-6

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _power("Tanh", self.scale, small=True))

    def apply(self, x: FloatArray) -> FloatArray:
        return np.tanh(x)

    def module(self) -> nn.Module:
        from torch import nn

        return nn.Tanh()


@final
@dataclass(frozen=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-x)); near 0, (sigmoid(s x) - 1/2) 4 / s = x - s^2 x^3 / 12 + ... A bias cancels the 1/2."""

    bends: ClassVar[bool] = False
    lipschitz: ClassVar[float] = 0.25
    offset: ClassVar[float] = 0.5
    torch_name: ClassVar[str] = "Sigmoid"

    scale: float = 2.0**-4

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _power("Sigmoid", self.scale, small=True))

    @property
    def gain(self) -> float:
        return 4.0 / self.scale

    def apply(self, x: FloatArray) -> FloatArray:
        # exp of what is not positive cannot overflow
        small = np.exp(-np.abs(x))
        return np.where(x >= 0, 1.0, small) / (1.0 + small)

    def module(self) -> nn.Module:
        from torch import nn

        return nn.Sigmoid()


@final
@dataclass(frozen=True)
class GELU(Activation):
    """x Phi(x), Phi the distribution of a standard normal number; far out gelu(S x) / S = relu(x) - |x| Phi(-S |x|)."""

    bends: ClassVar[bool] = True
    lipschitz: ClassVar[float] = 1.13
    torch_name: ClassVar[str] = "GELU"

    scale: float = 2.0**10

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _power("GELU", self.scale, small=False))

    def apply(self, x: FloatArray) -> FloatArray:
        from scipy.special import ndtr

        return np.asarray(x * ndtr(x))

    def module(self) -> nn.Module:
        from torch import nn

        return nn.GELU()

    def fits(self, module: nn.Module) -> bool:
        return super().fits(module) and module.approximate == "none"


ACTIVATIONS: tuple[type[Activation], ...] = (ReLU, LeakyReLU, Tanh, Sigmoid, GELU)


def named_activation(name: Any) -> Activation:
    """The activation of that name, as ``Activation.name`` writes it. InputError for names it does not know."""
    kind, _, number = name.partition("/") if isinstance(name, str) else ("", "", "")
    for activation in ACTIVATIONS:
        if activation.torch_name == kind:
            try:
                made: Activation = activation(*([float(number)] if number else []))
            except (TypeError, ValueError) as error:
                raise InputError(f"{name!r} does not name an activation: {error}") from error
            if made.name == name:
                return made
    known = ", ".join(activation.torch_name for activation in ACTIVATIONS)
    raise InputError(f"{name!r} names no known activation; known are {known}, with their number after a slash")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _power(name: str, scale: Any, small: bool) -> float:
    low, high = (-STEEPEST, 0) if small else (0, STEEPEST)
    if not _number(scale) or not math.isfinite(scale) or scale <= 0 or math.frexp(scale)[0] != 0.5:
        raise InputError(f"{name}: the scale must be a power of two; {scale!r} was given")
    if not 2.0**low <= scale <= 2.0**high:
        raise InputError(f"{name}: the scale must be in 2**{low} .. 2**{high}; {scale!r} was given")
    return float(scale)
