"""P1 and P2: the error of a random subset sum at a fixed target, its geometric mean and its median.

Derived for this project: given the items, the 2**n sums have a local density, and the nearest one is exponentially
far. The mean is another matter (``random_subset_sum_mean_at_zero``): it is ruled by atypical draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Comparison, Equal, Kind, Origin, Relation, Size, Statistics, Verdict
from slt.subset_sum import solve
from slt.weights import Key, Uniform

TARGET = 0.3
ITEMS = Uniform(52)


def errors(n: int, draws: int, key: Key) -> np.ndarray:
    """|nearest subset sum - TARGET| of ``draws`` instances of n uniform items."""
    items = np.ldexp(ITEMS.draw(key / f"{n} items", (1, draws, n))[0].astype(np.float64), -52)
    return solve(items, np.full(draws, TARGET)).error


@final
@dataclass(frozen=True)
class RandomSubsetSumMedian(Claim):
    """Exact optima on the lattice 2**-52, so that exact hits do not bend the law."""

    title: ClassVar[str] = "Geometric mean and median of the random subset-sum error"
    setting: ClassVar[str] = "n items uniform on [-1, 1], a fixed target z, error = min over subsets of |sum - z|."
    statement: ClassVar[str] = (
        "The geometric mean of the error is 0.3349 sqrt(n) 2**-n exp(6 z**2 / n), times 1 + O(1/n); its median is the "
        "solution of E exp(-t rate) = 1/2."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.random_subset_sum, predictions P1 and P2"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "z = 0.3")
    unchecked: ClassVar[tuple[str, ...]] = ("other laws of items", "targets that grow with n")
    measures: ClassVar[str] = (
        "both of the sample, the median with its exact band; the band of the geometric mean is a normal approximation, "
        "of the mean of logarithms"
    )

    factor: float = 1.0
    tolerance: float = 0.2
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        sizes = size.choose(smoke=(14,), full=(14, 18, 22))
        draws = size.choose(smoke=4000, full=10_000)
        evidence = Statistics(draws * len(sizes), 2 * len(sizes))
        rows = []
        for n in sizes:
            found = errors(n, draws, key)
            logs = np.log(found)
            half = NormalDist().inv_cdf((1 + evidence.each) / 2) * float(logs.std(ddof=1)) / math.sqrt(draws)
            law = self.factor * float(laws.geometric_mean_error(n, TARGET))
            middle = float(logs.mean())
            rows.append(
                Comparison.of_band(
                    f"geometric mean, n = {n}", math.exp(middle - half), math.exp(middle + half), self.relation, law,
                    self.tolerance,
                )
            )  # fmt: skip
            band = laws.quantile_band(found, 0.5, evidence.each)
            law = self.factor * float(laws.error_quantile(0.5, n, TARGET))
            rows.append(Comparison.of_band(f"median, n = {n}", band.low, band.high, self.relation, law, self.tolerance))
        return Verdict.of(rows, evidence)

    def mutants(self) -> Mapping[str, Claim]:
        return {"constant": replace(self, factor=1.5), "equality": replace(self, relation=self.relation.flipped)}


CLAIM = RandomSubsetSumMedian()
