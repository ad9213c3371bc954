"""Subset sum and number partitioning are one problem, by 2 sum_S x = total - sum of signed x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

LARGEST = 8  # items are whole numbers up to this size


@final
@dataclass(frozen=True)
class SubsetSumIsNumberPartitioning(Claim):
    """Both optima by brute force, the subsets and the signs gone through each by itself."""

    title: ClassVar[str] = "Subset sum is number partitioning"
    setting: ClassVar[str] = "Numbers x_1 .. x_n with total L, a target t; subsets S, signs s_i = 1 or -1."
    statement: ClassVar[str] = (
        "min over S of |sum_S x - t| = 1/2 min over s of |sum_i s_i x_i - (L - 2 t)|; a subset sum hits t where a "
        "partition hits L - 2 t."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Kumar and Natale 2025, lemma 2 (formula recalled)"
    checked: ClassVar[tuple[str, ...]] = ("every target within the sums and a little beyond", "items of both signs")
    unchecked: ClassVar[tuple[str, ...]] = ("n > 12: sum_S x = (L - sum of signed x) / 2 for s = -1 on S",)
    measures: ClassVar[str] = "how many targets have different optima"

    factor: int = 2
    sign: int = -1
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        most, instances = size.choose(smoke=(6, 2), full=(12, 10))
        failed, targets = 0, 0
        for n in range(1, most + 1):
            items = Uniform(16).draw(key / f"{n}", (1, instances, n))[0] % (2 * LARGEST + 1) - LARGEST
            subsets = np.array(list(product((0, 1), repeat=n)), dtype=np.int64)
            signs = np.array(list(product((-1, 1), repeat=n)), dtype=np.int64)
            for row in items.astype(np.int64):
                total, reach = int(row.sum()), int(np.abs(row).sum()) + 2
                wanted = np.arange(-reach, reach + 1)
                ours = self._nearest(subsets @ row, wanted)
                theirs = self._nearest(signs @ row, total + self.sign * self.factor * wanted)
                failed += sum(not self.relation.exactly(2 * int(a), int(b)) for a, b in zip(ours, theirs, strict=True))
                targets += wanted.size
        rows = [Comparison.of("targets with different optima", failed, Equal(), 0)]
        return Verdict.of(rows, Exact("integers", f"{targets:,} targets of {instances * most} instances, n <= {most}"))

    @staticmethod
    def _nearest(sums: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.abs(np.unique(sums)[None, :] - targets[:, None]).min(axis=1)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "L - t": replace(self, factor=1),
            "L + 2 t": replace(self, sign=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = SubsetSumIsNumberPartitioning()
