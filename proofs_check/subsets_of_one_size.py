"""P8: subsets of exactly k of n items: n H2(k/n) bits of choice, most of them near k = n/2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, final

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import Problem, fixed_size
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row
from ._samples import LATTICE, fixed, random_items

TARGET = 0.3


@final
@dataclass(frozen=True)
class SubsetsOfOneSize(LawClaim):
    """Quantiles of exact optima; a quarter of the items in the place of half costs 1.6 bits at n = 12, 3 at n = 20."""

    title: ClassVar[str] = "Random subset sums of exactly k items"
    setting: ClassVar[str] = "n items uniform on [-1, 1], target 0.3, error = min over subsets of k items of |sum - z|."
    statement: ClassVar[str] = (
        "Medians are those of an exponential of mean sqrt(2 pi k (1 - k/n) / 3) / (2 C(n, k)), mixed over the mean of "
        "the items: log2 C(n, k), about n H2(k/n), bits."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.fixed_size_quantile, prediction P8 (bits as in Natale et al. 2024, theorem 2)"
    checked: ClassVar[tuple[str, ...]] = ("exact optima over subsets of k items", "k = n/4 and n/2")
    unchecked: ClassVar[tuple[str, ...]] = (
        "99 % quantiles, up to 16 times the law: it leaves the reach out",
        "other laws of items",
    )
    measures: ClassVar[str] = "10 % quantiles and medians within 15 %"

    sizes: tuple[int, int] = (4, 2)  # what k is n divided by

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=4000, full=20_000)
        found: list[Row] = []
        for n in size.choose(smoke=(12,), full=(12, 20)):
            for part, said in zip((4, 2), self.sizes, strict=True):
                items = random_items(key / f"n / {part}, n = {n}", draws, n)
                sample = fixed_size(Problem.of(items, fixed(TARGET, draws), lattice=LATTICE), n // part).error
                for p in size.choose(smoke=(0.5,), full=(0.1, 0.5)):
                    label = f"{p:.0%} quantile, k = {n // part} of {n}"
                    found.append(Quantile(label, sample, _law(p, n, n // said), 0.15, p))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "shares exchanged": replace(self, sizes=(2, 4))}


@cache
def _law(probability: float, n: int, size: int) -> float:
    return float(laws.fixed_size_quantile(probability, n, size, TARGET))


CLAIM = SubsetsOfOneSize()
