"""The planted mask with one scale for all outputs: it scores as the target does, and nothing near it scores better.

One positive number in front of all outputs changes no largest one, so the planted mask has the target's own accuracy.
Whether some mask far from it is better cannot be gone through; the target is right but near its three bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import (
    AdversarialSearch,
    AtLeast,
    Claim,
    Comparison,
    Kind,
    Origin,
    Relation,
    Size,
    Verdict,
)
from slt.weights import Key

from ._planted_circle import DEPTH, POINTS, WIDTH, accuracies


@final
@dataclass(frozen=True)
class PlantedMaskIsBest(Claim):
    """Rivals are the planted mask without one of its weights, and with one output alone."""

    title: ClassVar[str] = "The planted mask scores as the target, with one scale for all outputs"
    setting: ClassVar[str] = (
        f"The circle task (four classes) at depth {DEPTH}, planted in a random network of width {WIDTH}, all outputs "
        "multiplied by one positive number; a mask scores the share of points whose largest output is right."
    )
    statement: ClassVar[str] = (
        "The planted mask scores as the target does, but for rounding, and no planted mask less some of its weights "
        "scores better by more than that."
    )
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "after Fischer and Burkholz 2022; slt.search.plant"
    checked: ClassVar[tuple[str, ...]] = (
        f"{POINTS:,} points without noise",
        "every planted weight left out, at full size",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("masks that keep other weights", "regression")
    measures: ClassVar[str] = "accuracy of the planted mask, of the target, and of the best rival"

    own_scales: bool = False
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)
    slack: Fraction = Fraction(3, 1000)  # float32 networks may differ at points on a bound

    def check(self, size: Size, key: Key) -> Verdict:
        seeds, removals = range(size.choose(smoke=1, full=5)), size.choose(smoke=8, full=200)
        rows = []
        for seed in seeds:
            planted, best, _, target = accuracies(self.own_scales, seed, key, removals)
            rows.append(
                Comparison.of(f"seed {seed}: as good as the target", planted + self.slack, self.relation, target)
            )
            rows.append(Comparison.of(f"seed {seed}: as the best rival", planted + self.slack, self.relation, best))
        evidence = AdversarialSearch(len(seeds) * (removals + 4), "masks that leave planted weights out")
        return Verdict.of(rows, evidence)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "scales of their own": replace(self, own_scales=True),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = PlantedMaskIsBest()
