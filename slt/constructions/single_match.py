"""Every target weight one product of two random weights: the first proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from slt import laws
from slt.constructions.selections import NearestItem, Selection
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.two_layer_construction import TwoLayerConstruction


@final
@dataclass(frozen=True)
class SingleMatch(TwoLayerConstruction):
    """Malach, Yehudai, Shalev-Shwartz, Shamir, "Proving the lottery ticket hypothesis: pruning is all you need" (ICML
    2020), theorem 2.1 (recalled; its polynomial is unverified): of all units of a weight's coordinate and sign the one
    whose product v u is nearest to it, or none where 0 is nearer.

    The theorem wants both factors near a fixed pair, and pays with width 1/error**2; of products the nearest is about
    1 / (2 k f(w)) away for k units, f(w) = -ln|w| / 2 their density (``slt.laws.single_match``, P10): the error falls
    as 1 / width, where that of sums halves with every other unit. No norms of the target are asked for here.
    """

    theorem: ClassVar[str] = "Malach et al. 2020, theorem 2.1"
    law: ClassVar[str] = "slt.laws.single_match"

    split: Split | str = field(default_factory=SignOptimal)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))

    @property
    def units(self) -> Split:
        assert isinstance(self.split, Split)
        return self.split

    @property
    def chosen(self) -> Selection:
        return NearestItem()

    @property
    def sum_law(self) -> laws.SumLaw | None:
        return laws.SINGLE_MATCH
