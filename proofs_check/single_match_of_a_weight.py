"""P10: the best single product in the place of a weight: an error that falls as 1/k, where sums halve it each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

import slt
from slt import laws
from slt.claims import Kind, Origin, Size
from slt.weights import Key

from ._rows import LawClaim, Mean, Quantile, Row, Slope
from ._samples import LATTICE, random_items, weight_errors, where_half_miss

WEIGHT = 0.3


@final
@dataclass(frozen=True)
class SingleMatchOfAWeight(LawClaim):
    """Tickets of the construction, and the mean over bare products."""

    title: ClassVar[str] = "The single product nearest to a weight"
    setting: ClassVar[str] = (
        "k products u v, u and v uniform on [-1, 1], and a weight w = 0.3; error of the nearest product. In tickets of "
        "width m about m / 2 units have the right sign."
    )
    statement: ClassVar[str] = (
        "The mean error goes to 1 / (2 k f(w)), f(w) = -ln|w| / 2 the density of u v; the median falls as 1 / width."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "slt.laws.single_match, prediction P10 (construction of Malach et al. 2020, theorem 2.1, recalled)"
    )
    checked: ClassVar[tuple[str, ...]] = ("all products compared", "k = 100 to 400")
    unchecked: ClassVar[tuple[str, ...]] = ("w near 0 or 1, where the density is infinite or 0",)
    measures: ClassVar[str] = (
        "medians of tickets within 20 %, mean within 25 %, bits a doubling of the width within 20 %"
    )

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=3000, full=20_000)
        found: list[Row] = []
        samples = []
        for width in (100, 400):
            errors = weight_errors(slt.SingleMatch(), WEIGHT, count, width, key / f"width {width}", max_items=width)
            samples.append(errors)
            law = where_half_miss(lambda e, m=width: _miss(e, m), WEIGHT)
            found.append(Quantile(f"median of tickets, width {width}", errors, law, 0.2))
        found.append(Slope("log2 of the median a doubling of the width", samples[0], samples[1], 2.0, -1.0, 0.2))
        draws, k = size.choose(smoke=4000, full=20_000), 200
        products = random_items(key / "products", draws, k, "product of uniforms")
        nearest = np.abs(np.ldexp(products.astype(np.float64), -LATTICE) - WEIGHT).min(axis=1)
        # an error beyond 1 / 8 has a chance below 1e-8
        law = float(laws.single_match_mean(k, WEIGHT))
        return [*found, Mean(f"mean, {k} products", np.minimum(nearest, 0.125), law, 0.25, 0.125)]


def _miss(error: float, width: int) -> float:
    sums = laws.SINGLE_MATCH
    return float(laws.weight_miss_probability(error, width, WEIGHT, laws.SIGN_OPTIMAL, 1, None, sums))


CLAIM = SingleMatchOfAWeight()
