"""Blocks and parts: the layout of a two-layer source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from slt.errors import InputError

LARGEST_SCALE = 127  # 2**127 is the largest power of two in float32


@final
@dataclass(frozen=True)
class Block:
    """Two random layers in the place of one target layer.

    ``weight`` and ``bias`` number the first target layer that has this parameter: tied layers share their draws and
    masks. The block's output is multiplied by 2**scale, declared and carried in the ticket, 0 unless needed.
    """

    inputs: int
    outputs: int
    weight: int
    bias: int | None
    relu: bool
    scale: int = 0

    def check(self, position: int) -> None:
        """Raises InputError unless this can be block number ``position`` of a source."""
        numbers = [self.weight] if self.bias is None else [self.weight, self.bias]
        if not (
            whole(self.inputs, 1)
            and whole(self.outputs, 1)
            and all(whole(number, 0) and number <= position for number in numbers)
            and isinstance(self.relu, bool)
            and whole(self.scale, 0)
            and self.scale <= LARGEST_SCALE
        ):
            raise InputError(f"{self!r} cannot be block {position} of a source")

    @property
    def part_names(self) -> tuple[str, ...]:
        """The names of its parts."""
        return (
            (f"layer {self.weight}/weight",)
            if self.bias is None
            else (f"layer {self.weight}/weight", f"layer {self.bias}/bias")
        )


@final
@dataclass(frozen=True)
class Part:
    """The random units that serve one parameter of the target: a matrix, or a bias as column of a constant."""

    layer: int
    constant: bool
    outputs: int
    coordinates: int
    scale: int

    @property
    def name(self) -> str:
        return f"layer {self.layer}/{'bias' if self.constant else 'weight'}"


def whole(value: Any, least: int) -> bool:
    """Is it an integer, no boolean, and at least ``least``?"""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least
