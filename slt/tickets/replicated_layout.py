"""Layers and parts of a source of replicated rows: how many units there are, and where their weights are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.tickets.blocks import LARGEST_SCALE, whole
from slt.weights import Key, Shape

IntArray = npt.NDArray[Any]
Draw = Callable[[Key, Shape, Shape], IntArray]

SPAN = 2**15  # rows of one neuron: its copies have the addresses neuron * SPAN + copy, whatever their number


@final
@dataclass(frozen=True)
class ReplicatedLayer:
    """One layer of the target: its shape, whether it has a bias and an activation behind it, and its scale.

    The layer's neurons (not its constant units) are multiplied by 2**scale, declared and carried, 0 unless needed.
    """

    inputs: int
    outputs: int
    bias: bool
    active: bool
    scale: int = 0

    def check(self, position: int) -> None:
        """Raises InputError unless this can be layer number ``position`` of a source."""
        if not (
            whole(self.inputs, 1)
            and whole(self.outputs, 1)
            and self.outputs <= 2**32 // SPAN
            and isinstance(self.bias, bool)
            and isinstance(self.active, bool)
            and whole(self.scale, 0)
            and self.scale <= LARGEST_SCALE
        ):
            raise InputError(f"{self!r} cannot be layer {position} of a source of replicated rows")


@final
@dataclass(frozen=True)
class ReplicatedPart:
    """The random units that serve one parameter of the target: a matrix, or a bias as the column of a constant.

    The sums stand in ``rows`` = neurons * copies, neuron by neuron; each is over the ``units`` of a coordinate.
    """

    layer: int
    constant: bool
    neurons: int
    copies: int
    coordinates: int
    units: int
    scale: int

    @property
    def name(self) -> str:
        return f"layer {self.layer}/{'bias' if self.constant else 'weight'}"

    @property
    def rows(self) -> int:
        return self.neurons * self.copies

    @property
    def mask_shape(self) -> Shape:
        return (self.rows, self.coordinates, self.units)

    def address(self, key: Key) -> Key:
        """Where the rows are drawn."""
        return key / f"layer {self.layer}" / ("constants" if self.constant else "weight")


def draw_copies(draw: Draw, address: Key, copies: int, coordinates: int, units: int, start: int, stop: int) -> IntArray:
    """Rows start .. stop of the neurons' copies, shape (stop - start, coordinates, units)."""
    out = np.empty((stop - start, coordinates, units), dtype=np.int32)
    row = start
    while row < stop:
        neuron, copy = divmod(row, copies)
        count = min(copies - copy, stop - row)
        drawn = draw(address, (count, coordinates, units), (neuron * SPAN + copy, 0, 0))
        out[row - start : row - start + count] = drawn
        row += count
    return out
