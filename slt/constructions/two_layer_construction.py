"""What constructions share that make every target layer from two random layers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from slt import laws
from slt.constructions.assumptions import chain_of
from slt.constructions.construction import Construction, Request
from slt.constructions.part_masks import part_mask
from slt.constructions.selections import NearestSum, Selection
from slt.constructions.splits import Split
from slt.constructions.sums import Tally, scale_of
from slt.domains import Domain
from slt.errors import LimitError
from slt.laws import LayerSums
from slt.masks import Mask
from slt.targets import Target
from slt.tickets import Block, Ticket, TwoLayerSource
from slt.tickets.branches import wanted_parts
from slt.tickets.random_graph import RandomGraph
from slt.weights import Uniform


class TwoLayerConstruction(Construction):
    """Every target layer from two random layers; what theorems of this kind share. A unit k of coordinate j answers
    relu(u_jk x_j). On x_j > 0 a target weight w_rj is the sum of products v_rjk u_jk over a subset of units with
    u_jk > 0; on x_j < 0 over units with u_jk < 0. Inputs that the domain or a ReLU makes non-negative need the first
    sum only. A bias is the column of a coordinate that is always 1, served by random biases b_k > 0 through
    relu(b_k) = b_k. Where a layer has |w| > 1 its targets are divided by a power of two, which the ticket carries.
    """

    depth: ClassVar[str] = "2L"
    status: ClassVar[str] = "sums exact, network certified"

    @property
    @abstractmethod
    def units(self) -> Split:
        """Which units serve which sign."""

    @property
    @abstractmethod
    def chosen(self) -> Selection:
        """Which of them a sum keeps."""

    @property
    def graph(self) -> RandomGraph | None:
        """Which edges the source has; None for all."""
        return None

    def read(self, model: Any) -> Target:
        return chain_of(model, type(self).__name__)

    def lay_out(self, request: Request) -> TwoLayerSource:
        """The source network for a target: its architecture, weight law and key."""
        target = request.target
        blocks = self._blocks(target)
        scales = _scales(target, blocks)
        return TwoLayerSource(
            key=request.key,
            law=request.law,
            width=request.width,
            blocks=tuple(
                Block(b.inputs, b.outputs, b.weight, b.bias, b.relu, s) for b, s in zip(blocks, scales, strict=True)
            ),
            input_relu=target.input_relu,
            flatten=target.flatten,
            graph=self.graph,
        )

    @staticmethod
    def _blocks(target: Target) -> list[Block]:
        first_use: dict[int, int] = {}
        blocks = []
        for i, layer in enumerate(target.layers):
            weight = first_use.setdefault(layer.weight_id, i)
            bias = None if layer.bias_id is None else first_use.setdefault(layer.bias_id, i)
            blocks.append(Block(layer.inputs, layer.outputs, weight, bias, layer.relu))
        return blocks

    def law_layers(self, target: Target, domain: Domain) -> list[LayerSums]:
        """The sums that a target poses on a domain, for the functions of ``slt.laws.networks``; each parameter once.

        Weights are divided by the scales that the construction would declare.
        """
        blocks = self._blocks(target)
        scales = _scales(target, blocks)
        layers = []
        for part, wanted in wanted_parts(target, domain).items():
            scale = next(s for b, s in zip(blocks, scales, strict=True) if part in b.part_names)
            branches = 2 if wanted.negative.any() and wanted.positive.any() else 1
            layers.append(LayerSums(wanted.matrix / 2.0**scale, branches))
        return layers

    def find(self, request: Request) -> Ticket:
        self.chosen.check(request.tolerance, request.max_items)
        source = self.lay_out(request)
        wanted = wanted_parts(request.target, request.domain)
        total = sum(w.matrix.shape[0] * (int(w.positive.sum()) + int(w.negative.sum())) for w in wanted.values())
        tally = Tally(total, request, self.chosen)
        masks = {
            name: Mask.of(part_mask(source, part, wanted[name], self.units, tally, name))
            for name, part in source.distinct_parts.items()
        }
        return Ticket(source, masks, request.domain, request.target, tally.findings())

    @property
    def sum_law(self) -> laws.SumLaw | None:
        """What the laws know of a sum that ``chosen`` makes; None where they know nothing."""
        return laws.SUMS_OF_PRODUCTS if isinstance(self.chosen, NearestSum) else None

    @property
    def unit_counts(self) -> laws.UnitCounts | None:
        """What the laws know of how many units a sum may use; None where they know nothing."""
        if self.graph is None:
            return self.units.law
        if self.graph.locked:
            return None
        return laws.ThinnedUnits(self.units.law, self.graph.density, self.graph.density)

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        known = self.sum_law, self.unit_counts
        if known[0] is None or known[1] is None or not isinstance(request.law, Uniform) or tolerance <= 0:
            return None
        # the smallest resolution of any layer for all of them
        scale = max(_scales(request.target, self._blocks(request.target)))
        layers = self.law_layers(request.target, request.domain)
        try:
            return laws.needed_width_quantile(0.5, tolerance / 2.0**scale, layers, known[1], sums=known[0])
        except LimitError:
            return None


def _scales(target: Target, blocks: list[Block]) -> list[int]:
    """For each block the exponent of its power-of-two scale: 0 unless a weight or bias exceeds 1, equal for blocks that
    share a parameter."""
    scales = []
    for layer in target.layers:
        largest = max(float(np.abs(a).max()) for a in (layer.weight, layer.bias) if a is not None)
        scales.append(scale_of(layer.name, largest))
    changed = True
    while changed:
        changed = False
        for i, a in enumerate(blocks):
            for j, b in enumerate(blocks):
                shared = a.weight == b.weight or (a.bias is not None and a.bias == b.bias)
                if shared and scales[i] < scales[j]:
                    scales[i], changed = scales[j], True
    return scales
