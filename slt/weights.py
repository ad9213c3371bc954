"""Random weights: keys that address them and laws that say how they are distributed.

A weight is a pure function of (seed, path, index). The seed and the path make a 64-bit Philox key (BLAKE2b of their
JSON text); the index (output, coordinate, unit) makes the counter:

    counter = (unit // 4, coordinate, output, word)     lane = unit % 4

``word`` is 0 for the 32 high random bits and 1 for 32 more, which only fine lattices use. So a draw never depends on
how many others are made, and a network of width n holds the first n units of the network of width n + 1.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LatticeError
from slt.philox import LOW, philox4x32

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]
LATTICE = 23  # network weights are integers over 2**23: exact in float32


@final
@dataclass(frozen=True)
class Key:
    """The address of a random tensor: ``Key(7) / "layer 3" / "head 1"`` prints as seed 7 / layer 3 / head 1."""

    seed: int
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seed = self.seed
        if isinstance(seed, (bool, float)) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise InputError(f"a key needs an integer seed in [0, 2**64); {seed!r} was given")
        object.__setattr__(self, "seed", int(seed))
        if isinstance(self.path, str) or not all(isinstance(name, str) for name in self.path):
            raise InputError(f"the path of a key is made of strings, Key(seed, ('a', 'b')); {self.path!r} was given")
        object.__setattr__(self, "path", tuple(self.path))
        try:
            "".join(self.path).encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the path of a key must be Unicode text; {self.path!r} was given") from error

    def __truediv__(self, name: str) -> Key:
        return Key(self.seed, (*self.path, str(name)))

    def __str__(self) -> str:
        return " / ".join((f"seed {self.seed}", *self.path))

    @property
    def words(self) -> tuple[int, int]:
        """The Philox key: two 32-bit words."""
        text = json.dumps([self.seed, *self.path], ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"slt-key-1").digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


class WeightLaw(ABC):
    """The distribution of a random weight, as integers k; the weight is ``k / 2**exponent``.

    Every law here is affine in the top bits of a random word, ``k = scale * m + offset`` with m uniform in
    [0, 2**bits), and so gives the same bits in NumPy, compiled and in torch on any device.
    """

    @property
    @abstractmethod
    def exponent(self) -> int:
        """Weights lie on the lattice 2**-exponent."""

    @property
    @abstractmethod
    def affine(self) -> tuple[int, int, int]:
        """(bits, scale, offset)."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How files name the law; ``named_law`` turns it back."""

    def draw(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[Any]:
        """Weights at (outputs, coordinates, units) from ``start`` on: integers of that shape, compiled and parallel.

        int32 for lattices up to 2**-31, else int64.
        """
        _check(shape, start)
        a = np.repeat(np.arange(start[0], start[0] + shape[0], dtype=np.int64), shape[1])
        b = np.tile(np.arange(start[1], start[1] + shape[1], dtype=np.int64), shape[0])
        return self.draw_rows(key, a, b, shape[2], start[2]).reshape(shape)

    def draw_rows(
        self, key: Key, outputs: npt.ArrayLike, coordinates: npt.ArrayLike, units: int, start: int = 0
    ) -> npt.NDArray[Any]:
        """Weights at (outputs[r], coordinates[r], start .. start + units - 1): integers, shape (rows, units)."""
        from slt.philox_kernel import fill32, fill64

        a = np.ascontiguousarray(outputs, dtype=np.int64)
        b = np.ascontiguousarray(coordinates, dtype=np.int64)
        if a.ndim != 1 or a.shape != b.shape:
            raise InputError(
                f"outputs and coordinates need one common length; shapes {a.shape} and {b.shape} were given"
            )
        if a.size:
            low, high = min(int(a.min()), int(b.min())), max(int(a.max()), int(b.max()))
            _check((high + 1, 1, units), (0, 0, start))
            _check((1, 1, units), (low, low, start))
        bits, scale, offset = self.affine
        if bits <= 32 and self.exponent < 31:
            small = np.empty((a.size, units), dtype=np.int32)
            fill32(*key.words, a, b, start, 32 - bits, scale, offset, small)
            return small
        large = np.empty((a.size, units), dtype=np.int64)
        fill64(*key.words, a, b, start, bits, scale, offset, large)
        return large

    def draw_plain(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[np.int64]:
        """The plain twin of ``draw`` in NumPy: int64."""
        _check(shape, start)
        a, b, c = np.ogrid[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))]
        a, b, c = (np.broadcast_to(x.astype(np.int64), shape) for x in (a, b, c))
        return np.asarray(self._from_words(key, a, b, c, np.zeros(shape, dtype=np.int64), np.choose), dtype=np.int64)

    def draw_torch(
        self, key: Key, shape: Shape, start: Shape = (0, 0, 0), device: torch.device | str | None = None
    ) -> torch.Tensor:
        """The same integers as an int64 tensor, computed on ``device``."""
        import torch

        _check(shape, start)
        axes = [torch.arange(s, s + n, dtype=torch.int64, device=device) for s, n in zip(start, shape, strict=True)]
        a, b, c = torch.meshgrid(*axes, indexing="ij")

        def choose(lane: torch.Tensor, words: tuple[torch.Tensor, ...]) -> torch.Tensor:
            return torch.stack(words).gather(0, lane[None])[0]

        result: torch.Tensor = self._from_words(key, a, b, c, torch.zeros_like(a), choose)
        return result

    def _from_words(self, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
        bits, scale, offset = self.affine
        lane = c & 3
        m = choose(lane, philox4x32((c >> 2, b, a, zero), key.words)) & LOW
        if bits <= 32:
            m = m >> (32 - bits)
        else:
            more = choose(lane, philox4x32((c >> 2, b, a, zero + 1), key.words)) & LOW
            m = (m << (bits - 32)) | (more >> (64 - bits))
        return m * scale + offset


@final
@dataclass(frozen=True)
class Uniform(WeightLaw):
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
class SignedConstant(WeightLaw):
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
    kind, _, number = name.partition("/")
    try:
        if kind == "uniform":
            return Uniform(int(number)) if number else Uniform()
        if kind == "signed-constant":
            return SignedConstant(int(number) / 2**LATTICE)
    except ValueError as error:
        raise InputError(f"{name!r} does not name a weight law: {error}") from error
    raise InputError(f"{name!r} names no known weight law; known are uniform and signed-constant")


def _check(shape: Shape, start: Shape) -> None:
    if len(shape) != 3 or len(start) != 3:
        raise InputError(
            f"weights are addressed by (output, coordinate, unit); shape {shape}, start {start} were given"
        )
    for name, s, n in zip(("output", "coordinate", "unit"), start, shape, strict=True):
        if s < 0 or n < 0 or s + n > 2**32:
            raise InputError(f"{name} addresses must lie in [0, 2**32); {n} from {s} on were asked for")
