"""What kept weights are multiplied by, so that signals keep their size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.search.layer import Layer
from slt.search.selection import Selection


class Scale(ABC):
    """One number a layer, from the mask and the random weights; it is recorded in the ticket, and never learnt.

    ``by_count``: whether it depends on nothing but the layer's size and how many weights are kept.
    """

    by_count: ClassVar[bool] = False

    @abstractmethod
    def factor(self, selection: Selection, layer: Layer) -> torch.Tensor:
        """0-dim float32, without gradient."""


@final
@dataclass(frozen=True)
class NoScale(Scale):
    """1."""

    by_count: ClassVar[bool] = True

    def factor(self, selection: Selection, layer: Layer) -> torch.Tensor:
        return torch.ones((), device=layer.weights.device)


def _count(selection: Selection, layer: Layer) -> torch.Tensor:
    kept = selection.kept(layer)
    if isinstance(kept, int):
        return torch.tensor(float(max(kept, 1)), dtype=torch.float64)
    return kept.detach().to(torch.float64).clamp(min=1)


@final
@dataclass(frozen=True)
class InverseRootDensity(Scale):
    """sqrt(weights / kept) of the layer, which keeps the variance: Ramanujan et al. 2020 mean this by their scaled
    constants (the released code divides by the density removed); Otsuka et al. call it dynamic where layers differ."""

    by_count: ClassVar[bool] = True

    def factor(self, selection: Selection, layer: Layer) -> torch.Tensor:
        scale = (layer.size / _count(selection, layer)).sqrt().float()
        return scale.to(layer.weights.device)


@final
@dataclass(frozen=True)
class InverseDensity(Scale):
    """weights / kept of the layer: the dynamic weight rescaling of Zhou et al. 2019."""

    by_count: ClassVar[bool] = True

    def factor(self, selection: Selection, layer: Layer) -> torch.Tensor:
        return (layer.size / _count(selection, layer)).float().to(layer.weights.device)


@final
@dataclass(frozen=True)
class MeanMagnitude(Scale):
    """The mean size of the kept weights: the alpha of biprop (Diffenderfer and Kailkhura 2021, eq. 3); 1 where none is
    kept, as a scale is positive."""

    def factor(self, selection: Selection, layer: Layer) -> torch.Tensor:
        with torch.no_grad():
            kept = layer.expand(selection.hard(layer)) != 0
            sizes = torch.where(kept, layer.weights.abs(), 0.0).sum(dtype=torch.float64)
            count = kept.sum()
            return torch.where(count > 0, sizes / count.clamp(min=1), 1.0).float()
