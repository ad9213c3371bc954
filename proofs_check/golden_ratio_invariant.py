"""Digits in base golden ratio: the greedy's remainder shrinks by the base from bin to bin; no smaller base does.

Orseau, Hutter and Rivasplata (2020) fill bins [g**(i + 1), g**i] with one weight each and subtract greedily. That the
remainder stays within g**i after bin i holds if and only if 1 - g**2 <= g, so g >= (sqrt 5 - 1) / 2. Proof, with R_i
the largest remainder after bin i over all items of the bins and all targets, R_0 = 1:

An item that fits is at least g**(i + 1), and leaves at most R_(i-1) - g**(i + 1); one that does not is more than what
is left, so that is below g**i. Hence R_i <= max(g**i, R_(i-1) - g**(i + 1)), and if R_(i-1) <= g**(i - 1) the second is
at most g**(i - 1) (1 - g**2) <= g**i. For smaller g take t = 1 and the lower edges: with x_i = remainder / g**i, all
items fit and x_i = (x_(i-1) - g**2) / g; x_1 = (1 - g**2) / g > 1, and x grows from there on, as g**2 < (1 - g) x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key


def remainder(target: int, items: list[int], just_below: bool = False) -> int:
    """What greedy subtraction, in the order of the items, leaves of the target; of targets ``just_below`` it, the
    supremum."""
    for item in items:
        if target > item or (target == item and not just_below):
            target -= item
    return target


@final
@dataclass(frozen=True)
class GoldenRatioInvariant(Claim):
    """Over all choices of bin edges, for rational bases on both sides."""

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
        "the target 1, and targets just below each sum of items, where greedy turns",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("items inside their bins, more bins: the proof at the top of the file",)
    measures: ClassVar[str] = "the largest remainder over g**k, over all edge choices and all targets in [0, 1]"

    base: Fraction = Fraction(610, 987) + Fraction(1, 10**6)  # a convergent of the golden ratio, and a little
    below: Fraction = Fraction(610, 987) - Fraction(1, 1000)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        bins = size.choose(smoke=6, full=9)
        above, cases = self._worst(self.base, bins)
        under, _ = self._worst(self.below, bins)
        rows = [
            Comparison.of(f"g = {float(self.base):.6f}, {bins} bins", above, self.relation, Fraction(1)),
            # the remainders of the first row come up to g**k; these pass it, by a thousandth at least
            Comparison.of(f"g = {float(self.below):.6f}, {bins} bins", Fraction(1001, 1000), self.relation, under),
        ]
        return Verdict.of(rows, Exact("integers", f"{cases:,} pairs of edges and targets"))

    @staticmethod
    def _worst(g: Fraction, bins: int) -> tuple[Fraction, int]:
        """The largest remainder over g**bins, and how many cases were looked at."""
        p, q, k = g.numerator, g.denominator, bins + 1
        one, powers = q**k, [p**j * q ** (k - j) for j in range(k + 1)]  # all times q**k: integers
        worst, cases = 0, 0
        for edges in range(2**bins):
            items = [powers[i + (edges >> (i - 1) & 1)] for i in range(1, bins + 1)]
            # the remainder grows with the target but where an item begins to fit, which is at sums of items alone: its
            # suprema are at 1 and just below these
            turns = {0}
            for item in items:
                turns |= {s + item for s in turns}
            found = [remainder(one, items), *(remainder(s, items, just_below=True) for s in turns if 0 < s <= one)]
            worst, cases = max(worst, *found), cases + len(found)
        return Fraction(worst, powers[bins]), cases

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "base below the golden ratio": replace(self, base=self.below),
            "base above it, said to fail": replace(self, below=self.base),
        }


CLAIM = GoldenRatioInvariant()
