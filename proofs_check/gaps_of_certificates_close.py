"""Certified over sampled errors: splitting the box reached a factor of 2 for seven tickets of up to 200 hidden units.

Certificates of a whole box are several times the error, as units of unknown sign are counted at their worst one by one.
Few boxes are enough where inputs are few; in 8 coordinates thousands are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

import numpy as np

from slt import Box, Target, find_ticket
from slt.claims import AtMost, Claim, Comparison, Exact, Kind, Origin, Relation, Size, Verdict
from slt.scoring import closed_gap
from slt.weights import Key, Uniform

BOX = Box(-1.0, 1.0)


@final
@dataclass(frozen=True)
class GapsOfCertificatesClose(Claim):
    """Both ends are bounds over the reals, so their ratio is one too."""

    title: ClassVar[str] = "Certified over sampled errors of tickets"
    setting: ClassVar[str] = (
        "A target d -> n -> 1 of two layers with random weights and biases, its ticket by two-layer sums of width 24, "
        "inputs in [-1, 1]^d; boxes are split at most 1,000 times."
    )
    statement: ClassVar[str] = (
        "For seven (d, n), d <= 4 and n <= 200, with one random target and one random source each, the certified bound "
        "of the sup error comes within a factor of 2 of the largest error found."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.scoring.closed_gap"
    checked: ClassVar[tuple[str, ...]] = ("the d and n of the rows, one target and one source each",)
    unchecked: ClassVar[tuple[str, ...]] = (
        "other targets and sources, of these or other laws",
        "more inputs, more layers",
    )
    measures: ClassVar[str] = "certified over sampled, both rounded outward"

    limit: Fraction = Fraction(2)
    boxes: int = 2001
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        rows, boxes = [], 0
        for d, n in size.choose(((2, 40),), ((1, 200), (2, 50), (2, 200), (3, 100), (3, 200), (4, 50), (4, 200))):
            target = self._target(key / f"{d} {n}", d, n)
            ticket = find_ticket(target, width=24, seed=key / f"source {d} {n}", inputs=BOX)
            found = closed_gap(ticket, target, BOX, ratio=2.0, most_boxes=self.boxes)
            boxes += found.boxes
            measured = Fraction(found.upper.value) / Fraction(found.lower.value)
            rows.append(Comparison.of(f"d = {d}, n = {n}, {found.boxes} boxes", measured, self.relation, self.limit))
        return Verdict.of(rows, Exact("intervals of float64 rounded outward", f"{boxes} boxes"))

    @staticmethod
    def _target(key: Key, d: int, n: int) -> Target:
        drawn = np.ldexp(Uniform(20).draw(key, (1, n, d + 2))[0].astype(np.float64), -20)
        weights = [drawn[:, :d] / d, drawn[None, :, d] / np.sqrt(n)]
        return Target.from_arrays(weights, [drawn[:, d + 1] / 4, np.zeros(1)])

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "no factor": replace(self, limit=Fraction(1)),
            "one box": replace(self, boxes=1),
        }


CLAIM = GapsOfCertificatesClose()
