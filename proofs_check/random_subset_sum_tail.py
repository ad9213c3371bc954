"""P4 and P5: two ways to miss a target: the items lie around it as they please (1/t), or do not reach it at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import solve
from slt.weights import Key

from ._rows import Chance, LawClaim, Row
from ._samples import LATTICE, fixed, random_items

N = 14


@final
@dataclass(frozen=True)
class SubsetSumTail(LawClaim):
    """Chances are off by at most 0.01 each, that of the reach by 0.0025; they are 0.004 to 0.18 here."""

    title: ClassVar[str] = "Tail of the random subset-sum error"
    setting: ClassVar[str] = (
        "n items uniform on [-1, 1], a fixed target z, error = min over subsets of |sum - z|, "
        "s_n = sqrt(pi n / 6) 2**-(n + 1)."
    )
    statement: ClassVar[str] = (
        "Near 0, P(error > t s_n) = 1 / (t sqrt(pi ln t)); for z beyond the error also "
        "2**-n sum_k C(n, k) P(k items of (0, 1) sum below z - error); the two as independent ways to miss."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.near_zero_tail, reach_tail, miss_probability; predictions P4 and P5"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "n = 14, targets 0.05, 1/2 and 1")
    unchecked: ClassVar[tuple[str, ...]] = (
        "other n and laws of items",
        "chances below 0.02: the asymptote near 0 comes slowly, and is up to 0.005 too high here",
    )
    measures: ClassVar[str] = "shares of draws with a larger error, within 0.01 (reach alone 0.0025)"

    reaching: bool = True

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=40_000, full=400_000)
        items = random_items(key, draws, N)
        near, half, far = (solve(items, fixed(z, draws), lattice=LATTICE).error for z in (0.05, 0.5, 1.0))
        found: list[Row] = [
            Chance(f"P4: z = 0.05, error > {e:g}", near > e, float(laws.near_zero_tail(e, N)), 0.01)
            for e in (2.0**-11, 2.0**-10)
        ]
        for z, errors in ((0.5, half), (1.0, far)):
            for e in (2.0**-11, 2.0**-6):
                law = laws.miss_probability if self.reaching else laws.mixture_tail
                found.append(Chance(f"P4 and P5: z = {z:g}, error > {e:g}", errors > e, float(law(e, N, z)), 0.01))
        law = laws.reach_tail if self.reaching else laws.mixture_tail
        found.append(Chance("P5: z = 1, error > 0.125", far > 0.125, float(law(0.125, N, 1.0)), 0.0025))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "no reach": replace(self, reaching=False)}


CLAIM = SubsetSumTail()
