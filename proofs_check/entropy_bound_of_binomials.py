"""The entropy bound behind the sparsity theorems: binomials against 2**(n H2(k/n)).

2**(n H2(k/n)) = n**n / (k**k (n - k)**(n - k)), so that the bound squared is an inequality between integers. Small n
are decided by integers (n = 2, k = 1 is an equality, which no ball could decide), larger ones by balls of logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb
from typing import Any, ClassVar, final

from slt.claims import AtLeast, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._flint_at import flint_at

BY_INTEGERS = 24  # n up to which integers decide


@final
@dataclass(frozen=True)
class EntropyBoundOfBinomials(Claim):
    """Every n up to a bound and every k = 1 .. n / 2; the rest is symmetric."""

    title: ClassVar[str] = "Binomials are at least their entropy bound"
    setting: ClassVar[str] = "Whole 0 < k < n; H2(p) = -p log2 p - (1 - p) log2(1 - p)."
    statement: ClassVar[str] = "C(n, k) >= sqrt(n / (8 k (n - k))) 2**(n H2(k/n)), with equality at n = 2, k = 1."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Classical; used by Natale et al. 2024 (recalled)"
    checked: ClassVar[tuple[str, ...]] = ("every n <= 2000 at full size, every k",)
    unchecked: ClassVar[tuple[str, ...]] = ("larger n",)
    measures: ClassVar[str] = "how many pairs (n, k) are not shown to satisfy it"

    constant: int = 8
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        most = size.choose(smoke=70, full=2000)
        exact = sum(
            not self.relation.exactly(self._squared(n, k), 1)
            for n in range(2, BY_INTEGERS + 1)
            for k in range(1, n // 2 + 1)
        )
        with flint_at(96) as flint:
            rest = self._by_balls(flint, most)
        rows = [
            Comparison.of("n = 2, k = 1: C(n, k)**2 over the bound's square", self._squared(2, 1), Equal(), 1),
            Comparison.of(f"pairs with n <= {BY_INTEGERS}", exact, Equal(), 0),
            Comparison.of(f"pairs with n <= {most}", rest, Equal(), 0),
        ]
        pairs = sum(n // 2 for n in range(2, most + 1))
        return Verdict.of(rows, Exact("integers, then balls of 96 bits", f"{pairs:,} pairs"))

    def _squared(self, n: int, k: int) -> Fraction:
        """The binomial over its bound, squared."""
        above = comb(n, k) ** 2 * self.constant * k ** (2 * k + 1) * (n - k) ** (2 * (n - k) + 1)
        return Fraction(above, n ** (2 * n + 1))

    def _by_balls(self, flint: Any, most: int) -> int:
        """log C(n, k) - n log n + (k + 1/2) log k + ... as one table of each argument."""
        log = [flint.arb(0)] + [flint.arb(j).log() for j in range(1, most + 1)]
        factorial = [flint.arb(0)]
        for j in range(1, most + 1):
            factorial.append(factorial[-1] + log[j])
        half = flint.arb(1) / 2
        # C(n, k) over its bound is numbers[n] + parts[k] + parts[n - k] + constant in logarithms
        numbers = [factorial[j] - (j + half) * log[j] for j in range(most + 1)]
        parts = [(j + half) * log[j] - factorial[j] for j in range(most + 1)]
        constant = flint.arb(self.constant).log() / 2
        none = flint.arb(0)
        failed = 0
        for n in range(BY_INTEGERS + 1, most + 1):
            start = numbers[n] + constant
            failed += sum(
                not self.relation.exactly(start + parts[k] + parts[n - k], none) for k in range(1, n // 2 + 1)
            )
        return failed

    def mutants(self) -> Mapping[str, Claim]:
        return {"constant": replace(self, constant=6), "inequality": replace(self, relation=self.relation.flipped)}


CLAIM = EntropyBoundOfBinomials()
