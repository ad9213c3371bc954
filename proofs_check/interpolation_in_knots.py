"""P21: piecewise-linear interpolants, which are what explicit ReLU networks of one variable compute: N**-2.

The bound is textbook, parabolas attain it exactly. Knots that share out the integral of sqrt|f''| evenly do best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np

from slt import laws
from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.constructions import PiecewiseLinear
from slt.weights import Key

from ._balls import balls, ends


def parabola_gap(knots: np.ndarray) -> Fraction:
    """The largest distance between x**2 and its chords: (b - a)**2 / 4 in the middle of each."""
    return max((Fraction(b) - Fraction(a)) ** 2 / 4 for a, b in pairwise(knots.tolist()))


def exponential_gap(knots: np.ndarray, arb: Any) -> Any:
    """The same of exp, as a ball: the chord of slope m is farthest above it at ln m."""
    worst = arb(0)
    for a, b in pairwise([arb(x) for x in knots.tolist()]):
        slope = (b.exp() - a.exp()) / (b - a)
        worst = worst.max(a.exp() + slope * (slope.log() - a) - slope)
    return worst


@final
@dataclass(frozen=True)
class InterpolationInKnots(Claim):
    """Knots of the networks that the package builds, taken as the binary fractions they are."""

    title: ClassVar[str] = "Interpolation in N intervals"
    setting: ClassVar[str] = (
        "f on [a, b], its interpolant in N intervals of equal width, or of equal shares of the integral of sqrt|f''|."
    )
    statement: ClassVar[str] = (
        "The largest error is at most max|f''| (b - a)**2 / (8 N**2), with equality for parabolas; with equal shares "
        "it is (integral of sqrt|f''|)**2 / (8 N**2), times 1 + o(1)."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "textbook; slt.laws.interpolation_error, equidistributed_error; prediction P21"
    checked: ClassVar[tuple[str, ...]] = (
        "x**2 in fractions, exp in balls, on [0, 1]",
        "the largest error itself, not a sample",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "intervals that begin where f'' changes its sign, up to 1.155 times the law of equal shares",
        "coefficients of the network, rounded to float64",
    )
    measures: ClassVar[str] = "largest error: equal for x**2; for exp at most the bound, and within 2 % of both laws"

    factor: float = 1.0
    power: int = 2
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        numbers = size.choose(smoke=(2, 8, 64), full=(2, 4, 8, 16, 32, 64, 128, 256, 512))
        rows = []
        for n in numbers:
            law = self._law(laws.interpolation_error(2.0, 1.0, n), n)
            gap = parabola_gap(_knots(np.square, n))
            rows.append(Comparison.of(f"x**2, N = {n}", gap, Equal(), Fraction(law)))
        with balls() as arb:
            for n in numbers:
                law = self._law(laws.interpolation_error(np.e, 1.0, n), n)
                gap = ends(exponential_gap(_knots(np.exp, n), arb))
                rows.append(Comparison.of_band(f"exp, N = {n}", *gap, self.relation, law))
            largest = numbers[-1]
            rows.append(Comparison.of_band(f"exp, N = {largest}", *gap, Equal(), law, 0.02))
            law = self._law(laws.equidistributed_error(np.exp, 0.0, 1.0, largest), largest)
            gap = ends(exponential_gap(_knots(np.exp, largest, equidistributed=True), arb))
            rows.append(Comparison.of_band(f"exp, equal shares, N = {largest}", *gap, Equal(), law, 0.02))
        return Verdict.of(rows, Exact("fractions, and balls of 128 bits", f"N = {', '.join(map(str, numbers))}"))

    def _law(self, law: Any, n: int) -> float:
        return self.factor * float(law) * float(n) ** (2 - self.power)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "constant": replace(self, factor=0.5),
            "inequality": replace(self, relation=self.relation.flipped),
            "1 / N": replace(self, power=1),
            "1 / N**3": replace(self, power=3),
        }


def _knots(function: Callable[[Any], Any], n: int, equidistributed: bool = False) -> np.ndarray:
    return PiecewiseLinear.of(function, 0.0, 1.0, n, equidistributed=equidistributed).knots


CLAIM = InterpolationInKnots()
