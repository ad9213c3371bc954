"""The source of replicated rows: L + 1 random layers for a target of L, every hidden neuron built ``width`` times.

The first two random layers make the target's first layer, as in a two-layer source: hidden unit coordinate * F + k of
the first keeps its weight from input ``coordinate`` alone (F = ``first_units`` a coordinate). Their second layer, and
every later one but the last, has ``width`` rows for each neuron of the target: row neuron * width + copy. All copies of
a neuron share the units below and have random weights of their own. So a later layer finds ``width`` copies of each of
its inputs, and the weight w_ij of a row is a subset sum of ``width`` single random weights.

Where a layer of the target has a bias, constant units stand behind the units that feed it: units that keep their random
bias b alone, and so answer phi(b) whatever the input. Draws are addressed by (neuron, copy) of the row and (coordinate,
unit) of the column, so the source of a width is part of that of the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.activation_target import ActivationTarget
from slt.activations import Activation, ReLU, named_activation
from slt.carried import CarriedTensor
from slt.collapsed import CollapsedNetwork
from slt.dense_chain import DenseChain
from slt.domains import Domain
from slt.errors import InputError, MaskError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.blocks import whole
from slt.tickets.constant import Constant
from slt.tickets.random_graph import RandomGraph
from slt.tickets.replicated_layout import SPAN, Draw, ReplicatedLayer, ReplicatedPart, draw_copies
from slt.tickets.residuals import Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.weight_law import check_float32
from slt.weights import Key, Shape, WeightLaw, named_law

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class ReplicatedSource(Source):
    """Tensors ``first.weight`` (hidden, inputs) and ``layer<i>.weight`` (rows, columns), and where there are constant
    units among their outputs ``first.bias`` (hidden,) and ``layer<i>.bias`` (rows,).

    Units of a layer: those of its neurons first, then its constant units. ``graph``: only its edges are there, the
    others are 0 in the source.
    """

    kind: ClassVar[str] = "replicated-rows"

    key: Key
    law: WeightLaw
    width: int
    first_units: int
    layers: tuple[ReplicatedLayer, ...]
    activation: Activation
    input_relu: bool = False
    flatten: bool = False
    graph: RandomGraph | None = None

    def __post_init__(self) -> None:
        for name, value in (("width (copies of a neuron)", self.width), ("units a coordinate", self.first_units)):
            if not whole(value, 1) or value >= SPAN:
                raise InputError(f"the {name} must be a whole number in 1 .. {SPAN - 1}; {value!r} was given")
        object.__setattr__(self, "width", int(self.width))  # a NumPy integer would not go into a file
        object.__setattr__(self, "first_units", int(self.first_units))
        check_float32(self.law)
        if 2 * self.law.exponent > 46:
            raise InputError(
                f"sums of {self.first_units} products on lattice 2**-{2 * self.law.exponent} may leave 64 bits; "
                "the law's exponent may be 23 at most"
            )
        if not isinstance(self.activation, Activation):
            raise InputError(f"the activation must be an object such as ReLU(); {self.activation!r} was given")
        if self.graph is not None and (not isinstance(self.graph, RandomGraph) or self.graph.locked):
            raise InputError(
                f"the graph of a source of replicated rows must be a RandomGraph without locked edges, or None; "
                f"{self.graph!r} was given"
            )
        if not self.layers:
            raise InputError("a source needs at least one layer")
        for i, layer in enumerate(self.layers):
            layer.check(i)
            if i and self.layers[i - 1].outputs != layer.inputs:
                raise InputError(
                    f"layer {i} takes {layer.inputs} inputs, the one before has {self.layers[i - 1].outputs} outputs"
                )

    # -- layout ----------------------------------------------------------------------------------------------------

    def copies(self, layer: int) -> int:
        """How often every neuron of a layer is built."""
        return 1 if layer == len(self.layers) - 1 else self.width

    def units(self, layer: int) -> int:
        """How many units serve one coordinate of a layer's inputs."""
        return self.width if layer else self.first_units

    def constant_units(self, layer: int) -> int:
        """How many constant units feed a layer."""
        if layer == len(self.layers):
            return 0
        block = self.layers[layer]
        if layer == 0 and self.activation.offset:
            # phi(0) of the kept units adds up like a random walk; what cancels it has to reach as far
            return self.first_units + 8 * int(np.ceil(np.sqrt(block.inputs * self.first_units)))
        return self.first_units if block.bias else 0

    def served(self, layer: int) -> int:
        """How many columns of a layer's matrix are not those of constant units."""
        return self.layers[layer].inputs * self.units(layer)

    def parts_of(self, layer: int) -> tuple[ReplicatedPart, ...]:
        """The weight part of a layer and, where constant units feed it, the bias part."""
        block, copies, constants = self.layers[layer], self.copies(layer), self.constant_units(layer)
        weight = ReplicatedPart(layer, False, block.outputs, copies, block.inputs, self.units(layer), block.scale)
        if not constants:
            return (weight,)
        return weight, ReplicatedPart(layer, True, block.outputs, copies, 1, constants, block.scale)

    @property
    def parts(self) -> dict[str, ReplicatedPart]:
        """All of them, by name."""
        return {part.name: part for i in range(len(self.layers)) for part in self.parts_of(i)}

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: part.mask_shape for name, part in self.parts.items()}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        hidden, constants = self.served(0), self.constant_units(0)
        shapes: dict[str, tuple[int, ...]] = {"first.weight": (hidden + constants, self.layers[0].inputs)}
        if constants:
            shapes["first.bias"] = (hidden + constants,)
        for i, layer in enumerate(self.layers):
            more = self.constant_units(i + 1)
            rows = layer.outputs * self.copies(i) + more
            shapes[f"layer{i}.weight"] = (rows, self.served(i) + self.constant_units(i))
            if more:
                shapes[f"layer{i}.bias"] = (rows,)
        return shapes

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return tuple(
            Carried(f"scale{i}.factor", 2.0**layer.scale) for i, layer in enumerate(self.layers) if layer.scale
        )

    @property
    def constants(self) -> tuple[Constant, ...]:
        if self.activation.scale == 1.0 and self.activation.gain == 1.0:
            return ()
        return (
            Constant("first_scale.factor", (), "float32", self.activation.scale),
            Constant("gain.factor", (), "float32", self.activation.gain),
        )

    # -- random weights --------------------------------------------------------------------------------------------

    def _drawer(self, plain: bool) -> Draw:
        """Draws at an address, 0 where the graph has no edge."""

        def draw(address: Key, shape: Shape, start: Shape = (0, 0, 0)) -> IntArray:
            drawn = self.law.draw_plain(address, shape, start) if plain else self.law.draw(address, shape, start)
            if self.graph is None:
                return drawn
            return np.where(self.graph.present(address, shape, start, plain), drawn, drawn.dtype.type(0))

        return draw

    def first(self) -> Int64Array:
        """The kept weights of the first layer, (coordinates, first_units); 0 where an edge is missing."""
        coordinates, draw = self.layers[0].inputs, self._drawer(False)
        diagonal = [
            draw(self.key / "first" / "weight", (1, 1, self.first_units), (j, j, 0)) for j in range(coordinates)
        ]
        return np.asarray(np.concatenate(diagonal)[:, 0], dtype=np.int64)

    def constant_biases(self, layer: int) -> Int64Array:
        """The kept biases of the constant units that feed a layer, (constant units,)."""
        address = self.key / ("first" if layer == 0 else f"layer {layer - 1}") / "constant biases"
        return np.asarray(self._drawer(False)(address, (1, 1, self.constant_units(layer)), (0, 0, 0))[0, 0], np.int64)

    def constant_levels(self, layer: int) -> FloatArray:
        """What the constant units that feed a layer answer, in float64, as the layer sees it, (constant units,).

        The first layer's pass the activation as its other units do, between scale and gain; times 2**-shift. NaN where
        there is no bias.
        """
        biases = self.constant_biases(layer)
        real = np.ldexp(biases.astype(np.float64), -self.law.exponent)
        scale = self.activation.scale if layer == 0 else 1.0
        behind = self.layers[layer - 1].active if layer else True
        level = self.activation.apply(real * scale) if behind else real
        if layer == 0:
            level = level * (self.activation.gain * 2.0 ** -self.shift(0))
        return np.where(biases == 0, np.nan, level)

    def shift(self, layer: int) -> int:
        """Bias sums of a layer are in units of 2**(shift - 2 exponent): above 0 where the levels would exceed 1."""
        if layer or not self.activation.offset:
            return 0
        return int(np.log2(self.activation.gain))

    def second(self, part: ReplicatedPart, rows: slice) -> IntArray:
        """Weights of a part for some rows, shape (rows, coordinates, units)."""
        start, stop, _ = rows.indices(part.rows)
        draw = self._drawer(False)
        return draw_copies(draw, part.address(self.key), part.copies, part.coordinates, part.units, start, stop)

    def draw(self, name: str) -> IntArray:
        return self._draw(name, self._drawer(False), slice(None))

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        return self._draw(name, self._drawer(True), rows)

    def _draw(self, name: str, draw: Draw, rows: slice) -> IntArray:
        shape = self.tensor_shapes[name]
        start, stop, _ = rows.indices(shape[0])
        tensor, _, kind = name.partition(".")
        layer = -1 if tensor == "first" else int(tensor.removeprefix("layer"))
        key = self.key / ("first" if layer < 0 else f"layer {layer}")
        if kind == "bias":
            groups, copies = self._groups(layer)
            biases = draw(key / "unit biases", (1, groups, copies), (0, 0, 0)).reshape(-1)
            constants = draw(key / "constant biases", (1, 1, self.constant_units(layer + 1)), (0, 0, 0)).reshape(-1)
            return np.concatenate([biases, constants])[start:stop].astype(np.int32)
        if layer < 0:
            inputs, extra = self.layers[0].inputs, self.constant_units(0)
            # the input stands in the place of the output in the address
            drawn = draw(key / "weight", (inputs, inputs, self.first_units), (0, 0, 0)).reshape(inputs, -1)
            more = draw(key / "constant rows", (inputs, 1, extra), (0, 0, 0)).reshape(inputs, -1)
            return np.ascontiguousarray(np.concatenate([drawn, more], axis=1).T[start:stop].astype(np.int32))
        out = np.empty((stop - start, shape[1]), dtype=np.int32)
        neurons, served = self.layers[layer].outputs * self.copies(layer), self.served(layer)
        for part in self.parts_of(layer):
            columns = slice(served, None) if part.constant else slice(0, served)
            last = max(start, min(stop, neurons))
            sizes = (part.coordinates, part.units)
            own = draw_copies(draw, part.address(self.key), part.copies, *sizes, min(start, last), last)
            out[: last - start, columns] = own.reshape(last - start, part.coordinates * part.units)
            if stop > last:
                address = part.address(self.key) / "constant rows"
                more = draw(address, (stop - last, *sizes), (last - neurons, 0, 0))
                out[last - start :, columns] = more.reshape(stop - last, part.coordinates * part.units)
        return out

    def _groups(self, layer: int) -> tuple[int, int]:
        """Neurons or coordinates of a layer's units that are not constant, and units of each; -1: the first layer."""
        if layer < 0:
            return self.layers[0].inputs, self.first_units
        return self.layers[layer].outputs, self.copies(layer)

    # -- masks -----------------------------------------------------------------------------------------------------

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        tensor, _, kind = name.partition(".")
        layer = -1 if tensor == "first" else int(tensor.removeprefix("layer"))
        kept = np.zeros(self.tensor_shapes[name], dtype=np.bool_)
        if kind == "bias":
            constants = self.constant_units(layer + 1)
            kept[len(kept) - constants :] = self.constant_biases(layer + 1) != 0
        elif layer < 0:
            served = np.arange(self.served(0))
            kept[served, served // self.first_units] = self.first().reshape(-1) != 0
        else:
            found = [masks[part.name].unpack().reshape(part.rows, -1) for part in self.parts_of(layer)]
            kept[: len(found[0])] = np.concatenate(found, axis=1)
        return kept

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        super().check_masks(masks)
        if self.graph is None:
            return
        for name, part in self.parts.items():
            absent = int(np.count_nonzero(masks[name].unpack() & (self.second(part, slice(None)) == 0)))
            if absent:
                raise MaskError(f"making a ticket: mask {name!r} keeps {absent} edges that the random graph lacks")

    @property
    def weights(self) -> int:
        return super().weights if self.graph is None else self._edges

    @cached_property
    def _edges(self) -> int:
        # no law of whole numbers draws a zero but for a missing edge
        return sum(int(np.count_nonzero(self.draw(name))) for name in self.tensor_shapes)

    # -- what it computes ------------------------------------------------------------------------------------------

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedNetwork | DenseChain:
        """For ReLUs the matrices of the copies, a ``CollapsedNetwork`` of hidden units neuron * width + copy; for other
        activations the masked layers themselves."""
        from slt.tickets.replicated_sums import collapsed_relu, dense_chain

        return collapsed_relu(self, masks) if isinstance(self.activation, ReLU) else dense_chain(self, masks)

    def target(self, model: Any) -> Target | ActivationTarget:
        found = ActivationTarget.of(model, self.activation)
        return found.chain if isinstance(self.activation, ReLU) else found

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Any) -> Residuals:
        from slt.tickets.replicated_sums import residuals

        return residuals(self, masks, domain, target if isinstance(target, Target) else target.chain)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.replicated_module import build

        return build(self, weights)

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "width": self.width,
            "first_units": self.first_units,
            "layers": [
                {k: getattr(layer, k) for k in ("inputs", "outputs", "bias", "active", "scale")}
                for layer in self.layers
            ],
            "activation": self.activation.name,
            "input_relu": self.input_relu,
            "flatten": self.flatten,
            **({} if self.graph is None else {"density": self.graph.density}),
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> ReplicatedSource:
        if not isinstance(header["path"], list):
            raise InputError(f"the path of the key must be a list of strings; {header['path']!r} was given")
        for name in ("input_relu", "flatten"):
            if not isinstance(header[name], bool):
                raise InputError(f"{name} must be true or false; {header[name]!r} was given")
        return ReplicatedSource(
            key=Key(header["seed"], tuple(header["path"])),
            law=named_law(header["law"]),
            width=header["width"],
            first_units=header["first_units"],
            layers=tuple(ReplicatedLayer(**layer) for layer in header["layers"]),
            activation=named_activation(header["activation"]),
            input_relu=header["input_relu"],
            flatten=header["flatten"],
            graph=RandomGraph(header["density"]) if "density" in header else None,
        )
