"""The source of convolutional and residual networks: two random layers in the place of every affine map.

A convolution (outputs, inputs / groups, height, width) becomes a random 1x1 convolution with ``width`` hidden channels
for each input channel, a ReLU, and a random convolution of the same kernel on them; a linear map two random matrices.
Hidden channel ``channel * width + k`` keeps its weight from that one channel, whatever the target is. So each tap of
each output is a subset sum over the units of its channel, as in ``TwoLayerSource``, of which each parameter is a block
of its own, addressed by its name. Zero padding stays zero through the first layer and the ReLU. A bias is a linear map
of one input that is always 1. ReLUs, pools, sums and skip connections are the target's own; they hold no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.collapsed_graph import CollapsedGraph, CollapsedMap
from slt.domains import Domain
from slt.errors import InputError
from slt.graph_nodes import Affine, Convolution, Node
from slt.graph_target import GraphTarget, nonnegative
from slt.masks import Mask
from slt.node_graph import check_graph, known_nonnegative, node_of, shapes_of
from slt.tickets.blocks import Block, Part, whole
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.tickets.two_layer_source import TwoLayerSource
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]
PART = "layer 0/weight"  # the only part of a unit's source


@final
@dataclass(frozen=True)
class GraphUnit:
    """One distinct parameter: the weight of ``node``, or with ``constant`` its bias, and the node that uses it first.

    Its map is multiplied by 2**scale, carried, 0 unless needed.
    """

    name: str
    node: Affine
    constant: bool
    scale: int = 0

    @property
    def rows(self) -> int:
        """Sums of each coordinate."""
        return self.node.outputs if self.constant else self.node.rows

    @property
    def coordinates(self) -> int:
        """Input channels; 1 for a bias."""
        return 1 if self.constant else self.node.inputs

    @property
    def tensor(self) -> str:
        """What its tensors' names begin with."""
        return self.name.replace(".", "/")

    @property
    def taps(self) -> bool:
        """Whether it is the weight of a convolution."""
        return isinstance(self.node, Convolution) and not self.constant

    def matrix(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A parameter as a matrix (rows, coordinates)."""
        return values[:, None] if self.constant else np.asarray(self.node.to_matrix(values))


@final
@dataclass(frozen=True)
class GraphSource(Source):
    """Tensors ``<unit>.first.weight`` (hidden, inputs) and ``<unit>.second.weight`` (outputs, hidden / groups), with
    (1, 1) and the kernel behind for convolutions; units are named as their parameters, with "/" for "."; masks by
    parameter, (rows, coordinates, width), as ``Affine.to_matrix`` has them.

    ``nodes``        the network, which a file holds: its module needs none of the target's code
    ``scales``       (parameter, exponent of its power-of-two scale), where that is not 0
    ``input_shape``  as in ``GraphTarget``
    """

    kind: ClassVar[str] = "convolution"

    key: Key
    law: WeightLaw
    width: int
    nodes: tuple[Node, ...]
    scales: tuple[tuple[str, int], ...] = ()
    input_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_graph(self.nodes)
        units = self.units
        if len({unit.tensor for unit in units}) != len(units):
            raise InputError(f"the parameters {[unit.name for unit in units]} must differ, also with / for .")
        strange = {name for name, _ in self.scales} - {unit.name for unit in units}
        if strange or not all(whole(scale, 1) for _, scale in self.scales):
            raise InputError(f"scales {self.scales!r} must be whole numbers >= 1 of the graph's parameters")
        if self.input_shape is not None:
            shapes_of(self.nodes, self.input_shape)
        assert self._sources  # each of which checks the rest

    # -- layout ----------------------------------------------------------------------------------------------------

    @cached_property
    def units(self) -> tuple[GraphUnit, ...]:
        """The distinct parameters, in the order of their first use."""
        scales, found = dict(self.scales), {}
        for node in self.nodes:
            if isinstance(node, Affine):
                for name, constant in ((node.weight, False), (node.bias, True)):
                    if name is not None and name not in found:
                        found[name] = GraphUnit(name, node, constant, scales.get(name, 0))
        return tuple(found.values())

    @cached_property
    def _sources(self) -> dict[str, TwoLayerSource]:
        return {
            u.name: TwoLayerSource(
                self.key / u.name, self.law, self.width, (Block(u.coordinates, u.rows, 0, None, False, u.scale),)
            )
            for u in self.units
        }

    def part(self, unit: GraphUnit) -> tuple[TwoLayerSource, Part]:
        """The random network of one parameter, and its only part."""
        source = self._sources[unit.name]
        return source, source.distinct_parts[PART]

    @cached_property
    def _places(self) -> dict[str, tuple[GraphUnit, str]]:
        return {f"{u.tensor}.{layer}.weight": (u, layer) for u in self.units for layer in ("first", "second")}

    def _locate(self, name: str) -> tuple[GraphUnit, TwoLayerSource, str]:
        unit, layer = self._places[name]
        return unit, self._sources[unit.name], f"block0.{layer}.weight"

    def _shaped(self, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A whole tensor of a unit's source as the module has it."""
        unit, layer = self._places[name]
        if not unit.taps:
            return array
        return array[:, :, None, None] if layer == "first" else unit.node.from_matrix(array)

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, (unit, layer) in self._places.items():
            hidden, node = unit.coordinates * self.width, unit.node
            if layer == "first":
                shapes[name] = (hidden, unit.coordinates, 1, 1) if unit.taps else (hidden, unit.coordinates)
            elif unit.taps and isinstance(node, Convolution):
                shapes[name] = (node.outputs, hidden // node.groups, *node.kernel)
            else:
                shapes[name] = (unit.rows, hidden)
        return shapes

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {unit.name: (unit.rows, unit.coordinates, self.width) for unit in self.units}

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return tuple(Carried(f"{u.tensor}.scale.factor", 2.0**u.scale) for u in self.units if u.scale)

    # -- random weights and masks ----------------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        _, source, tensor = self._locate(name)
        return self._shaped(name, source.draw(tensor))

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        unit, source, tensor = self._locate(name)
        if not unit.taps or tensor == "block0.first.weight":
            return self._shaped(name, source.draw_plain(tensor, rows))
        # a row of the tensor holds all taps of an output; outputs of different groups share rows of the matrix
        outputs = np.arange(*rows.indices(unit.node.outputs))
        groups = unit.node.groups if isinstance(unit.node, Convolution) else 1
        group, within = np.divmod(outputs, unit.node.outputs // groups)
        low, high = (int(within.min()), int(within.max()) + 1) if outputs.size else (0, 1)
        taps = unit.rows // (unit.node.outputs // groups)
        drawn = self._shaped(name, source.draw_plain(tensor, slice(low * taps, high * taps)))
        return np.asarray(drawn[group * (high - low) + within - low])

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        unit, source, tensor = self._locate(name)
        return self._shaped(name, source.dense_mask(tensor, {PART: masks[unit.name]}))

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        unit, source, tensor = self._locate(name)
        return source.kept(tensor, {PART: masks[unit.name]})

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        unit, source, tensor = self._locate(name)
        return self._shaped(name, source.masked(tensor, {PART: masks[unit.name]}))

    # -- what it computes ------------------------------------------------------------------------------------------

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedGraph:
        layers = {u.name: self._sources[u.name].collapsed({PART: masks[u.name]}).layers[0] for u in self.units}
        never_negative = known_nonnegative(self.nodes, False)
        maps = {}
        for i, node in enumerate(self.nodes):
            if isinstance(node, Affine):
                weight, bias = layers[node.weight], None if node.bias is None else layers[node.bias]
                maps[i] = CollapsedMap(
                    positive=node.from_matrix(weight.positive),
                    negative=None if never_negative[node.source] else node.from_matrix(weight.negative),
                    bias=np.zeros(node.outputs) if bias is None else bias.positive[:, 0],
                    rounding=max(weight.rounding, 0.0 if bias is None else bias.rounding),
                )
        return CollapsedGraph(self.nodes, maps, self.input_shape)

    def signed(self, domain: Domain) -> dict[str, bool]:
        """For each parameter whether one of its uses can see inputs below zero."""
        known = nonnegative(self.nodes, domain, self.input_shape)
        found = {unit.name: False for unit in self.units}
        for node in self.nodes:
            if isinstance(node, Affine):
                found[node.weight] |= not known[node.source]
        return found

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Any) -> Residuals:
        if target.nodes != self.nodes:
            differ = [(a, b) for a, b in zip(target.nodes, self.nodes, strict=False) if a != b]
            first = f"; first {differ[0][0]!r} for {differ[0][1]!r}" if differ else ""
            raise InputError(
                f"residuals: the model has {len(target.nodes)} nodes, the ticket's target had {len(self.nodes)}, and "
                f"{len(differ)} of those both have differ{first}. Give a model of the architecture that the ticket was "
                "made for"
            )
        signed, found = self.signed(domain), {}
        for unit in self.units:
            source, part = self.part(unit)
            positive, negative = source.sums(part, masks[unit.name])
            branches: dict[str, tuple[npt.NDArray[np.int64], None]] = {"positive": (positive, None)}
            if signed[unit.name]:
                branches["negative"] = (negative, None)
            values = target.parameters[unit.name]
            entries = unit.matrix(np.arange(values.size).reshape(values.shape)), values.shape
            exponent = 2 * self.law.exponent - unit.scale
            found[unit.name] = PartResiduals.of(unit.matrix(values), exponent, branches, entries)
        return Residuals(found)

    # -- modules ---------------------------------------------------------------------------------------------------

    def target(self, model: Any) -> GraphTarget:
        return GraphTarget.of(model, self.input_shape)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.graph_module import build

        return build(self, weights)

    def collapsed_module(self, masks: Mapping[str, Mask], dtype: torch.dtype) -> nn.Module:
        from slt.tickets.graph_module import build_collapsed

        return build_collapsed(self.collapsed(masks), dtype)

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "width": self.width,
            "nodes": [node.entry() for node in self.nodes],
            "scales": [list(scale) for scale in self.scales],
            "input_shape": None if self.input_shape is None else list(self.input_shape),
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> GraphSource:
        for name in ("path", "nodes", "scales"):
            if not isinstance(header[name], list):
                raise InputError(f"{name} must be a list; {header[name]!r} was given")
        shape = header["input_shape"]
        return GraphSource(
            key=Key(header["seed"], tuple(header["path"])),
            law=named_law(header["law"]),
            width=header["width"],
            nodes=tuple(node_of(entry) for entry in header["nodes"]),
            scales=tuple((name, scale) for name, scale in header["scales"]),
            input_shape=None if shape is None else tuple(shape),
        )
