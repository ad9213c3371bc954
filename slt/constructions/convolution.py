"""Convolutional and residual networks: every convolution from a random 1x1 convolution and a random convolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from slt.constructions.construction import Construction, Request
from slt.constructions.part_masks import part_mask
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.sums import Tally, check_items, scale_of
from slt.domains import Domain
from slt.errors import LimitError
from slt.graph_target import FloatArray, GraphTarget
from slt.laws import LayerSums, needed_width_quantile
from slt.masks import Mask
from slt.node_graph import whole_shape
from slt.tickets import GraphSource, Ticket
from slt.tickets.branches import Wanted
from slt.tickets.graph_source import GraphUnit
from slt.weights import Key, Uniform


@final
@dataclass(frozen=True)
class Convolution(Construction):
    """da Cunha, Natale, Viennot, "Proving the lottery ticket hypothesis for convolutional neural networks"
    (ICLR 2022): a tap K[r, t, i, j] is the sum of v[r, (t, k), i, j] * u[t, k] over a subset of the units k of channel
    t (theorem recalled from notes; its constant is unverified). The units' u are shared by all taps and outputs, the v
    are not, so each tap is a subset sum of its own.

    The theorem assumes inputs >= 0, as images have and ReLUs give: units with u > 0 serve them. Where values can be
    below zero, units with u < 0 serve those by sums of their own, so that no channel is doubled. Stride, zero padding,
    dilation and groups are the second convolution's. Pools, flattening and skip connections are the target's: with
    them, residual networks (Burkholz 2022, "Convolutional and residual networks provably contain lottery tickets", with
    two random layers for each here, not L + 1), and linear residual blocks x + MLP(x). Batch norms are folded into the
    weights before them; biases are served as in ``TwoLayerSum``. Nothing but scales is carried, of parameters > 1.

    ``input_shape``: (channels, height, width) or (features,), needed for certificates and for boxes with bounds for
    each coordinate.

    Error: as ``slt.laws.networks`` says of a layer with outputs * height * width of the kernel as outputs.
    """

    theorem: ClassVar[str] = "da Cunha et al. 2022, theorem 1, with signed inputs"
    depth: ClassVar[str] = "2L"
    law: ClassVar[str] = "slt.laws.networks"
    status: ClassVar[str] = "sums exact, network certified"

    input_shape: tuple[int, ...] | None = None
    split: Split | str = field(default_factory=SignOptimal)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))
        if self.input_shape is not None:
            object.__setattr__(self, "input_shape", whole_shape(self.input_shape))

    def read(self, model: Any) -> GraphTarget:
        return GraphTarget.of(model, self.input_shape)

    def lay_out(self, request: Request) -> GraphSource:
        """The source network for a target: its nodes, weight law and key."""
        target: GraphTarget = request.target
        return GraphSource(
            key=request.key,
            law=request.law,
            width=request.width,
            nodes=target.nodes,
            scales=tuple(_scales(target).items()),
            input_shape=target.input_shape,
        )

    def find(self, request: Request) -> Ticket:
        assert isinstance(self.split, Split)
        check_items(request)
        source = self.lay_out(request)
        target: GraphTarget = request.target
        signed = source.signed(request.domain)
        tally = Tally(sum(u.rows * u.coordinates * (1 + signed[u.name]) for u in source.units), request)
        masks = {}
        for unit in source.units:
            random, part = source.part(unit)
            wanted = _wanted(unit, target, signed[unit.name])
            mask = part_mask(random, part, wanted, self.split, tally, unit.name)
            masks[unit.name] = Mask.of(mask)  # packed before the next one is drawn
        return Ticket(source, masks, request.domain, target, tally.findings())

    def law_layers(self, target: GraphTarget, domain: Domain) -> list[LayerSums]:
        """The sums that a target poses on a domain, for the functions of ``slt.laws.networks``; each parameter once,
        divided by the scale that the construction would declare."""
        source = GraphSource(Key(0), Uniform(), 1, target.nodes, tuple(_scales(target).items()), target.input_shape)
        signed = source.signed(domain)
        # units of as many sums count alike, whichever parameter they belong to
        alike: dict[tuple[int, bool], list[FloatArray]] = {}
        for unit in source.units:
            matrix = unit.matrix(target.parameters[unit.name]) / 2.0**unit.scale
            alike.setdefault((unit.rows, signed[unit.name]), []).append(matrix)
        return [LayerSums(np.concatenate(m, axis=1), 1 + negative) for (_, negative), m in alike.items()]

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        assert isinstance(self.split, Split)
        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        largest = max(_scales(request.target).values(), default=0)
        sums = self.law_layers(request.target, request.domain)
        try:
            return needed_width_quantile(0.5, tolerance / 2.0**largest, sums, self.split.law)
        except LimitError:
            return None


def _scales(target: GraphTarget) -> dict[str, int]:
    """The exponents of the power-of-two scales of parameters with values above 1."""
    scales = {name: scale_of(name, float(np.abs(values).max())) for name, values in target.parameters.items()}
    return {name: scale for name, scale in scales.items() if scale}


def _wanted(unit: GraphUnit, target: GraphTarget, signed: bool) -> Wanted:
    matrix = unit.matrix(target.parameters[unit.name])
    return Wanted(matrix, np.ones(unit.coordinates, dtype=np.bool_), np.full(unit.coordinates, signed))
