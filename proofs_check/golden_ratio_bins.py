"""P16: how many hyperbolic samples fill the bins of the greedy in base golden ratio, and that they are enough.

The bins are those of Orseau, Hutter and Rivasplata (2020); with one item in each the greedy's remainder is a theorem
(`golden_ratio_invariant`). How many samples that takes is a coupon collector's problem with a chance for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Comparison, Equal, Kind, Origin, Size, Verdict
from slt.subset_sum import Problem, golden_ratio
from slt.subset_sum.golden_ratio import GoldenRatio
from slt.weights import Hyperbolic, Key

from ._rows import Chance, LawClaim, Row
from ._samples import LATTICE, UNIT, random_targets

CASES = {4: (20, 40), 8: (48, 96)}  # bins: samples


@final
@dataclass(frozen=True)
class GoldenRatioBins(LawClaim):
    """Hyperbolic samples of either sign down to the smallest bin."""

    title: ClassVar[str] = "Hyperbolic samples that fill the bins of base golden ratio"
    setting: ClassVar[str] = (
        "m samples, signs at random, sizes of density proportional to 1/x on [g**(k + 1), 1], g = (sqrt 5 - 1) / 2; "
        "bins [g**(i + 1), g**i], i = 1 .. k; a target in [0, 1]."
    )
    statement: ClassVar[str] = (
        "Each bin gets a sample of its sign with probability 1 / (2 (k + 1)) each time, so all k are filled with "
        "probability sum_j (-1)**j C(k, j) (1 - j / (2 (k + 1)))**m; then greedy subtraction leaves at most g**k."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.all_bins_filled, prediction P16; bound of Orseau et al. 2020 (recalled)"
    checked: ClassVar[tuple[str, ...]] = (
        "remainders in integers, targets uniform on [0, 1]",
        "k = 4 and 8, from a quarter to nine tenths of the draws filled",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("products of two samples, whose bins are not alike",)
    measures: ClassVar[str] = "shares of draws whose first k bins hold a sample, within 0.04; remainders beyond g**bins"

    sign: float = 0.5

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        found: list[Row] = []
        for k, samples in CASES.items():
            filled = laws.all_bins_filled(max(samples), k, self.sign / (k + 1))
            for m in samples:
                bins = _greedy(size, key, k, m).bins
                found.append(Chance(f"{k} bins, {m} samples", bins >= k, float(filled[m]), 0.04))
        return found

    def check(self, size: Size, key: Key) -> Verdict:
        verdict = super().check(size, key)
        beyond = 0
        for k, samples in CASES.items():
            greedy = _greedy(size, key, k, max(samples))
            beyond += int(np.count_nonzero(np.abs(greedy.result.residual_lattice) > greedy.bound))
        row = Comparison.of("draws whose remainder is beyond g**bins", beyond, Equal(), 0)
        return Verdict.of([*verdict.comparisons, row], verdict.evidence)

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "signs need not fit": replace(self, sign=1.0)}


@lru_cache(maxsize=4)
def _greedy(size: Size, key: Key, bins: int, samples: int) -> GoldenRatio:
    draws = size.choose(smoke=5000, full=20_000)
    law = Hyperbolic(laws.golden_ratio_bound(bins + 1).item(), LATTICE)
    items = law.draw(key / f"{bins} bins", (draws, 1, samples))[:, 0]
    targets = np.abs(random_targets(key / f"{bins} bins", draws))
    return golden_ratio(Problem.of(items, targets, lattice=LATTICE), scale=UNIT)


CLAIM = GoldenRatioBins()
