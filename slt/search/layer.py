"""One masked tensor while a search runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch

from slt.search.active import Active
from slt.search.granularity import Granularity
from slt.search.maskable import Maskable
from slt.search.score_maps import ScoreMap


@final
@dataclass(eq=False)
class Layer:
    """``weights`` is the frozen random source, only weight events change it; ``scores`` are learnt.

    ``origins``  flat index in the seed's draw of the weight each place now holds; None: every place its own
    ``events``   number of the event that drew each weight, 0 for the seed's own; None: all 0
    ``frozen``   -1 removed for good, +1 locked in, 0 searchable; None: all searchable
    ``bracket``  around the last threshold, to find the next one fast; it changes no result
    ``memory``   what selector and events remember of this layer, by name; saved in checkpoints
    """

    role: Maskable
    weights: torch.Tensor
    scores: torch.Tensor
    map: ScoreMap
    active: Active
    granularity: Granularity
    origins: torch.Tensor | None = None
    events: torch.Tensor | None = None
    frozen: torch.Tensor | None = None
    memory: dict[str, torch.Tensor] = field(default_factory=dict)
    bracket: torch.Tensor | None = None
    values: torch.Tensor = field(init=False)
    slopes: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Derive the active values anew: to be called whenever ``weights`` changed."""
        self.values, self.slopes = self.active.values(self.weights), self.active.slopes(self.weights)

    @property
    def name(self) -> str:
        return self.role.name

    @property
    def size(self) -> int:
        """How many weights."""
        return self.role.size

    @property
    def mapped(self) -> torch.Tensor:
        """The scores as the selector reads them, attached to the graph."""
        return self.map(self.scores)

    def expand(self, grouped: torch.Tensor) -> torch.Tensor:
        """One value a weight from one value a group."""
        return self.granularity.expand(grouped, self.role.shape)
