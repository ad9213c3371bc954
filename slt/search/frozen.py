"""Sources of which a part is frozen before the search: removed for good, or locked in (Otsuka et al. 2024)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError
from slt.search.maskable import Maskable
from slt.search.sampled_masks import uniform
from slt.weights import Key


class FrozenPart(ABC):
    """Which weights the search may not decide over. The pattern comes from the seed, so a
    code could leave it out; ticket files hold whole masks and do not."""

    @abstractmethod
    def pattern(self, key: Key, layer: Maskable, like: torch.Tensor) -> torch.Tensor | None:
        """int8 of the shape of ``like``: -1 removed, +1 locked in, 0 searchable; None: all searchable."""


@final
@dataclass(frozen=True)
class Searchable(FrozenPart):
    """Nothing is frozen."""

    def pattern(self, key: Key, layer: Maskable, like: torch.Tensor) -> torch.Tensor | None:
        return None


@final
@dataclass(frozen=True)
class RandomlyFrozen(FrozenPart):
    """Exactly ``round(removed n)`` of a layer's n scores are removed and ``round(locked n)`` locked, at random."""

    removed: float = 0.0
    locked: float = 0.0

    def __post_init__(self) -> None:
        if not (self.removed >= 0 and self.locked >= 0 and self.removed + self.locked < 1):
            raise InputError(
                f"the shares removed and locked must leave something to search; {self.removed!r} and {self.locked!r} "
                "were given"
            )

    def pattern(self, key: Key, layer: Maskable, like: torch.Tensor) -> torch.Tensor | None:
        n = like.numel()
        order = uniform(key / layer.name, like).reshape(-1).argsort(stable=True)
        pattern = torch.zeros(n, dtype=torch.int8, device=like.device)
        removed, locked = round(self.removed * n), round(self.locked * n)
        pattern[order[:removed]] = -1
        pattern[order[removed : removed + locked]] = 1
        return pattern.reshape(like.shape)
