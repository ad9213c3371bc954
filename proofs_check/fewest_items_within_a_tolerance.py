"""P27: how few items a subset needs that is within a tolerance: the first k at which C(n, k) windows hold one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import Problem, Status, fewest_items
from slt.weights import Key

from ._rows import Chance, LawClaim, Row
from ._samples import LATTICE, fixed, random_items

TARGET = 0.3


@final
@dataclass(frozen=True)
class FewestItemsWithin(LawClaim):
    """Proved minima of the solver."""

    title: ClassVar[str] = "Fewest items of a random subset sum"
    setting: ClassVar[str] = "n items uniform on [-1, 1], target 0.3, tolerance 0.01; the smallest subset within it."
    statement: ClassVar[str] = (
        "P(more than k items are needed) = E exp(-sum over j <= k of C(n, j) w_j g_j), w_j the chance that j items "
        "sum to within the tolerance and g_j what the mean of the items makes of it; so about the k with "
        "n H2(k/n) = log2(1 / 2 tolerance) + log2(2 pi k / 3) / 2."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.fewest_items_tail, prediction P27"
    checked: ClassVar[tuple[str, ...]] = ("minima that the solver proves", "n = 12 and 20")
    unchecked: ClassVar[tuple[str, ...]] = ("products of normals, up to 0.07 off", "other tolerances")
    measures: ClassVar[str] = "shares of draws that need more than k items, within 0.04"

    more: int = 0  # items that come for nothing

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=5000, full=30_000)
        found: list[Row] = []
        for n, sizes in ((12, (1, 2, 3)), (20, (1, 2))):
            problem = Problem.of(random_items(key / f"n = {n}", draws, n), fixed(TARGET, draws), lattice=LATTICE)
            result = fewest_items(problem, 0.01)
            needed = np.where(result.status == Status.FEWEST_ITEMS, result.mask.sum(axis=1), n + 1)
            for k in sizes:
                found.append(Chance(f"more than {k} of {n}", needed > k, _tail(n)[k + self.more], 0.04))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "one item for nothing": replace(self, more=1)}


@cache
def _tail(n: int) -> list[float]:
    found: list[float] = laws.fewest_items_tail(0.01, n, TARGET).tolist()
    return found


CLAIM = FewestItemsWithin()
