"""The coefficient a_1 = m_1 as printed: right only where no unit points down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key

from ._knot_units import Interpolant, interpolants


@final
@dataclass(frozen=True)
class UnivariateCoefficientsAsPrinted(Claim):
    """The counterexample stored is the first: x -> max(x - 1, 0) on [0, 2], p = (1, -1)."""

    title: ClassVar[str] = "Coefficients of units that point either way, as printed"
    setting: ClassVar[str] = (
        "f piecewise linear with knots t_1 < ... < t_(N+1) and slopes m_1 .. m_N; units relu(p_j (x - t_j)), j <= N, "
        "p_1 = 1, other p_j = 1 or -1; a constant of any size."
    )
    statement: ClassVar[str] = (
        "f = sum_j a_j relu(p_j (x - t_j)) + c for a_1 = m_1 and a_j = m_j - m_(j-1), j > 1, whatever the signs."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = "Fischer and Burkholz 2022, Plant'n'Seek, A.4.3; the released code has it right"
    checked: ClassVar[tuple[str, ...]] = ("every choice of signs",)
    unchecked: ClassVar[tuple[str, ...]] = ("p_1 = -1, a unit that is 0 on the interval",)
    measures: ClassVar[str] = "the largest deviation, with the best constant"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "univariate-coefficients"

    share: int = 0
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        return self._verdict(interpolants(size.choose(smoke=5, full=9), key))

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([Interpolant.of(counterexample)])

    def _verdict(self, cases: list[Interpolant]) -> Verdict:
        deviations = [case.deviation(self.share) for case in cases]
        rows = [Comparison.of("largest deviation", max(deviations), self.relation, Fraction(0))]
        off = [case for case, deviation in zip(cases, deviations, strict=True) if deviation]
        stored = {**off[0].plain(), "deviation": str(off[0].deviation(self.share))} if off else None
        note = f"It holds for {len(cases) - len(off)} of {len(cases)} functions and choices of signs."
        return Verdict.of(rows, Exact("fractions", f"{len(cases)} functions and choices of signs"), stored, note)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "with the missing sum": replace(self, share=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = UnivariateCoefficientsAsPrinted()
