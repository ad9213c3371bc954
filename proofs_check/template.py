"""TITLE: copy this file, name it after the claim (words joined by underscores), and fill it in.

Say here where the statement comes from and why it is believed, in a few lines. A check of size SMOKE should take about
a second, one of size FULL at most a minute or two. Draw everything at ``key``; retry nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key


@final
@dataclass(frozen=True)
class Template(Claim):
    """Half of a whole number is at most that number: the smallest claim that has all parts."""

    title: ClassVar[str] = "A half is no more than the whole"
    setting: ClassVar[str] = "n is a whole number >= 0."
    statement: ClassVar[str] = "n / 2 <= n."
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "template"
    checked: ClassVar[tuple[str, ...]] = ("n is a whole number",)
    unchecked: ClassVar[tuple[str, ...]] = ("n above 1,000",)
    measures: ClassVar[str] = "the largest n / 2 - n"

    # what the predicted side is made of: mutants alter one of these
    constant: Fraction = Fraction(1, 2)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        most = size.choose(smoke=100, full=1000)
        worst = max(self.constant * n - n for n in range(most + 1))
        comparison = Comparison.of(f"n <= {most}", worst, self.relation, Fraction(0))
        return Verdict.of([comparison], Exact("fractions", f"every n up to {most}"))

    def mutants(self) -> Mapping[str, Claim]:
        # an altered inequality must turn the verdict too: here 0 >= 0 holds as well, so the constant is altered alone
        return {"constant": replace(self, constant=Fraction(2))}


CLAIM = Template()
