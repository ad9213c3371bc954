"""Moves: weights that are the seed's draw and a declared number of lattice steps more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from slt.errors import InputError
from slt.tickets.patches import Indices, IntArray, Patch, Redraw

LARGEST_MOVE = 2**25  # from -2**24 to 2**24, between which float32 holds every integer


@final
@dataclass(frozen=True, eq=False)
class Moves(Patch):
    """Each weight was moved along its lattice: it holds its own draw and ``steps`` more, none of them 0. Such numbers
    come from the target, so a ticket counts them as carried; no search makes them."""

    kind: ClassVar[str] = "moves"

    steps: Indices

    def __post_init__(self) -> None:
        super().__post_init__()
        given = np.asarray(self.steps)
        if given.shape != self.indices.shape or (given.size and not np.issubdtype(given.dtype, np.integer)):
            raise InputError(
                f"moves of {self.name}: steps of shape {given.shape} and dtype {given.dtype} were given for "
                f"{self.indices.size} indices; one whole number is needed for each"
            )
        # a copy of its own, so that nobody changes it
        steps = given.astype(np.int64)
        if steps.size and (int(np.abs(steps).max()) > LARGEST_MOVE or int(np.abs(steps).min()) == 0):
            raise InputError(f"moves of {self.name}: steps must lie in 1 .. 2**25, up or down")
        steps.setflags(write=False)
        object.__setattr__(self, "steps", steps)

    @property
    def numbers(self) -> Indices:
        # -1, 1, -2, 2 .. are 0, 1, 2, 3 ..
        return np.where(self.steps < 0, -2 * self.steps - 2, 2 * self.steps - 1)

    @staticmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Moves:
        return Moves(name, indices, np.where(numbers % 2 == 0, -(numbers + 2) // 2, (numbers + 1) // 2))

    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        return (draws[self.indices] + self.steps).astype(draws.dtype)


KINDS: dict[str, type[Patch]] = {Moves.kind: Moves}
