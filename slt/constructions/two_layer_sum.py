"""Every target layer from two random layers, every target weight a subset sum of products of two random weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from slt import laws
from slt.constructions.construction import Request
from slt.constructions.moved_sums import moved_ticket
from slt.constructions.selections import NearestSum, Selection
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.errors import InputError
from slt.tickets import Ticket
from slt.tickets.perturbation import Perturbation
from slt.tickets.random_graph import RandomGraph


@final
@dataclass(frozen=True)
class TwoLayerSum(TwoLayerConstruction):
    """Pensia, Rajput, Nagle, Vishwakarma, Papailiopoulos, "Optimal lottery tickets via SubsetSum" (NeurIPS 2020),
    theorem 1 (recalled from restatements; its constant C is unverified).

    Error: about one bit for every two hidden units (``slt.laws.networks``), one for every four with ``split="paper"``.

    selection  which units a sum keeps: ``NearestSum()``; ``FixedSize(k)``, exactly k of them (Natale et al. 2024);
               ``FewestItems()``, as few as the tolerance allows
    frozen     edges of the source that are removed or locked for good (Otsuka et al., partially frozen networks):
               ``RandomGraph(density, locked)``. Locked are weights of second layers alone
    perturbation  how far kept weights of second layers may be moved (Xiong, Liao, Kyrillidis 2023):
               ``Perturbation(absolute=0.01)``. The ticket declares and counts every move: it is a ``PerturbedSource``
               times a mask, not a ``TwoLayerSource`` times a mask. Of each sum the first ``max_items`` usable units
               count, with a tolerance too; of all subsets that moves can bring to the target it keeps the fewest units,
               and misses by half a lattice step of a weight times one of its |u|, below 2**-24 for ``Uniform()``
    """

    theorem: ClassVar[str] = "Pensia et al. 2020, theorem 1"
    law: ClassVar[str] = "slt.laws.networks"

    split: Split | str = field(default_factory=SignOptimal)
    selection: Selection = field(default_factory=NearestSum)
    frozen: RandomGraph | None = None
    perturbation: Perturbation | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))
        if not isinstance(self.selection, Selection):
            raise InputError(
                f"TwoLayerSum: selection must be an object such as FixedSize(4); {self.selection!r} was given"
            )
        if self.frozen is not None and not isinstance(self.frozen, RandomGraph):
            raise InputError(f"TwoLayerSum: frozen must be a RandomGraph or None; {self.frozen!r} was given")
        if self.perturbation is not None and not isinstance(self.perturbation, Perturbation):
            raise InputError(
                f"TwoLayerSum: perturbation must be a Perturbation or None; {self.perturbation!r} was given"
            )
        if self.perturbation is not None and not isinstance(self.selection, NearestSum):
            raise InputError(
                f"TwoLayerSum: a perturbation says itself which units are kept; {self.selection} was given besides. "
                "Leave one of the two out"
            )

    @property
    def units(self) -> Split:
        assert isinstance(self.split, Split)
        return self.split

    @property
    def chosen(self) -> Selection:
        return self.selection

    @property
    def graph(self) -> RandomGraph | None:
        return None if self.frozen is None or self.frozen.whole else self.frozen

    def find(self, request: Request) -> Ticket:
        return super().find(request) if self.perturbation is None else moved_ticket(self, self.perturbation, request)

    @property
    def sum_law(self) -> laws.SumLaw | None:
        return None if self.perturbation is not None else super().sum_law
