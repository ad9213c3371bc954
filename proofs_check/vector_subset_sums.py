"""P9: subset sums of vectors of d coordinates: one item is worth 1/d bits, from a number of items that grows with d.

The published theorem (Becchetti et al. 2022, recalled) asks for n of order d**3 for all targets at once; that d and a
logarithm are enough for one target of size O(1) is a conjecture. Beside the law stands the same law of other d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import vector
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Slope
from ._samples import LATTICE, UNIT, random_items

TARGET = 0.3


@final
@dataclass(frozen=True)
class VectorSubsetSums(LawClaim):
    """n goes down to 2 d, where an error of size 1 is all there is."""

    title: ClassVar[str] = "Random subset sums of vectors"
    setting: ClassVar[str] = (
        "n vectors of d coordinates uniform on [-1, 1], a target with all coordinates 0.3, error in the maximum norm."
    )
    statement: ClassVar[str] = (
        "The geometric mean of the error is of the order (1/2) sqrt(pi n / 6) 2**(-n/d), and quantiles are those of "
        "a Poisson number of sums in the cube around the target: the threshold is of order d, not d**3."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CONJECTURE
    reference: ClassVar[str] = "slt.laws.vector_quantile, prediction P9"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "targets of size 0.3 in every coordinate, d = 2, 3, 4")
    unchecked: ClassVar[tuple[str, ...]] = (
        "d above 4, targets that grow with n, all targets at once",
        "other laws of items",
    )
    measures: ClassVar[str] = "medians within 15 %, bits an item within 20 %"

    power: int = 1  # of d, in the bits of an item

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=4000, full=6000)
        found: list[Row] = []
        for d in size.choose(smoke=(2, 3), full=(2, 3, 4)):
            first, last = size.choose(smoke=(3 * d, 12), full=(3 * d, 16))
            samples = []
            for n in (first, last):
                items = random_items(key / f"d = {d}, n = {n}", draws, n, dimension=d)
                targets = np.full((draws, d), round(TARGET * UNIT), dtype=np.int64)
                samples.append(vector(items, targets, lattice=LATTICE).error)
                law = float(laws.vector_quantile(0.5, n, d**self.power, TARGET))
                found.append(Quantile(f"median, d = {d}, n = {n}", samples[-1], law, 0.15))
            medians = laws.vector_geometric_mean(np.array([first, last]), d**self.power)
            bits = float(np.log2(medians[1] / medians[0])) / (last - first)
            found.append(Slope(f"bits an item, d = {d}, n = {first} to {last}", *samples, last - first, bits, 0.2))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "threshold d**2": replace(self, power=2)}


CLAIM = VectorSubsetSums()
