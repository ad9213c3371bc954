"""Exact cuts and masked weights of all layers of a step with hardly a call of torch.

After a pass over large tensors a call of torch from Python takes many microseconds, and a step by way of
``top_cutoff`` and ``mask_product`` makes some ten of them a layer. Here the masked weights are leaves, in memory that
stays; one compiled pass finds the cutoff and writes them, another turns their gradient into that of the scores. The
bits are those of the other way.
"""

from __future__ import annotations

from typing import final

import numpy as np
import torch

from slt.search.cutoff_kernel import NO_HISTORY, kth_largest, masked_around
from slt.search.cutoffs import next_bracket
from slt.search.estimators import StraightThrough
from slt.search.granularity import Weights
from slt.search.layer import Layer
from slt.search.mask_product_kernel import masked, score_gradient
from slt.search.masked_network import MaskedNetwork
from slt.search.moment import Moment
from slt.search.scales import Scale
from slt.search.selection import Cut, Selection
from slt.search.selectors import TopK
from slt.search.traced import has_memory
from slt.search.training_weights import Attached, TrainingWeights

_INSIDE = 16  # one entry in so many may be in a bracket, as in the cutoffs


def training_weights(network: MaskedNetwork) -> TrainingWeights:
    """The fast way where it fits, else every method's."""
    selector, estimator = network.method.selector, network.method.estimator
    if (
        isinstance(selector, TopK)
        and not selector.budget.together
        and isinstance(estimator, StraightThrough)
        and estimator.fused
        and isinstance(network.method.granularity, Weights)
        and network.method.scale.by_count
        and network.method.map.absolute is not None
        and network.layers
        and all(map(_fits, network.layers))
    ):
        return WholeProduct(network, selector)
    return Attached(network)


def _fits(layer: Layer) -> bool:
    return layer.frozen is None and has_memory(layer.scores) and layer.scores.is_contiguous()


@final
class WholeProduct(TrainingWeights):
    """Layer-wise top-k of s or |s|, straight through, on the processor in float32; see ``training_weights``."""

    def __init__(self, network: MaskedNetwork, selector: TopK) -> None:
        self.network, self.selector = network, selector
        entries = max(layer.size for layer in network.layers) // _INSIDE
        scratch = np.empty(entries, dtype=np.float32), np.empty(entries, dtype=np.int64)
        self.parts = [_Part(layer, network.method.scale, *scratch) for layer in network.layers]

    def of_step(self, moment: Moment) -> dict[str, torch.Tensor]:
        cuts: list[Selection] = []
        for part, count in zip(self.parts, self.selector.counts(self.network.layers, moment), strict=True):
            cuts.append(part.cut(count))
        self.network.selections = cuts
        return {part.layer.name: part.leaf for part in self.parts}

    def pull_back(self) -> None:
        for part in self.parts:
            part.pull_back()


@final
class _Part:
    """One layer's share. ``leaf``: its masked weights, ``gradient``: that of its scores; overwritten in every step."""

    def __init__(self, layer: Layer, scale: Scale, found: np.ndarray, places: np.ndarray) -> None:
        self.layer, self.scale, self.scratch = layer, scale, (found, places)
        self.absolute = bool(layer.map.absolute)
        self.leaf = torch.empty(layer.role.shape).requires_grad_()
        self.gradient = torch.empty(layer.role.shape)
        self.out, self.pulled = (t.detach().numpy().reshape(-1) for t in (self.leaf, self.gradient))
        self.scores = layer.scores.detach().numpy().reshape(-1)  # the optimiser writes where these are
        self.history = NO_HISTORY.copy()
        self.counted: int | None = None
        self._read_weights()

    def cut(self, count: int) -> Cut:
        """Writes the masked weights that keep ``count`` scores."""
        layer = self.layer
        if self.read is not layer.values:
            self._read_weights()
        value, index = np.empty((), dtype=np.float32), np.empty((), dtype=np.int64)
        cut = Cut(torch.from_numpy(value), torch.from_numpy(index), self.absolute, count)
        if self.counted != count:
            self.counted, self.factor = count, self.scale.factor(cut, layer).numpy()
        if not masked_around(
            self.scores,
            self.values,
            count,
            self.absolute,
            self.factor[()],
            self.history,
            *self.scratch,
            value,
            index,
            self.out,
        ):
            kth_largest(self.scores, count, self.absolute, NO_HISTORY, value, index)
            masked(self.scores, self.values, value, index, self.factor, self.absolute, self.out)
            known = None if np.isnan(self.history).any() else torch.from_numpy(self.history)
            self.history = next_bracket(known, cut.value).numpy()
        self.leaf.grad = None
        return cut

    def pull_back(self) -> None:
        arrived, scores = self.leaf.grad, self.layer.scores
        if arrived is None:  # this weight had no part in the loss
            return
        if arrived.is_sparse:
            arrived = arrived.to_dense()
        # not in place: where weights were added up, the gradients of several may be one memory
        score_gradient(
            arrived.numpy().reshape(-1), self.scores, self.slopes, self.slope_factor, self.absolute, self.pulled
        )
        self.leaf.grad = None
        scores.grad = self.gradient if scores.grad is None else scores.grad + self.gradient

    @property
    def slope_factor(self) -> np.ndarray:
        return self.factor if self.layer.active.scaled_slopes else _ONE

    def _read_weights(self) -> None:
        self.read = self.layer.values
        self.values, self.slopes = (t.detach().numpy().reshape(-1) for t in (self.layer.values, self.layer.slopes))


_ONE = np.ones((), dtype=np.float32)
