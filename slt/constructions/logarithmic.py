"""Every target weight in base golden ratio: hyperbolic random weights fill its digits, a greedy reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from slt.constructions.selections import Greedy, Selection
from slt.constructions.splits import SignOptimal, Split
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.weights import Hyperbolic, WeightLaw


@final
@dataclass(frozen=True)
class Logarithmic(TwoLayerConstruction):
    """Orseau, Hutter, Rivasplata, "Logarithmic pruning is all you need" (NeurIPS 2020); theorem recalled, its constants
    unverified.

    Random weights are hyperbolic, of density 1 / |w| on [smallest, 1], so that each bin [g**(i + 1), g**i] of products,
    g the golden ratio 0.618, gets its share. Where bins 1 .. k of a target's size hold a product of its sign each, the
    greedy leaves at most g**k of it: a proved bound from the draws alone (``slt.subset_sum.golden_ratio``), 0.694 bits
    a bin, in time linear in the width. Filling the bins is what costs: ``slt.laws.golden_ratio``. Batch sampling, the
    paper's second idea, is the layout of the source: the units of a coordinate serve all outputs.

    Any law of weights works; the bound on the number of units needed is for hyperbolic ones, which are the default.
    More units can make a single sum worse (a greedy is no optimum), its bound never.
    """

    theorem: ClassVar[str] = "Orseau et al. 2020"
    law: ClassVar[str] = "slt.laws.golden_ratio"

    smallest: float = 2.0**-6

    def __post_init__(self) -> None:
        self.weight_law()  # which checks

    def weight_law(self) -> WeightLaw:
        return Hyperbolic(self.smallest)

    @property
    def units(self) -> Split:
        return SignOptimal()

    @property
    def chosen(self) -> Selection:
        return Greedy()
