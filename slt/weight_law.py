"""What every law of random weights has: the key that addresses a weight, and the ways to draw it.

A weight is a pure function of (seed, path, index). The seed and the path make a 64-bit Philox key (BLAKE2b of their
JSON text); the index (output, coordinate, unit) makes the counter:

    counter = (unit // 4, coordinate, output, word)     lane = unit % 4

``word`` is 0 for the 32 high random bits and 1 for 32 more, which only some laws use. So a draw never depends on
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

from slt.errors import InputError
from slt.philox import LOW, philox4x32
from slt.threads import torch_threads_kept

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]


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
    """The distribution of a random weight, as integers k; the weight is ``k / 2**exponent``."""

    @property
    @abstractmethod
    def exponent(self) -> int:
        """Weights lie on the lattice 2**-exponent."""

    @property
    @abstractmethod
    def largest(self) -> int:
        """No |k| is larger; weights are exact in float32 if it is at most 2**24."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How files name the law; ``named_law`` turns it back."""

    def draw(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[Any]:
        """Weights at (outputs, coordinates, units) from ``start`` on: integers of that shape, int32 if ``largest`` is
        below 2**30, else int64."""
        check_addresses(shape, start)
        a = np.repeat(np.arange(start[0], start[0] + shape[0], dtype=np.int64), shape[1])
        b = np.tile(np.arange(start[1], start[1] + shape[1], dtype=np.int64), shape[0])
        return self.draw_rows(key, a, b, shape[2], start[2]).reshape(shape)

    def draw_rows(
        self, key: Key, outputs: npt.ArrayLike, coordinates: npt.ArrayLike, units: int, start: int = 0
    ) -> npt.NDArray[Any]:
        """Weights at (outputs[r], coordinates[r], start .. start + units - 1): integers, shape (rows, units)."""
        a = np.ascontiguousarray(outputs, dtype=np.int64)
        b = np.ascontiguousarray(coordinates, dtype=np.int64)
        if a.ndim != 1 or a.shape != b.shape:
            raise InputError(
                f"outputs and coordinates need one common length; shapes {a.shape} and {b.shape} were given"
            )
        if a.size:
            low, high = min(int(a.min()), int(b.min())), max(int(a.max()), int(b.max()))
            check_addresses((high + 1, 1, units), (0, 0, start))
            check_addresses((1, 1, units), (low, low, start))
        with torch_threads_kept():
            return self._compiled(key, a, b, units, start)

    def draw_plain(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[np.int64]:
        """The plain twin of ``draw`` in NumPy: int64."""
        check_addresses(shape, start)
        a, b, c = np.ogrid[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))]
        a, b, c = (np.broadcast_to(x.astype(np.int64), shape) for x in (a, b, c))
        return np.asarray(self._plain(key, a, b, c, np.zeros(shape, dtype=np.int64), np.choose), dtype=np.int64)

    @abstractmethod
    def draw_torch(
        self, key: Key, shape: Shape, start: Shape = (0, 0, 0), device: torch.device | str | None = None
    ) -> torch.Tensor:
        """The same integers as an int64 tensor on ``device``."""

    @abstractmethod
    def _compiled(
        self, key: Key, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], units: int, start: int
    ) -> npt.NDArray[Any]:
        """``draw_rows`` after its checks."""

    @abstractmethod
    def _plain(self, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
        """The integers at outputs a, coordinates b and units c, arrays or tensors of one shape."""


def top_bits(bits: int, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
    """The ``bits`` highest of the 64 random bits at every address, as integers; ``choose(lane, words)`` picks one of
    four arrays."""
    lane = c & 3
    m = choose(lane, philox4x32((c >> 2, b, a, zero), key.words)) & LOW
    if bits <= 32:
        return m >> (32 - bits)
    more = choose(lane, philox4x32((c >> 2, b, a, zero + 1), key.words)) & LOW
    return (m << (bits - 32)) | (more >> (64 - bits))


def check_addresses(shape: Shape, start: Shape) -> None:
    """Raises InputError unless all addresses asked for lie in [0, 2**32)."""
    if len(shape) != 3 or len(start) != 3:
        raise InputError(
            f"weights are addressed by (output, coordinate, unit); shape {shape}, start {start} were given"
        )
    for name, s, n in zip(("output", "coordinate", "unit"), start, shape, strict=True):
        if s < 0 or n < 0 or s + n > 2**32:
            raise InputError(f"{name} addresses must lie in [0, 2**32); {n} from {s} on were asked for")
