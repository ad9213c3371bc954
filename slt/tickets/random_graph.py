"""Random graphs: which edges of a random network are there, and which of them cannot be pruned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.weights import Key, Shape, Uniform

BoolArray = npt.NDArray[np.bool_]

WORDS = Uniform(32)  # k = 2 m + 1 - 2**32 of a random word m


@final
@dataclass(frozen=True)
class RandomGraph:
    """Every edge is there with probability ``density`` (an Erdos-Renyi graph); of those that are, each is locked with
    probability ``locked``: no mask may leave it out (partially frozen networks).

    Edges are functions of (key, output, coordinate, unit) as the weights are, at the weights' key / "graph": the graph
    of a width is part of that of a larger one, and the graph of a density is part of that of a higher one.
    """

    density: float = 1.0
    locked: float = 0.0

    def __post_init__(self) -> None:
        for name, low_open in (("density", True), ("locked", False)):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
            if not number or not (0 < value <= 1 if low_open else 0 <= value < 1):
                needed = "in (0, 1]" if low_open else "in [0, 1)"
                raise InputError(f"a random graph: {name} must be a number {needed}; {value!r} was given")
            object.__setattr__(self, name, float(value))

    @property
    def whole(self) -> bool:
        """Is every edge there and free?"""
        return self.density == 1.0 and self.locked == 0.0

    def present(self, key: Key, shape: Shape, start: Shape = (0, 0, 0), plain: bool = False) -> BoolArray:
        """Which edges are there, for weights drawn at ``key``; ``plain``: by the plain generator."""
        draw = WORDS.draw_plain if plain else WORDS.draw
        return self._below(draw(key / "graph", shape, start), self.density)

    def present_rows(self, key: Key, outputs: npt.ArrayLike, coordinates: npt.ArrayLike, units: int) -> BoolArray:
        """The same at (outputs[r], coordinates[r], all units), shape (rows, units)."""
        return self._below(WORDS.draw_rows(key / "graph", outputs, coordinates, units), self.density)

    def locked_edges(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> BoolArray:
        """Which edges are there and locked."""
        if not self.locked:
            return np.zeros(shape, dtype=np.bool_)
        return self._below(WORDS.draw(key / "graph", shape, start), self.density * self.locked)

    @staticmethod
    def _below(words: npt.NDArray[Any], share: float) -> BoolArray:
        # m < share * 2**32, in integers
        return np.asarray(words < 2 * round(share * 2**32) + 1 - 2**32)
