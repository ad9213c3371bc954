"""The planted mask with one scale for all outputs: every point gets the target's class.

One positive number in front of all outputs changes no largest one. So under accuracy the planted mask is what was
planted; a mask that scores better on some points (there are such, chosen on those points) does so where the target
errs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt.claims import AdversarialSearch, Claim, Comparison, Equal, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._planted_circle import DEPTH, POINTS, WIDTH, PlantedCircle


@final
@dataclass(frozen=True)
class PlantedMaskIsTheTarget(Claim):
    """Both networks in float64, which holds every weight exactly."""

    title: ClassVar[str] = "The planted mask is the target, with one scale for all outputs"
    setting: ClassVar[str] = (
        f"The circle task (four classes) at depth {DEPTH}, planted in a random network of width {WIDTH}, all outputs "
        "multiplied by one positive number."
    )
    statement: ClassVar[str] = "The planted mask gives every point the target's class, so its score is the target's."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "after Fischer and Burkholz 2022; slt.search.plant"
    checked: ClassVar[tuple[str, ...]] = (
        f"{POINTS:,} points without noise a seed",
        "weights on the lattice of a ticket",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "points so near a bound of two classes that the lattice of the planted weights decides",
        "that no other mask scores better: the target itself errs near its bounds",
    )
    measures: ClassVar[str] = "points that get another class than the target's"

    own_scales: bool = False
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        seeds, rows = range(size.choose(smoke=1, full=5)), []
        for seed in seeds:
            circle = PlantedCircle.of(self.own_scales, seed, key)
            other = int(np.count_nonzero(circle.classes() != circle.wanted))
            rows.append(Comparison.of(f"seed {seed}: points of another class", other, self.relation, 0))
        return Verdict.of(rows, AdversarialSearch(len(seeds) * POINTS, "points of the task"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "scales of their own": replace(self, own_scales=True),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = PlantedMaskIsTheTarget()
