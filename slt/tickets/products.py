"""Products of two random matrices, one of them structured, in the place of target matrices: what attention is made of.

A product of heads h has two sides. The structured side has ``width`` hidden units for each of its coordinates; its mask
does not depend on the target: unit k of coordinate j keeps its weight from coordinate j alone. The summed side carries
the subset sums: entry (row, j) of head h is the sum over the kept k of summed[h][row, j, k] * structured[g][j, k].
As the structured side knows nothing of any head, groups of heads may share one: head h uses g = h // (heads / groups).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.masks import Mask
from slt.tickets.blocks import LARGEST_SCALE, whole
from slt.weight_law import check_float32
from slt.weights import Key, WeightLaw

Int64Array = npt.NDArray[np.int64]
IntArray = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]
AT_ONCE = 2**22  # products of a head that are held at one time


@final
@dataclass(frozen=True)
class Side:
    """One linear map: ``size`` coordinates beside the hidden units, and one more that is always 1 if ``constant``.

    Tensors are laid out as torch's Linear has them, sets (heads or groups) side by side, hidden unit
    ``(set * coordinates of the structured side + coordinate) * width + k``: ``<name>.weight`` (units, size) where the
    coordinates are inputs, (size, units) where they are ``outputs``; ``<name>.bias`` (units,) for the constant.
    """

    name: str
    size: int
    constant: bool = False
    outputs: bool = False

    @property
    def rows(self) -> int:
        """Coordinates, the constant one last."""
        return self.size + self.constant

    def check(self) -> None:
        """Raises InputError for sizes that no linear map has."""
        if not (whole(self.size, 0) and isinstance(self.constant, bool) and self.rows):
            raise InputError(f"{self!r} cannot be a side of a product: at least one coordinate is needed")


@final
@dataclass(frozen=True)
class Product:
    """``heads`` matrices of shape (summed.rows, structured.rows), from random weights of ``law`` at ``key``.

    ``scale``: the module multiplies by 2**scale, which the ticket carries. Random weights are addressed by
    key / "head h" or "group g" / side / "weight" or "bias" and (row, coordinate, unit): nested in width and in heads.
    """

    name: str
    summed: Side
    structured: Side
    heads: int
    groups: int
    width: int
    scale: int
    key: Key
    law: WeightLaw

    def __post_init__(self) -> None:
        self.summed.check()
        self.structured.check()
        if not (whole(self.heads, 1) and whole(self.groups, 1)) or self.heads % self.groups:
            raise InputError(
                f"{self.heads!r} heads cannot share {self.groups!r} structured sides evenly; give numbers >= 1 of "
                "which the second divides the first"
            )
        if not whole(self.width, 1):
            raise InputError(
                f"the width (hidden units a coordinate) must be a whole number >= 1; {self.width!r} was given"
            )
        check_float32(self.law)
        if self.width > 2**15 or 2 * self.law.exponent > 46:
            raise InputError(
                f"sums of {self.width} products on lattice 2**-{2 * self.law.exponent} may leave 64 bits; "
                "at most 2**15 units a coordinate and a law with an exponent of 23 are possible"
            )
        if not whole(self.scale, 0) or self.scale > LARGEST_SCALE:
            raise InputError(f"the scale of a product must be a whole number in 0 .. {LARGEST_SCALE}, not {self.scale}")

    # -- layout ----------------------------------------------------------------------------------------------------

    @property
    def exponent(self) -> int:
        """Entries of the matrices are integers over 2**exponent, the scale included."""
        return 2 * self.law.exponent - self.scale

    @property
    def units(self) -> int:
        """Hidden units of one head."""
        return self.structured.rows * self.width

    @property
    def mask_shape(self) -> tuple[int, ...]:
        return (self.heads, self.summed.rows, self.structured.rows, self.width)

    def group(self, head: int) -> int:
        """Which structured side a head uses."""
        return head // (self.heads // self.groups)

    def sets(self, side: Side) -> int:
        return self.heads if side is self.summed else self.groups

    @property
    def tensors(self) -> dict[str, tuple[Side, tuple[int, ...]]]:
        """Name of every random tensor, with its side and shape."""
        found: dict[str, tuple[Side, tuple[int, ...]]] = {}
        for side in (self.summed, self.structured):
            units = self.sets(side) * self.units
            if side.size:
                found[f"{side.name}.weight"] = side, (side.size, units) if side.outputs else (units, side.size)
            if side.constant:
                found[f"{side.name}.bias"] = side, (units,)
        return found

    # -- random weights --------------------------------------------------------------------------------------------

    def address(self, side: Side, number: int, tensor: str) -> Key:
        """Where the random weights of one set of a side are."""
        return self.key / f"{'head' if side is self.summed else 'group'} {number}" / side.name / tensor

    def first(self, group: int) -> Int64Array:
        """The kept weights of a structured side, one for each hidden unit, shape (coordinates, width)."""
        side, j = self.structured, np.arange(self.structured.size)
        kept = [self.law.draw_rows(self.address(side, group, "weight"), j, j, self.width)]
        if side.constant:
            address = self.address(side, group, "bias")
            kept.append(self.law.draw(address, (1, 1, self.width), (0, side.size, 0))[0])
        return np.concatenate(kept).astype(np.int64)

    def second(self, head: int, rows: slice) -> IntArray:
        """Weights of the summed side for some of its rows, shape (rows, coordinates, width)."""
        side, across = self.summed, (self.structured.rows, self.width)
        start, stop, _ = rows.indices(side.rows)
        parts = []
        if start < side.size:
            address = self.address(side, head, "weight")
            parts.append(self.law.draw(address, (min(stop, side.size) - start, *across), (start, 0, 0)))
        if stop > side.size:
            parts.append(self.law.draw(self.address(side, head, "bias"), (1, *across)))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def draw(self, name: str, draw: Callable[..., IntArray], rows: slice) -> IntArray:
        """Rows of a tensor, drawn by ``draw``: a law's ``draw`` or ``draw_plain``."""
        side, shape = self.tensors[name]
        start, stop, _ = rows.indices(shape[0])
        tensor = name.rpartition(".")[2]
        across = (self.structured.rows, self.width)
        if side.outputs:
            addresses = [self.address(side, s, tensor) for s in range(self.sets(side))]
            drawn = [draw(a, (stop - start, *across), (start, 0, 0)).reshape(stop - start, -1) for a in addresses]
            return np.concatenate(drawn, axis=1).astype(np.int32)
        out = np.empty((stop - start, *shape[1:]), dtype=np.int32)
        for s in range(self.sets(side)):
            offset = s * self.units
            low, high = max(start, offset) - offset, min(stop, offset + self.units) - offset
            if low >= high:
                continue
            first, last = low // self.width, -(-high // self.width)  # whole coordinates
            inputs = side.size if tensor == "weight" else 1
            whole_ones = draw(self.address(side, s, tensor), (inputs, last - first, self.width), (0, first, 0))
            units = whole_ones.reshape(inputs, -1)[:, low - first * self.width : high - first * self.width]
            out[low + offset - start : high + offset - start] = units.T if tensor == "weight" else units[0]
        return out

    # -- masks -----------------------------------------------------------------------------------------------------

    def dense_mask(self, name: str, mask: Mask) -> BoolArray:
        """The mask of one whole tensor."""
        side, _ = self.tensors[name]
        if side is self.summed:
            bits = mask.unpack().reshape(self.heads, side.rows, self.units)
            if name.endswith(".bias"):
                return bits[:, side.size].reshape(-1)
            rows = bits[:, : side.size].transpose(1, 0, 2).reshape(side.size, -1)
            return rows if side.outputs else np.ascontiguousarray(rows.T)
        coordinate = np.tile(np.repeat(np.arange(side.rows), self.width), self.groups)
        if name.endswith(".bias"):
            return np.asarray(coordinate == side.size)
        weights = coordinate[:, None] == np.arange(side.size)
        return np.ascontiguousarray(weights.T) if side.outputs else weights

    def kept(self, name: str, mask: Mask) -> int:
        """How many weights of a tensor are kept."""
        side, _ = self.tensors[name]
        if side is self.structured:
            return self.groups * self.width * (1 if name.endswith(".bias") else side.size)
        return int(np.count_nonzero(self.dense_mask(name, mask))) if side.constant else mask.kept

    def masked(self, name: str, mask: Mask) -> IntArray:
        """The kept weights of a tensor, 0 elsewhere."""
        side, shape = self.tensors[name]
        if side is self.summed or name.endswith(".bias"):
            return Mask.of(self.dense_mask(name, mask)).apply(self.draw(name, self.law.draw, slice(None)))
        # one weight a unit is kept: draw those alone
        out = np.zeros(shape, dtype=np.int32)
        units = np.arange(side.size * self.width)
        for g in range(self.groups):
            place = (g * self.units + units, units // self.width)
            out[place[::-1] if side.outputs else place] = self.first(g)[: side.size].reshape(-1)
        return out

    # -- what it computes ------------------------------------------------------------------------------------------

    def sums(self, mask: Mask) -> Int64Array:
        """The matrices in units of 2**-exponent, shape (heads, summed.rows, structured.rows), exact."""
        kept = mask.unpack()
        out = np.zeros(kept.shape[:3], dtype=np.int64)
        step = max(1, AT_ONCE // self.units)
        for h in range(self.heads):
            first = self.first(self.group(h))
            for start in range(0, self.summed.rows, step):
                rows = slice(start, min(start + step, self.summed.rows))
                out[h, rows] = np.where(kept[h, rows], self.second(h, rows) * first, 0).sum(axis=2)
        return out
