"""P7: number partitioning is the subset sum at half of the total: the same density, always at its peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import solve
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Sample
from ._samples import LATTICE, random_items


def differences(key: Key, draws: int, n: int) -> Sample:
    """min over signs of |sum of +- item|, exact: twice the sum of those with plus, less the total."""
    items = random_items(key, draws, n)
    return solve(2 * items, items.sum(axis=1), lattice=LATTICE).error


@final
@dataclass(frozen=True)
class RandomPartition(LawClaim):
    """An exponential law: no mixture over the mean of the items."""

    title: ClassVar[str] = "Difference of a random partition"
    setting: ClassVar[str] = (
        "n items uniform on [-1, 1], or on [0, 1]: signs count for nothing; min over signs of |sum|."
    )
    statement: ClassVar[str] = (
        "The difference is exponential of mean sqrt(2 pi n / 3) 2**-n, times 1 + O(1/n): no shift of the target "
        "makes it heavier."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "slt.laws.partition_quantile, prediction P7; exponential for n to infinity: Borgs, Chayes, Pittel 2001 "
        "(recalled)"
    )
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "n = 12, at full size 16 and 20")
    unchecked: ClassVar[tuple[str, ...]] = ("other laws of items, whose upper quantiles are far larger at small n",)
    measures: ClassVar[str] = "10 % and 90 % quantiles and medians, within 20 %"

    spread: float = 1.0  # times the distance of a quantile from the median, in logarithms

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=10_000, full=40_000)
        found: list[Row] = []
        for n in size.choose(smoke=(12,), full=(12, 16, 20)):
            sample = differences(key / f"n = {n}", draws, n)
            median = float(laws.partition_quantile(0.5, n))
            for p in (0.1, 0.5, 0.9):
                law = median * (float(laws.partition_quantile(p, n)) / median) ** self.spread
                found.append(Quantile(f"{p:.0%} quantile, n = {n}", sample, law, 0.2, p))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "heavier": replace(self, spread=1.5)}


CLAIM = RandomPartition()
