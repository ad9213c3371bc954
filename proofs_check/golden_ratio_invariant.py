"""Digits in base golden ratio: the greedy's remainder shrinks by the base from bin to bin; no smaller base does.

Orseau, Hutter and Rivasplata (2020) fill bins [g**(i + 1), g**i] with one weight each and subtract greedily. That the
remainder stays within g**i after bin i holds if and only if 1 - g**2 <= g, so g >= (sqrt 5 - 1) / 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key


def remainder(target: Fraction, items: list[Fraction]) -> Fraction:
    """What greedy subtraction, in the order of the items, leaves of the target."""
    for item in items:
        if target >= item:
            target -= item
    return target


@final
@dataclass(frozen=True)
class GoldenRatioInvariant(Claim):
    """Checked over all choices of bin edges, at which the remainder is largest, for rational bases on both sides."""

    title: ClassVar[str] = "Greedy remainders in base golden ratio"
    setting: ClassVar[str] = (
        "0 < g < 1; items w_i in [g**(i + 1), g**i], i = 1 .. k; a target t in [0, 1]; for i = 1 .. k the item is "
        "subtracted where it fits."
    )
    statement: ClassVar[str] = (
        "For g = (sqrt 5 - 1) / 2 and above, what is left is at most g**k; for smaller g it is not."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Orseau, Hutter, Rivasplata 2020 (recalled); sharpness derived here"
    checked: ClassVar[tuple[str, ...]] = (
        "items at either edge of their bins",
        "targets at the sums where greedy turns",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "items inside their bins (the remainder is largest at edges: proof in text)",
    )
    measures: ClassVar[str] = (
        "the largest remainder over g**k, in fractions, over all edge choices and critical targets"
    )

    base: Fraction = Fraction(610, 987) + Fraction(1, 10**6)  # a convergent of the golden ratio, and a little
    below: Fraction = Fraction(610, 987) - Fraction(1, 1000)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        bins = size.choose(smoke=7, full=11)
        above, cases = self._worst(self.base, bins)
        under, _ = self._worst(self.below, bins)
        rows = [
            Comparison.of(f"g = {float(self.base):.6f}, {bins} bins", above, self.relation, Fraction(1)),
            Comparison.of(f"g = {float(self.below):.6f}, {bins} bins", Fraction(1), self.relation, under),
        ]
        return Verdict.of(rows, Exact("fractions", f"{cases:,} pairs of edges and targets"))

    @staticmethod
    def _worst(g: Fraction, bins: int) -> tuple[Fraction, int]:
        """The largest remainder over g**bins, and how many cases were looked at."""
        worst, cases = Fraction(0), 0
        for edges in range(2**bins):
            items = [g ** (i + (edges >> (i - 1) & 1)) for i in range(1, bins + 1)]
            # the remainder grows with the target but where an item begins to fit: its suprema are at 1 and just below
            # every item, and every sum of leading items plus the next
            critical, sums = {Fraction(1)}, [Fraction(0)]
            for item in items:
                critical |= {s + item - Fraction(1, 10**12) for s in sums[-4:]}
                sums = [*sums, sums[-1] + item]
            for target in critical:
                if 0 <= target <= 1:
                    worst = max(worst, remainder(target, items))
                    cases += 1
        return worst / g**bins, cases

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "base below the golden ratio": replace(self, base=self.below),
            "base above it, said to fail": replace(self, below=self.base),
        }


CLAIM = GoldenRatioInvariant()
