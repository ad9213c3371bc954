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
    FEWEST_ITEMS = 5
    TOO_FEW_ITEMS = 6
    GREEDY = 7
    CLAIMED_OPTIMAL = 8
    FALSE_OPTIMUM = 9

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
    Status.FEWEST_ITEMS: (
        "within the tolerance, with as few items as any subset that is: proved; for the nearest sum use "
        "subset_sum.solve"
    ),
    Status.TOO_FEW_ITEMS: (
        "fewer usable items than the subset was to have: all of them are taken; ask for a smaller size or add items"
    ),
    Status.GREEDY: ("greedy: each item was taken if it fitted, in order of size; for the optimum use subset_sum.solve"),
    Status.CLAIMED_OPTIMAL: (
        "called optimal by a floating-point solver, evaluated exactly, not checked for optimality; "
        "up to 44 items subset_sum.solve proves it"
    ),
    Status.FALSE_OPTIMUM: (
        "called optimal by a floating-point solver, but an exact one finds a nearer sum: use subset_sum.solve"
    ),
}
