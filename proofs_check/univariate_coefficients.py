"""A piecewise linear function from ReLU units that point either way: the coefficient of the first unit.

Units with p_j = -1 have slope -a_j left of their knot, so that the first unit has to make up for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._knot_units import interpolants


@final
@dataclass(frozen=True)
class UnivariateCoefficients(Claim):
    """Under every choice of signs."""

    title: ClassVar[str] = "Coefficients of units that point either way"
    setting: ClassVar[str] = (
        "f piecewise linear with knots t_1 < ... < t_(N+1) and slopes m_1 .. m_N; units relu(p_j (x - t_j)), j <= N, "
        "p_1 = 1, other p_j = 1 or -1; a constant of any size."
    )
    statement: ClassVar[str] = (
        "f = sum_j a_j relu(p_j (x - t_j)) + c for a_j = m_j - m_(j-1), j > 1, and a_1 = m_1 + the sum of a_j over "
        "p_j = -1."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "Fischer and Burkholz 2022, Plant'n'Seek, A.4.3, with the missing sum"
    checked: ClassVar[tuple[str, ...]] = ("every choice of signs",)
    unchecked: ClassVar[tuple[str, ...]] = ("p_1 = -1, a unit that is 0 on the interval",)
    measures: ClassVar[str] = "the largest deviation, with the best constant"

    share: int = 1
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        cases = interpolants(size.choose(smoke=5, full=9), key)
        worst = max(case.deviation(self.share) for case in cases)
        rows = [Comparison.of("largest deviation", worst, self.relation, Fraction(0))]
        return Verdict.of(rows, Exact("fractions", f"{len(cases)} functions and choices of signs"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "without the sum": replace(self, share=0),
            "sign of the sum": replace(self, share=-1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = UnivariateCoefficients()
