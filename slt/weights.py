"""Random weights: keys that address them (``slt.weight_law``) and laws that say how they are distributed.

``Uniform`` and ``SignedConstant`` are affine in random bits, and so the same on every device; ``Normal`` and
``Hyperbolic`` (``slt.weights_normal``) go through functions of the machine's mathematics library.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LatticeError
from slt.weight_law import Key, Shape, WeightLaw, check_addresses, top_bits
from slt.weights_normal import Hyperbolic, Normal

if TYPE_CHECKING:
    import torch

__all__ = [
    "LATTICE",
    "AffineLaw",
    "Hyperbolic",
    "Key",
    "Normal",
    "Shape",
    "SignedConstant",
    "Uniform",
    "WeightLaw",
    "named_law",
]

LATTICE = 23  # network weights are integers over 2**23: exact in float32


class AffineLaw(WeightLaw):
    """A law that is affine in the top bits of a random word: ``k = scale * m + offset``, m uniform in [0, 2**bits).

    So NumPy, compiled code and torch on any device give the same bits.
    """

    @property
    @abstractmethod
    def affine(self) -> tuple[int, int, int]:
        """(bits, scale, offset)."""

    @property
    def largest(self) -> int:
        bits, scale, offset = self.affine
        return max(abs(offset), abs(scale * ((1 << bits) - 1) + offset))

    def draw_torch(
        self, key: Key, shape: Shape, start: Shape = (0, 0, 0), device: torch.device | str | None = None
    ) -> torch.Tensor:
        """The same integers as an int64 tensor, computed on ``device``."""
        import torch

        check_addresses(shape, start)
        axes = [torch.arange(s, s + n, dtype=torch.int64, device=device) for s, n in zip(start, shape, strict=True)]
        a, b, c = torch.meshgrid(*axes, indexing="ij")

        def choose(lane: torch.Tensor, words: tuple[torch.Tensor, ...]) -> torch.Tensor:
            return torch.stack(words).gather(0, lane[None])[0]

        result: torch.Tensor = self._plain(key, a, b, c, torch.zeros_like(a), choose)
        return result

    def _compiled(
        self, key: Key, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], units: int, start: int
    ) -> npt.NDArray[Any]:
        from slt.philox_kernel import fill32, fill64

        bits, scale, offset = self.affine
        if bits <= 32 and self.largest < 2**30:
            small = np.empty((a.size, units), dtype=np.int32)
            fill32(*key.words, a, b, start, 32 - bits, scale, offset, small)
            return small
        large = np.empty((a.size, units), dtype=np.int64)
        fill64(*key.words, a, b, start, bits, scale, offset, large)
        return large

    def _plain(self, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
        bits, scale, offset = self.affine
        return top_bits(bits, key, a, b, c, zero, choose) * scale + offset


@final
@dataclass(frozen=True)
class Uniform(AffineLaw):
    """Uniform on (-1, 1): k / 2**lattice with k odd, so symmetric and never zero.

    ``lattice`` is 23 for network weights. Experiments on bare random subset sums use 52: on 23 bits exact hits
    appear from n = 20 on and bend the law.
    """

    lattice: int = LATTICE

    def __post_init__(self) -> None:
        if type(self.lattice) is not int or not 1 <= self.lattice <= 52:
            raise LatticeError(f"a uniform law needs a lattice exponent in 1 .. 52; {self.lattice!r} was given")

    @property
    def exponent(self) -> int:
        return self.lattice

    @property
    def affine(self) -> tuple[int, int, int]:
        return self.lattice, 2, 1 - (1 << self.lattice)

    @property
    def name(self) -> str:
        return "uniform" if self.lattice == LATTICE else f"uniform/{self.lattice}"


@final
@dataclass(frozen=True)
class SignedConstant(AffineLaw):
    """+value or -value with equal probability; ``value`` on the lattice 2**-23, in (0, 1]."""

    value: float = 1.0

    def __post_init__(self) -> None:
        scaled = float(self.value) * 2**LATTICE
        if not (0 < self.value <= 1) or scaled != int(scaled):
            raise LatticeError(
                f"a signed constant needs a value in (0, 1] that is a multiple of 2**-{LATTICE}; {self.value!r} was "
                "given. Round it, and keep the rest as a scale factor"
            )

    @property
    def exponent(self) -> int:
        return LATTICE

    @property
    def affine(self) -> tuple[int, int, int]:
        k = int(self.value * 2**LATTICE)
        return 1, 2 * k, -k

    @property
    def name(self) -> str:
        return f"signed-constant/{int(self.value * 2**LATTICE)}"


def named_law(name: str) -> WeightLaw:
    """The law of that name, as ``WeightLaw.name`` writes it. InputError for names it does not know."""
    kind, *numbers = name.split("/")
    try:
        match kind, numbers:
            case "uniform", []:
                return Uniform()
            case "uniform", [lattice]:
                return Uniform(int(lattice))
            case "signed-constant", [value]:
                return SignedConstant(int(value) / 2**LATTICE)
            case "normal", []:
                return Normal()
            case "normal", [lattice]:
                return Normal(int(lattice))
            case "hyperbolic", [smallest]:
                return Hyperbolic(float(smallest))
            case "hyperbolic", [smallest, lattice]:
                return Hyperbolic(float(smallest), int(lattice))
    except ValueError as error:
        raise InputError(f"{name!r} does not name a weight law: {error}") from error
    raise InputError(
        f"{name!r} names no known weight law; known are uniform, signed-constant, normal and hyperbolic, each with its "
        "numbers after a slash"
    )
