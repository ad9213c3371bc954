"""A step that fails for every share: log2(e / g) <= 1 would need g >= e / 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import factorial
from typing import Any, ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key


@final
@dataclass(frozen=True)
class LogarithmOfAShareAsPrinted(Claim):
    """log2(e / g) > 1 is e > 2 g, shown by a partial sum of e."""

    title: ClassVar[str] = "The logarithm of a share, a step read in a damaged copy"
    setting: ClassVar[str] = "A share 0 < g <= 1 of items."
    statement: ClassVar[str] = "log2(e / g) <= 1."
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "a step read in a damaged copy of Natale et al. 2024, appendix; unverified"
    checked: ClassVar[tuple[str, ...]] = ("all g <= 1, by g = 1",)
    unchecked: ClassVar[tuple[str, ...]] = ("whether the official text has this line",)
    measures: ClassVar[str] = "shares at which a lower bound of e / g is above 2**1"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "entropy-is-below-its-logarithm"

    most: int = 1  # what the logarithm is said to be at most
    terms: int = 12  # of the series of e
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        return self._verdict([Fraction(j, 10) for j in range(10, size.choose(smoke=6, full=0), -1)])

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([Fraction(counterexample["share"])])

    def _verdict(self, shares: list[Fraction]) -> Verdict:
        e = sum(Fraction(1, factorial(j)) for j in range(self.terms))  # below e
        failed = [g for g in shares if e / g > 2**self.most]
        rows = [Comparison.of("shares with log2(e / g) above it", len(failed), self.relation, 0)]
        stored = {"share": str(failed[0]), "e is above": str(e)} if failed else None
        return Verdict.of(rows, Exact("fractions", f"{len(shares)} shares; the largest speaks for all"), stored)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "at most 3": replace(self, most=3),
            "no more than the first term of e": replace(self, terms=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = LogarithmOfAShareAsPrinted()
