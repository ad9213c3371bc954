"""The constructions that are compared, and the width at which each has a given number of random weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import slt
from slt.constructions import Construction
from slt.constructions.construction import Request


@final
@dataclass(frozen=True)
class Contender:
    """``usable``: the share of the units of a coordinate that one sum may choose from, None where any number is
    searched; beyond the limit of an exact search more width would be idle."""

    construction: Construction
    usable: float | None

    def most_width(self, most_items: int) -> int:
        """The largest width whose units are all looked at, on average."""
        return 2**15 if self.usable is None else int(most_items / self.usable)


CONTENDERS: dict[str, Contender] = {
    "single match": Contender(slt.SingleMatch(), None),
    "golden ratio": Contender(slt.Logarithmic(), None),
    "sums, paper's split": Contender(slt.TwoLayerSum(split="paper"), 1 / 4),
    "sums": Contender(slt.TwoLayerSum(), 1 / 2),
    "sums, half the edges": Contender(slt.ErdosRenyi(0.5), 1 / 8),
    "looks-linear sums": Contender(slt.LooksLinear(), 1.0),
    "replicated rows": Contender(slt.ReplicatedRows(), 1.0),
}


def weights(construction: Construction, target: slt.Target, width: int, key: slt.Key, domain: slt.Ball) -> int:
    """How many random weights the source has; of a random graph, how many are there."""
    law = construction.weight_law()
    request = Request(construction.read(target), width, key, law, domain, None, 1)
    return int(construction.lay_out(request).weights)  # type: ignore[attr-defined]


def width_for(
    construction: Construction, target: slt.Target, budget: int, key: slt.Key, domain: slt.Ball, most: int
) -> int:
    """The largest width with at most ``budget`` random weights, or ``most`` if that is smaller; 0 if none is."""
    low, high = 0, 1
    while high <= most and weights(construction, target, high, key, domain) <= budget:
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if weights(construction, target, middle, key, domain) <= budget:
            low = middle
        else:
            high = middle
    return low
