"""Every target layer from two random layers, every target weight a subset sum of products of two random weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from slt.constructions.construction import Request
from slt.constructions.selections import NearestSum, Selection
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.errors import InputError
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
    """

    theorem: ClassVar[str] = "Pensia et al. 2020, theorem 1"
    law: ClassVar[str] = "slt.laws.networks"

    split: Split | str = field(default_factory=SignOptimal)
    selection: Selection = field(default_factory=NearestSum)
    frozen: RandomGraph | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))
        if not isinstance(self.selection, Selection):
            raise InputError(
                f"TwoLayerSum: selection must be an object such as FixedSize(4); {self.selection!r} was given"
            )
        if self.frozen is not None and not isinstance(self.frozen, RandomGraph):
            raise InputError(f"TwoLayerSum: frozen must be a RandomGraph or None; {self.frozen!r} was given")

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

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        if not isinstance(self.selection, NearestSum) or self.graph is not None:
            return None
        return self._enough(request, tolerance, self.units.law)
