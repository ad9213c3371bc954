"""What a solver found out about each instance; the text says what it means and what would help."""

from __future__ import annotations

from enum import IntEnum
from typing import final


@final
class Status(IntEnum):
    """One code an instance, int8 in ``Result.status``."""

    OPTIMAL = 0
    WITHIN_TOLERANCE = 1
    BEST_FOUND = 2
    OUT_OF_REACH = 3
    NO_ITEMS = 4

    @property
    def text(self) -> str:
        """Meaning and remedy."""
        return _TEXTS[self]


_TEXTS = {
    Status.OPTIMAL: (
        "optimal: no subset of the usable items comes nearer, exactly, on the lattice; for a smaller error add items"
    ),
    Status.WITHIN_TOLERANCE: (
        "within the tolerance: the best subset of the shortest prefix that has one; for the optimum leave tolerance out"
    ),
    Status.BEST_FOUND: (
        "not within the tolerance: the nearest of the sums looked at; add items or raise the tolerance"
    ),
    Status.OUT_OF_REACH: (
        "out of reach: the target lies beyond the sum of all positive or all negative items, which is the answer; "
        "add items or scale the target down"
    ),
    Status.NO_ITEMS: "no usable item: the empty sum is the only one; unlock or add items",
}
