"""P6: the farthest of all targets in an interval: the widest gap between the sums of all subsets.

As if the 2**n sums were a Poisson process near their middle, the widest of K gaps is (ln K + gamma) / K. Nothing proves
it of all gaps at once, and the lower quantiles refute it (`all_targets_as_a_poisson_process`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row
from ._samples import random_items
from ._widest_gap import farthest


@final
@dataclass(frozen=True)
class AllTargets(LawClaim):
    """Medians, their order, and upper quantiles; the lower ones are known to be off."""

    title: ClassVar[str] = "All targets at once"
    setting: ClassVar[str] = (
        "n items uniform on [-1, 1]; error = max over z in [-1/2, 1/2] of min over subsets of |sum - z|."
    )
    statement: ClassVar[str] = (
        "The median is that of the widest gap in a Poisson process of the density of the sums, "
        "and is of the order 0.4135 n**(3/2) 2**-n; there is no such law of the lower quantiles."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CONJECTURE
    reference: ClassVar[str] = "slt.laws.all_targets_quantile, all_targets_error; prediction P6"
    checked: ClassVar[tuple[str, ...]] = ("all subset sums, all targets of the interval",)
    unchecked: ClassVar[tuple[str, ...]] = (
        "10 % quantiles, which are 0.7 to 0.92 of the law, and refute it there",
        "n above 14",
    )
    measures: ClassVar[str] = (
        "median within 12 %, 90 % quantile within 25 %, median over 0.4135 n**1.5 2**-n within 35 %"
    )

    power: float = 1.5

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        found: list[Row] = []
        for n in size.choose(smoke=(10,), full=(10, 12, 14)):
            draws = size.choose(smoke=2000, full=8000)
            errors = farthest(random_items(key / f"n = {n}", draws, n))
            for p, slack in size.choose(smoke=((0.5, 0.12),), full=((0.5, 0.12), (0.9, 0.25))):
                law = float(laws.all_targets_quantile(p, n))
                found.append(Quantile(f"{p:.0%} quantile, n = {n}", errors, law, slack, p))
            limit = math.log(2) / 2 * math.sqrt(math.pi / 6) * math.exp(0.5) * n**self.power / 2**n
            found.append(Quantile(f"median, 0.4135 n**1.5 2**-n, n = {n}", errors, limit, 0.35))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "n in the place of n**1.5": replace(self, power=1.0)}


CLAIM = AllTargets()
