"""How the gradient of the network's weights reaches the scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import torch

from slt.search.granularity import Weights
from slt.search.layer import Layer
from slt.search.mask_product import mask_product, straight_through_product
from slt.search.selection import Cut, Selection


class Estimator(ABC):
    """Turns a selection into the weights of the network."""

    @abstractmethod
    def weights(self, selection: Selection, layer: Layer, scale: torch.Tensor) -> torch.Tensor:
        """Mask times active values times ``scale`` (0-dim float32), +0.0 where the mask is 0; of the layer's shape."""


@final
@dataclass(frozen=True)
class StraightThrough(Estimator):
    """Forward the mask, exactly 0 or 1; backward as if it were the score map (Bengio et al. 2013). Removed weights get
    gradients too. ``fused``: whether layer-wise cuts use the one-pass operator; its plain twin gives the same bits."""

    fused: bool = True

    def weights(self, selection: Selection, layer: Layer, scale: torch.Tensor) -> torch.Tensor:
        if layer.active.scaled_slopes:
            return self._product(selection, layer, scale)
        found: torch.Tensor = ScaledForward.apply(  # type: ignore[no-untyped-call]
            self._product(selection, layer, torch.ones_like(scale)), scale
        )
        return found

    def _product(self, selection: Selection, layer: Layer, scale: torch.Tensor) -> torch.Tensor:
        if self.fused and isinstance(selection, Cut) and isinstance(layer.granularity, Weights):
            return mask_product(
                layer.scores, layer.values, layer.slopes, selection.value, selection.index, scale, selection.absolute
            )
        soft, hard = layer.expand(selection.soft(layer)), layer.expand(selection.hard(layer))
        return straight_through_product(soft, hard, layer.values, layer.slopes, scale)


@final
class ScaledForward(torch.autograd.Function):
    """``product * scale``, whose gradient goes to the product as if it were not scaled."""

    generate_vmap_rule = True

    @staticmethod
    def forward(product: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return product * scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        return gradients[0], None


@final
@dataclass(frozen=True)
class Pathwise(Estimator):
    """The soft mask itself is in the network while it trains, and is differentiated as it is (concrete relaxation);
    a mask that is read off for evaluation is hard."""

    def weights(self, selection: Selection, layer: Layer, scale: torch.Tensor) -> torch.Tensor:
        return layer.expand(selection.soft(layer)) * layer.values * scale
