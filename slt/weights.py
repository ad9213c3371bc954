"""Random weights: keys that address them (``slt.weight_law``) and laws that say how they are distributed.

``Uniform`` and ``SignedConstant`` are affine in random bits, and so the same on every device; ``Normal`` and
``Hyperbolic`` (``slt.weights_normal``) go through functions of the machine's mathematics library.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LatticeError, UnknownLawError
from slt.weight_law import Key, Shape, WeightLaw, check_addresses, classes_of_laws, top_bits
from slt.weights_normal import Hyperbolic, Normal, SymmetricLaw

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
    "SymmetricLaw",
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

    @property
    def bits(self) -> int:
        return self.affine[0]

    def integers(self, m: Any) -> Any:
        _, scale, offset = self.affine
        return m * scale + offset

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

        result: torch.Tensor = self.integers(top_bits(self.bits, key, a, b, c, torch.zeros_like(a), choose))
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
    def deviation(self) -> float:
        return 1 / math.sqrt(3)


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
    def deviation(self) -> float:
        return self.value

    @property
    def name(self) -> str:
        return f"{self.kind}/{int(self.value * 2**LATTICE)}"

    @classmethod
    def of_numbers(cls, numbers: Sequence[str]) -> SignedConstant:
        (value,) = numbers
        return cls(int(value) / 2**LATTICE)


PROBE = Key(0) / "what a law's name brings back"


def named_law(name: str) -> WeightLaw:
    """The law of that name, as ``WeightLaw.name`` writes it, of any class of laws that exists: those here, and a
    caller's own once it is defined or imported. UnknownLawError for names without a class, InputError for numbers that
    make no law."""
    kind, *numbers = name.split("/")
    # of two of one module and name, as when a cell is run again, the later
    found = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in classes_of_laws() if cls.kind == kind}
    if not found:
        known = ", ".join(sorted({cls.kind for cls in classes_of_laws()}))
        raise UnknownLawError(
            f"no class of weight laws is called {kind!r} (the law asked for is {name!r}); known are {known}. A file "
            "holds the name of a law, not its code: if the class is your own, define it or import its module first"
        )
    try:
        laws = [cls.of_numbers(numbers) for cls in found.values()]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name!r} does not name a weight law: {error}") from error
    # copies of one class, as in several files, are the same law if they draw the same
    called = {cls.__qualname__ for cls in found.values()}
    if len(called) > 1 or (len(laws) > 1 and len({law.draw(PROBE, (1, 1, 64)).tobytes() for law in laws}) > 1):
        raise UnknownLawError(
            f"laws called {kind!r} are made by {' and '.join(sorted(found))}, which are not the same; give one of them "
            "a kind of its own: kind = 'another-word'"
        )
    return laws[-1]
