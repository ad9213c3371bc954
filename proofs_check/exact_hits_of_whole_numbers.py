"""P20: on a lattice a target is met exactly as soon as the subsets outnumber the places: log2 M + log2(pi n / 6) / 2.

Of tickets: weights of b bits give products on 4**-b, and meet a weight exactly with about 2 b + log2(n) / 2 units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

import slt
from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import Problem, count_solutions
from slt.weights import Key, Uniform

from ._rows import Chance, LawClaim, Row
from ._samples import weight_errors


def whole_numbers(key: Key, draws: int, n: int, levels: int) -> np.ndarray:
    """Uniform on -levels .. levels, int64 (draws, n)."""
    odd = Uniform(32).draw(key, (draws, 1, n))[:, 0].astype(np.int64)
    return np.asarray((((odd + 2**32) >> 1) * (2 * levels + 1) >> 32) - levels)


@final
@dataclass(frozen=True)
class ExactHits(LawClaim):
    """All solutions counted; a ticket's sum is exact where its residual is 0 on the lattice."""

    title: ClassVar[str] = "Exact hits of random whole numbers"
    setting: ClassVar[str] = (
        "n whole numbers uniform on -M .. M, a target M / 2; and weights of b bits, of which n products of two serve "
        "a weight 0.3, rounded to their lattice 4**-b."
    )
    statement: ClassVar[str] = (
        "P(some subset sums to the target) = 1 - E exp(-2**n phi_s(z - s u)), u standard normal, "
        "s**2 = n M (M + 1) / 12; of products s**2 = n E K**2 / 4, K the product in steps of the lattice."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.quantised_exact_probability, exact_hit_probability; prediction P20"
    checked: ClassVar[tuple[str, ...]] = ("counts of all solutions", "M = 32 and 256; tickets of 4 and 6 bits")
    unchecked: ClassVar[tuple[str, ...]] = ("M below 32 and fewer bits, where sums coincide and hits are rarer",)
    measures: ClassVar[str] = "shares of draws with an exact hit, within 0.04 (tickets of 6 bits 0.07, of 4 bits 0.15)"

    shift: int = 0  # of n

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=6000, full=20_000)
        found: list[Row] = []
        for levels, sizes in ((32, (6, 9)), (256, (9, 12))):
            for n in sizes:
                items = whole_numbers(key / f"M = {levels}, n = {n}", draws, n, levels)
                hit = count_solutions(Problem.of(items, np.full(draws, levels // 2))) > 0
                law = float(laws.quantised_exact_probability(n + self.shift, levels, levels // 2))
                found.append(Chance(f"M = {levels}, n = {n}", hit, law, 0.04))
        count = size.choose(smoke=3000, full=10_000)
        for bits, n, off in ((4, 10, 0.15), (6, 14, 0.07)):
            goal = round(0.3 * 4**bits) / 4**bits
            errors = weight_errors(
                slt.TwoLayerSum(), goal, count, 72, key / f"{bits} bits", max_items=n, law=Uniform(bits)
            )
            law = float(laws.exact_hit_probability(n + self.shift, bits, goal))
            found.append(Chance(f"tickets of {bits} bits, n = {n}", errors == 0, law, off))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "one item more": replace(self, shift=1)}


CLAIM = ExactHits()
