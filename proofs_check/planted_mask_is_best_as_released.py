"""The planted mask under the metric of the released benchmark: not the best mask, as every output has its own scale.

Planting multiplies each output by a number of its own, and accuracy is read off the largest output. So the exact
planted mask computes other classes than the target, and masks that leave planted weights out score better: a search
that finds the planted ticket is told that it has not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

from slt.claims import (
    AdversarialSearch,
    AtLeast,
    Claim,
    Comparison,
    Kind,
    Origin,
    Outcome,
    Relation,
    Size,
    Verdict,
)
from slt.weights import Key

from ._planted_circle import DEPTH, POINTS, WIDTH, PlantedCircle


@final
@dataclass(frozen=True)
class PlantedMaskIsBestAsReleased(Claim):
    """The counterexample stored: seed, key of the points, and the planted weights that a better mask leaves out."""

    title: ClassVar[str] = "The planted mask is the best mask, with output scales as released"
    setting: ClassVar[str] = (
        f"The circle task (four classes) at depth {DEPTH}, planted in a random network of width {WIDTH}, each output "
        "multiplied by a positive number of its own; a mask scores the share of points whose largest output is right."
    )
    statement: ClassVar[str] = "No mask scores better than the planted one."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "the premise of scoring found masks against the planted one in Fischer and Burkholz 2022, Plant'n'Seek; output "
        "scales as its released code is described to have them"
    )
    checked: ClassVar[tuple[str, ...]] = (f"{POINTS:,} points without noise", "every weight on the lattice of a ticket")
    unchecked: ClassVar[tuple[str, ...]] = ("the released files themselves", "regression, where the scores are errors")
    measures: ClassVar[str] = "accuracy of the planted mask, and of the best of masks that leave planted weights out"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "planted-mask-is-the-target"

    own_scales: bool = True
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        rows, stored, tries = [], None, 0
        for seed in range(size.choose(smoke=1, full=5)):
            circle = PlantedCircle.of(self.own_scales, seed, key)
            # smoke: the masks of one output alone, the last of the places
            places = circle.places[size.choose(smoke=-4, full=0) :]
            rival = max(places, key=circle.accuracy)
            tries += len(places)
            planted, best = circle.accuracy(), circle.accuracy(rival)
            rows.append(Comparison.of(f"seed {seed}: planted mask, best rival", planted, self.relation, best))
            if stored is None and best > planted:
                stored = {"seed": seed, "key": [key.seed, *key.path], "left out": list(rival)}
        return Verdict.of(rows, AdversarialSearch(tries, "masks that leave planted weights out"), stored)

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        start, *path = counterexample["key"]
        circle = PlantedCircle.of(self.own_scales, int(counterexample["seed"]), Key(start, tuple(path)))
        layer, row, column = counterexample["left out"]
        rows = [
            Comparison.of(
                "planted mask, the stored one", circle.accuracy(), self.relation, circle.accuracy((layer, row, column))
            )
        ]
        return Verdict.of(rows, AdversarialSearch(1, "the stored mask"), counterexample)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "one scale for all outputs": replace(self, own_scales=False),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = PlantedMaskIsBestAsReleased()
