"""Two-layer sums in a source that is sparse from the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from slt.constructions.selections import NearestSum, Selection
from slt.constructions.splits import SignOptimal, Split
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.tickets.random_graph import RandomGraph


@final
@dataclass(frozen=True)
class ErdosRenyi(TwoLayerConstruction):
    """Gadhikar, Mukherjee, Burkholz, "Why random pruning is all we need to start sparse" (ICML 2023); theorem recalled,
    its constant unverified: every edge of the random network is there with probability ``density`` only, and the
    ticket is a subgraph of that graph.

    A product needs both its edges, so of the units of a coordinate about half times density**2 serve a weight:
    -density**2 / 2 bits a hidden unit (P17; ``slt.laws.partial_sources`` for one sum, ``slt.laws.networks`` with
    ``ThinnedUnits`` for all). ``ReplicatedRows`` with a density pays its first power in later layers. That a coordinate
    has a unit at all is ``slt.laws.cover_probability``.
    """

    theorem: ClassVar[str] = "Gadhikar et al. 2023"
    law: ClassVar[str] = "slt.laws.networks"

    density: float = 0.5
    source_graph: RandomGraph = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_graph", RandomGraph(self.density))

    @property
    def units(self) -> Split:
        return SignOptimal()

    @property
    def chosen(self) -> Selection:
        return NearestSum()

    @property
    def graph(self) -> RandomGraph | None:
        return None if self.source_graph.whole else self.source_graph
