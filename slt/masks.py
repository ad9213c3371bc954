"""Masks: which weights of a random tensor are kept, one bit each."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import MaskError

BoolArray = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Mask:
    """A boolean array packed eight entries a byte (first entry = highest bit), padded with zeros.

    Two masks are equal when shape and bits are.
    """

    shape: tuple[int, ...]
    packed: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        size = math.prod(self.shape)
        needed = (size + 7) // 8
        if self.packed.dtype != np.uint8 or self.packed.shape != (needed,):
            raise MaskError(
                f"a mask of shape {self.shape} packs into {needed} bytes (uint8); "
                f"{self.packed.shape} of {self.packed.dtype} were given"
            )
        if size % 8 and int(self.packed[-1]) & ((1 << (8 - size % 8)) - 1):
            raise MaskError(f"a mask of {size} entries must be padded with zero bits; its last byte is not")
        self.packed.setflags(write=False)

    @staticmethod
    def of(kept: Any) -> Mask:
        """From a boolean array: True where the weight is kept."""
        array = np.asarray(kept)
        if array.dtype != bool:
            raise MaskError(f"a mask is made of booleans; {array.dtype} was given")
        return Mask(array.shape, np.packbits(array.reshape(-1)))

    def unpack(self) -> BoolArray:
        """The boolean array."""
        bits = np.unpackbits(self.packed, count=self.size)
        return bits.view(np.bool_).reshape(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def kept(self) -> int:
        """How many weights are kept."""
        return int(np.bitwise_count(self.packed).sum(dtype=np.int64))

    @property
    def density(self) -> float:
        """The fraction kept; 0.0 for an empty mask."""
        return self.kept / self.size if self.size else 0.0

    @property
    def entropy_bits(self) -> float:
        """log2 of the number of masks with this shape and this many kept: no code for them is shorter on average."""
        n, k = self.size, self.kept
        return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)

    @property
    def digest(self) -> str:
        """SHA-256 over shape and bits."""
        header = f"mask {','.join(map(str, self.shape))};".encode()
        return hashlib.sha256(header + self.packed.tobytes()).hexdigest()

    def overlap(self, other: Mask) -> float:
        """|both kept| / |either kept| (Jaccard); 1.0 when both are empty. MaskError when shapes differ."""
        if self.shape != other.shape:
            raise MaskError(f"masks of shapes {self.shape} and {other.shape} cannot be compared")
        both = int(np.bitwise_count(self.packed & other.packed).sum(dtype=np.int64))
        either = int(np.bitwise_count(self.packed | other.packed).sum(dtype=np.int64))
        return both / either if either else 1.0

    def apply(self, weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The weight where it is kept and +0.0 elsewhere: a choice, not a product, so that no -0.0 or NaN appears."""
        if weights.shape != self.shape:
            raise MaskError(f"a mask of shape {self.shape} does not fit weights of shape {weights.shape}")
        return np.where(self.unpack(), weights, weights.dtype.type(0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self.shape == other.shape and bool(np.array_equal(self.packed, other.packed))

    def __hash__(self) -> int:
        return hash((self.shape, self.packed.tobytes()))
