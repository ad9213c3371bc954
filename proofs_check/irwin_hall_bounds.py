"""Sums of uniform numbers are sum-bounded: the two constants of the theorem on sparsity, as sharp as they can be.

The density of the sum of n numbers uniform on [-1, 1] is unimodal (log-concave), so that on |x| <= sqrt n it lies
between its values at sqrt n and at 0. At sqrt n the normal limit has the correction of the fourth cumulant:
-(6/5) He4(sqrt 3) / 24 = 3/10 over n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import comb, factorial
from typing import Any, ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._flint_at import flint_at


def density(n: int, x: Any) -> Any:
    """Of the sum of n >= 1 numbers uniform on [-1, 1] at x in [0, n): in the arithmetic of x, a Fraction or a ball."""
    terms = ((-1) ** j * comb(n, j) * (x + (n - 2 * j)) ** (n - 1) for j in range(n + 1) if x + (n - 2 * j) > 0)
    return sum(terms, 0 * x) / (2**n * factorial(n - 1))


@final
@dataclass(frozen=True)
class IrwinHallBounds(Claim):
    """The upper constant in fractions (squared), the lower one in balls."""

    title: ClassVar[str] = "Sums of uniform numbers are sum-bounded"
    setting: ClassVar[str] = "f_n is the density of the sum of n numbers uniform on [-1, 1]; |x| <= sqrt n."
    statement: ClassVar[str] = (
        "c_l <= sqrt(n) f_n(x) <= c_u with c_u = 1 / sqrt 2, reached at n = 2, x = 0, and c_l = sqrt(3 / (2 pi)) "
        "e**(-3/2), to which sqrt(n) f_n(sqrt n) falls, as c_l (1 + 3 / (10 n) + O(n**-2))."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "That there are such constants: Natale et al. 2024, lemma 1; their values derived here"
    checked: ClassVar[tuple[str, ...]] = ("x = 0 and x = sqrt n, every n <= 60 at full size",)
    unchecked: ClassVar[tuple[str, ...]] = ("x between them: log-concavity", "larger n: the normal limit")
    measures: ClassVar[str] = "how many n fail, and n (sqrt(n) f_n(sqrt n) / c_l - 1)"

    upper_squared: Fraction = Fraction(1, 2)
    exponent: Fraction = Fraction(3, 2)
    correction: Fraction = Fraction(3, 10)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        most = size.choose(smoke=20, full=60)
        # n = 1 has a jump at its edge, x = sqrt 1, and density 1/2 up to it
        high = [Fraction(1, 4)] + [n * density(n, Fraction(0)) ** 2 for n in range(2, most + 1)]
        above = sum(not self.relation.exactly(value, self.upper_squared) for value in high)
        with flint_at(256) as flint:
            ratio = lambda q: flint.arb(flint.fmpq(q.numerator, q.denominator))  # noqa: E731
            low = [flint.arb(1) / 2] + [
                flint.arb(n).sqrt() * density(n, flint.arb(n).sqrt()) for n in range(2, most + 1)
            ]
            limit = (3 / (2 * flint.arb.pi())).sqrt() * (-ratio(self.exponent)).exp()
            below = sum(not self.relation.exactly(limit, value) for value in low)
            rising = sum(not self.relation.exactly(b, a) for a, b in pairwise(low))
            # the error of the first correction is of order 1 / n
            off = abs((low[-1] / limit - 1) * most - ratio(self.correction))
            near = self.relation.exactly(off, ratio(Fraction(1, 2 * most)))
            shown = float(off.mid())
        rows = [
            Comparison.of("n with sqrt(n) f_n(0) above c_u", above, Equal(), 0),
            Comparison.of("c_u is reached: largest n f_n(0)**2", max(high), Equal(), self.upper_squared),
            Comparison.of("n with sqrt(n) f_n(sqrt n) below c_l", below, Equal(), 0),
            Comparison.of("n at which it does not fall", rising, Equal(), 0),
            Comparison(
                f"n = {most}: distance of n (sqrt(n) f_n(sqrt n) / c_l - 1) to 3/10", f"{shown:.4g}", self.relation,
                f"1/{2 * most}", near,
            ),
        ]  # fmt: skip
        return Verdict.of(rows, Exact("fractions, and balls of 256 bits", f"every n <= {most}"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "upper constant": replace(self, upper_squared=Fraction(49, 100)),
            "upper constant of the normal limit": replace(self, upper_squared=Fraction(3) / Fraction(2 * 22, 7)),
            "exponent of the lower constant": replace(self, exponent=Fraction(148, 100)),
            "correction": replace(self, correction=Fraction(2, 5)),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = IrwinHallBounds()
