"""P16 of tickets: the greedy in products of hyperbolic weights keeps its promise as often as the union bound says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import AtLeast, Claim, Kind, Origin, Relation, Size
from slt.constructions import Logarithmic
from slt.weights import Key

from ._rows import Chance, LawClaim, Row
from ._samples import weight_errors

WEIGHT = 0.3
SMALLEST = 2.0**-6


@final
@dataclass(frozen=True)
class GoldenRatioTickets(LawClaim):
    """Errors of whole tickets; the bins between are empty or not, the greedy takes what it finds."""

    title: ClassVar[str] = "Golden-ratio tickets"
    setting: ClassVar[str] = (
        "A weight w = 0.3, inputs >= 0, products u v of hyperbolic weights on [2**-6, 1] of m units a coordinate; p_i "
        "the chance that a unit has a product in [g**(i + 1) w, g**i w] and serves, g = (sqrt 5 - 1) / 2."
    )
    statement: ClassVar[str] = "P(error <= g**k w) >= 1 - sum over i <= k of (1 - p_i)**m."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "slt.laws.hyperbolic_product_bin_probability, every_bin_filled, prediction P16 (Orseau et al. 2020, recalled)"
    )
    checked: ClassVar[tuple[str, ...]] = ("greedy tickets of the package",)
    unchecked: ClassVar[tuple[str, ...]] = ("other weights and hyperbolic laws",)
    measures: ClassVar[str] = "the share of weights that are within g**k w"

    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)
    power: float = 1.0  # of g, in the error that is promised

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=1000, full=6000)
        found: list[Row] = []
        for width in size.choose(smoke=(100, 200), full=(100, 200, 400)):
            errors = weight_errors(Logarithmic(SMALLEST), WEIGHT, count, width, key / f"width {width}")
            for k in (4, 8):
                # a unit serves if the sign of its first weight is right as well
                chances = laws.hyperbolic_product_bin_probability(np.arange(1, k + 1), SMALLEST, WEIGHT) / 2
                union = float(laws.every_bin_filled(width, chances)[0])
                if union > 0.02:
                    promised = WEIGHT * float(laws.golden_ratio_bound(k)) ** self.power
                    found.append(Chance(f"k = {k}, width {width}", errors <= promised, union, 0.0))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "g**(3 k)": replace(self, power=3.0),
            "one and a half times as often": replace(self, factor=1.5),
        }


CLAIM = GoldenRatioTickets()
