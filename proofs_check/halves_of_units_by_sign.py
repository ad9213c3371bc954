"""P11 and P12: of the units behind a ReLU those of the right sign serve a weight: half a bit a hidden unit.

Pensia et al. (2020) reserve half of the units for each sign of the weight before they know the sign of the units, and
lose those of the wrong one: a quarter of a bit. Measured on tickets of single weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import slt
from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Slope
from ._samples import weight_errors, where_half_miss

WEIGHT = 0.3


@final
@dataclass(frozen=True)
class HalvesOfUnitsBySign(LawClaim):
    """Medians of 3,000 and more sums of one ticket; no coordinate lacks a unit."""

    title: ClassVar[str] = "Bits a hidden unit of a two-layer sum"
    setting: ClassVar[str] = (
        "A weight 0.3, inputs >= 0, from the first of two random layers of w hidden units a coordinate; error = min "
        "over subsets of the units that the split allows of |sum u v - 0.3|, weights uniform on [-1, 1]."
    )
    statement: ClassVar[str] = (
        "The median error falls by half a bit a hidden unit where the signs of the units decide, by a quarter with the "
        "published split."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.block_error_slope, weight_miss_probability; predictions P11 and P12"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "tickets: random source times mask")
    unchecked: ClassVar[tuple[str, ...]] = (
        "the factor sqrt(w), which takes 3 to 5 % off the slope here",
        "largest errors of many weights, which fall less",
    )
    measures: ClassVar[str] = (
        "medians within 35 % of the law, bits a unit within 20 % of 1/2 and 1/4: fewer bits by the factor sqrt(w)"
    )

    signs: tuple[str, str] = ("sign_optimal", "paper")

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=3000, full=10_000)
        found: list[Row] = []
        for split, said, widths in zip(
            ("sign_optimal", "paper"), self.signs, size.choose(((26, 38), (48, 68)), ((26, 50), (48, 96))), strict=True
        ):
            units = {"sign_optimal": laws.SIGN_OPTIMAL, "paper": laws.PAPER}[said]
            construction, samples = slt.TwoLayerSum(split), []
            for width in widths:
                samples.append(weight_errors(construction, WEIGHT, count, width, key / f"{split} {width}"))
                law = where_half_miss(
                    lambda e, w=width, u=units: float(laws.weight_miss_probability(e, w, WEIGHT, u)), WEIGHT
                )
                found.append(Quantile(f"median, {split}, width {width}", samples[-1], law, 0.35))
            bits, steps = laws.block_error_slope(units), widths[1] - widths[0]
            found.append(Slope(f"bits a unit, {split}, width {widths[0]} to {widths[1]}", *samples, steps, bits, 0.2))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "splits exchanged": replace(self, signs=("paper", "sign_optimal"))}


CLAIM = HalvesOfUnitsBySign()
