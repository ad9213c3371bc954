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

from ._planted_circle import DEPTH, POINTS, WIDTH, accuracies


@final
@dataclass(frozen=True)
class PlantedMaskIsBestAsReleased(Claim):
    """The counterexample is a seed and the planted weights that a better mask leaves out."""

    title: ClassVar[str] = "The planted mask is the best mask, with output scales as released"
    setting: ClassVar[str] = (
        f"The circle task (four classes) at depth {DEPTH}, planted in a random network of width {WIDTH}, each output "
        "multiplied by a positive number of its own; a mask scores the share of points whose largest output is right."
    )
    statement: ClassVar[str] = "No mask scores better than the planted one."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = "Fischer and Burkholz 2022, Plant'n'Seek, benchmark as released (scales as described)"
    checked: ClassVar[tuple[str, ...]] = (
        f"{POINTS:,} points without noise",
        "planted weights on the lattice of a ticket",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("the released files themselves", "regression, where the scores are errors")
    measures: ClassVar[str] = "accuracy of the planted mask, and of the best of masks that leave planted weights out"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "planted-mask-is-best"

    own_scales: bool = True
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        return self._verdict(range(size.choose(smoke=1, full=5)), size.choose(smoke=8, full=200), key)

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([int(counterexample["seed"])], 8, Key(0) / "claims" / "planted-mask-is-best-as-released")

    def _verdict(self, seeds: Any, removals: int, key: Key) -> Verdict:
        rows, stored = [], None
        for seed in seeds:
            planted, best, rival, _ = accuracies(self.own_scales, seed, key, removals)
            rows.append(Comparison.of(f"seed {seed}: planted mask, best rival", planted, self.relation, best))
            if stored is None and best > planted:
                stored = {"seed": seed, "planted": str(planted), "rival": str(best), "left out": rival}
        evidence = AdversarialSearch(len(rows) * (removals + 4), "masks that leave planted weights out")
        return Verdict.of(rows, evidence, stored)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "one scale for all outputs": replace(self, own_scales=False),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = PlantedMaskIsBestAsReleased()
