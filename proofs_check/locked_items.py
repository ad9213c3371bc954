"""P18: items that are in whatever happens move the target by their sum, and cost a constant factor, no bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import solve
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row
from ._samples import LATTICE, fixed, random_items

TARGET = 0.3


@final
@dataclass(frozen=True)
class LockedItems(LawClaim):
    """The tail of the law; the factor exp(2 locked / free) is of geometric means, and too large for medians."""

    title: ClassVar[str] = "Locked items in random subset sums"
    setting: ClassVar[str] = (
        "f free and l locked items uniform on [-1, 1], target 0.3; error = min over subsets of the free ones, the "
        "locked ones added, of |sum - z|."
    )
    statement: ClassVar[str] = (
        "10 % quantiles and medians are those of f items at a target moved by a normal variable of variance l / 3; "
        "with few locked items, exp(2 l / f) times as large in the geometric mean."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.locked_quantile, locked_factor; prediction P18"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "f = 16, l = 0, 2, 8")
    unchecked: ClassVar[tuple[str, ...]] = (
        "90 % quantiles, where targets fall out of reach",
        "the factor exp(2 l / f) beyond l = f / 8",
    )
    measures: ClassVar[str] = "quantiles within 20 %"

    share: float = 1.0  # of the locked items that count

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws, free = size.choose(smoke=8000, full=60_000), 16
        items = random_items(key, draws, free + 8)
        found: list[Row] = []
        for locked in (0, 2, 8):
            there = np.arange(free + locked) >= free
            errors = solve(items[:, : free + locked], fixed(TARGET, draws), lattice=LATTICE, locked=there).error
            for p in size.choose(smoke=(0.5,), full=(0.1, 0.5)):
                law = float(laws.locked_quantile(p, free, int(self.share * locked), TARGET))
                found.append(Quantile(f"{p:.0%} quantile, {locked} locked", errors, law, 0.2, p))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "locked items cost nothing": replace(self, share=0.0)}


CLAIM = LockedItems()
