"""P3: the mean error at target zero goes with n where the median goes with sqrt n: a few atypical draws rule it.

A saddle point over the exponentially tilted items gives n E|x| 2**-(n + 1); nothing proves that its corrections vanish,
so it is a conjecture. Solved once for every lowest item that a subset holds, so that the empty subset does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import solve
from slt.weights import Key

from ._rows import LawClaim, Mean, Row, Sample
from ._samples import LATTICE, UNIT, random_items, read_only


def errors_at_zero(key: Key, draws: int, n: int) -> Sample:
    """min over non-empty subsets of |sum|, exact."""
    items = random_items(key, draws, n)
    best = np.abs(items[:, -1]) / UNIT
    for i in range(n - 1):  # item i, and some of those behind it
        best = np.minimum(best, solve(items[:, i + 1 :], -items[:, i], lattice=LATTICE).error)
    return best


@final
@dataclass(frozen=True)
class MeanAtZero(LawClaim):
    """The mean is that of all draws, with a band that needs no finite third moment."""

    title: ClassVar[str] = "Mean random subset-sum error at target zero"
    setting: ClassVar[str] = "n items uniform on [-1, 1]; error = min over non-empty subsets of |sum|."
    statement: ClassVar[str] = "E error = (n / 4) 2**-n, up to a factor 1 + O(1/n)."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CONJECTURE
    reference: ClassVar[str] = "slt.laws.mean_error_at_zero, prediction P3"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "an error of at most 1, for the band of the mean")
    unchecked: ClassVar[tuple[str, ...]] = ("n above 12", "other laws of items", "the factor within 15 %")
    measures: ClassVar[str] = "the mean of all draws, with an empirical Bernstein band"

    power: float = 1.0

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        sizes = size.choose(smoke=(8,), full=(8, 10, 12))
        draws = size.choose(smoke=40_000, full=300_000)
        # in other powers of n the law is the same at n = 1
        return [
            Mean(
                f"n = {n}", _in_parts(key / f"n = {n}", draws, n),
                float(laws.mean_error_at_zero(n)) * n ** (self.power - 1), 0.15, 1.0,
            )
            for n in sizes
        ]  # fmt: skip

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "sqrt(n), as of the median": replace(self, power=0.5)}


@lru_cache(maxsize=3)
def _in_parts(key: Key, draws: int, n: int) -> Sample:
    part = min(draws, 100_000)
    return read_only(np.concatenate([errors_at_zero(key / f"part {i}", part, n) for i in range(draws // part)]))


CLAIM = MeanAtZero()
