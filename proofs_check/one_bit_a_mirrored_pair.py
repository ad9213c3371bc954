"""P13: with a looks-linear source every pair of mirrored units serves every weight, on both signs of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

import slt
from slt import laws
from slt.claims import Kind, Origin, Size
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Slope

WEIGHT = 0.3


@final
@dataclass(frozen=True)
class OneBitAMirroredPair(LawClaim):
    """Inputs of both signs: one sum stands for both branches."""

    title: ClassVar[str] = "Bits a mirrored pair of hidden units"
    setting: ClassVar[str] = (
        "A weight 0.3, inputs of both signs, from a looks-linear source of n mirrored pairs a coordinate; error = min "
        "over subsets of the pairs of |sum u v - 0.3|, weights uniform on [-1, 1]."
    )
    statement: ClassVar[str] = (
        "The median error falls by one bit a pair, and is that of n products of uniform weights: no pair is lost to "
        "its sign."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.block_error_slope(EVERY_UNIT), error_quantile; prediction P13"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "one sum a weight, on inputs of both signs")
    unchecked: ClassVar[tuple[str, ...]] = (
        "orthogonal weights, which the published construction has",
        "the factor sqrt(n), 4 to 6 % of the slope",
    )
    measures: ClassVar[str] = "medians within 15 % of the law, bits a pair within 8 % of one"

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=2000, full=20_000)
        pairs = size.choose(smoke=(12, 20), full=(12, 24))
        target = slt.Target.from_arrays([np.full((1, count), WEIGHT)])
        found, samples = [], []
        for n in pairs:
            ticket = slt.find_ticket(target, n, key / f"{n} pairs", construction=slt.LooksLinear(), max_items=44)
            samples.append(ticket.residuals().errors)
            if samples[-1].size != count:
                raise ArithmeticError(f"{samples[-1].size} sums were posed for {count} weights; one each is meant")
            law = float(laws.error_quantile(0.5, n, WEIGHT, laws.UNIFORM_PRODUCT))
            found.append(Quantile(f"median, {n} pairs", samples[-1], law, 0.15))
        bits, steps = laws.block_error_slope(laws.EVERY_UNIT), pairs[1] - pairs[0]
        return [*found, Slope(f"bits a pair, {pairs[0]} to {pairs[1]}", samples[0], samples[1], steps, bits, 0.08)]


CLAIM = OneBitAMirroredPair()
