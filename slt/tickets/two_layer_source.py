"""The source of the two-layer construction: every target layer becomes two random layers with a ReLU between.

For a target layer of d inputs, the first random layer has ``width`` hidden units for each input coordinate and, if
there is a bias, ``width`` more for the constant coordinate. The masks of the first layer do not depend on the target:
unit k of coordinate j keeps its weight from input j alone; units of the constant coordinate keep their bias alone.
The second random layer carries the subset sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.chain_target import read_chain
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.domains import Domain
from slt.errors import InputError, MaskError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.blocks import Block, Part, whole
from slt.tickets.branches import wanted_parts
from slt.tickets.random_graph import RandomGraph
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.weight_law import check_float32
from slt.weights import Key, Shape, WeightLaw, named_law

if TYPE_CHECKING:
    from torch import nn

Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class TwoLayerSource(Source):
    """Tensors ``block<i>.first.weight`` (hidden, inputs), ``block<i>.first.bias`` (hidden,) where the target has a
    bias, ``block<i>.second.weight`` (outputs, hidden); hidden unit ``coordinate * width + k``.

    ``graph``: only its edges are there, the others are 0 in the source; what it locks counts in the second layers
    alone, as a locked weight of a first layer would join coordinates."""

    kind: ClassVar[str] = "two-layer"

    key: Key
    law: WeightLaw
    width: int
    blocks: tuple[Block, ...]
    input_relu: bool = False
    flatten: bool = False
    graph: RandomGraph | None = None

    def __post_init__(self) -> None:
        if self.graph is not None and not isinstance(self.graph, RandomGraph):
            raise InputError(f"the graph of a source must be a RandomGraph or None; {self.graph!r} was given")
        if not whole(self.width, 1):
            raise InputError(
                f"the width (hidden units a coordinate) must be a whole number >= 1; {self.width!r} was given"
            )
        object.__setattr__(self, "width", int(self.width))  # a NumPy integer would not go into a file
        check_float32(self.law)
        if self.width > 2**15 or 2 * self.law.exponent > 46:
            raise InputError(
                f"sums of {self.width} products on lattice 2**-{2 * self.law.exponent} may leave 64 bits; "
                "at most 2**15 units a coordinate and a law with an exponent of 23 are possible"
            )
        if not self.blocks:
            raise InputError("a source needs at least one block")
        shapes: dict[str, Part] = {}
        for i, block in enumerate(self.blocks):
            block.check(i)
            if i and self.blocks[i - 1].outputs != block.inputs:
                raise InputError(
                    f"block {i} takes {block.inputs} inputs, the one before has {self.blocks[i - 1].outputs} outputs"
                )
            for part in self.parts(block):
                if shapes.setdefault(part.name, part) != part:
                    raise InputError(f"blocks that share {part.name} differ in its shape or scale")

    # -- layout ----------------------------------------------------------------------------------------------------

    def parts(self, block: Block) -> tuple[Part, ...]:
        """The weight part of a block and, if it has a bias, the bias part."""
        weight = Part(block.weight, False, block.outputs, block.inputs, block.scale)
        if block.bias is None:
            return (weight,)
        return weight, Part(block.bias, True, block.outputs, 1, block.scale)

    @property
    def distinct_parts(self) -> dict[str, Part]:
        return {part.name: part for block in self.blocks for part in self.parts(block)}

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {p.name: (p.outputs, p.coordinates, self.width) for p in self.distinct_parts.values()}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for i, block in enumerate(self.blocks):
            hidden = (block.inputs + (block.bias is not None)) * self.width
            shapes[f"block{i}.first.weight"] = (hidden, block.inputs)
            if block.bias is not None:
                shapes[f"block{i}.first.bias"] = (hidden,)
            shapes[f"block{i}.second.weight"] = (block.outputs, hidden)
        return shapes

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return tuple(
            Carried(f"block{i}.scale.factor", 2.0**block.scale) for i, block in enumerate(self.blocks) if block.scale
        )

    def _locate(self, name: str) -> tuple[Block, str]:
        block, _, tensor = name.partition(".")
        return self.blocks[int(block.removeprefix("block"))], tensor

    # -- random weights --------------------------------------------------------------------------------------------

    def _address(self, part: Part, tensor: str) -> Key:
        parameter = "bias" if part.constant else "weight"
        return self.key / f"layer {part.layer}" / parameter / tensor

    def first(self, part: Part) -> Int64Array:
        """What makes a hidden unit of the part positive or negative, shape (coordinates, width): its kept first-layer
        weight, or for the constant coordinate its kept bias."""
        if part.constant:
            address, shape = self._address(part, "first bias"), (1, 1, self.width)
            return np.asarray(self._there(address, self.law.draw(address, shape), shape)[0], dtype=np.int64)
        address, j = self._address(part, "first"), np.arange(part.coordinates)
        drawn = np.asarray(self.law.draw_rows(address, j, j, self.width), dtype=np.int64)
        return drawn if self.graph is None else np.where(self.graph.present_rows(address, j, j, self.width), drawn, 0)

    def second(self, part: Part, rows: slice) -> IntArray:
        """Second-layer weights of the part for some outputs, shape (rows, coordinates, width)."""
        start, stop, _ = rows.indices(part.outputs)
        shape, address = (stop - start, part.coordinates, self.width), self._address(part, "second")
        return self._there(address, self.law.draw(address, shape, (start, 0, 0)), shape, (start, 0, 0))

    def locked(self, part: Part, rows: slice) -> BoolArray | None:
        """Which second-layer weights of the part cannot be pruned, shape (rows, coordinates, width); None for none."""
        if self.graph is None or not self.graph.locked:
            return None
        start, stop, _ = rows.indices(part.outputs)
        shape = (stop - start, part.coordinates, self.width)
        return self.graph.locked_edges(self._address(part, "second"), shape, (start, 0, 0))

    def _there(
        self, address: Key, drawn: IntArray, shape: Shape, start: Shape = (0, 0, 0), plain: bool = False
    ) -> IntArray:
        """Draws with 0 where the graph has no edge."""
        if self.graph is None:
            return drawn
        return np.where(self.graph.present(address, shape, start, plain), drawn, drawn.dtype.type(0))

    def draw(self, name: str) -> IntArray:
        return self._draw(name, False, slice(None))

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        return self._draw(name, True, rows)

    def _draw(self, name: str, plain: bool, rows: slice) -> IntArray:
        def draw(address: Key, shape: Shape, start: Shape) -> IntArray:
            drawn = self.law.draw_plain(address, shape, start) if plain else self.law.draw(address, shape, start)
            return self._there(address, drawn, shape, start, plain)

        block, tensor = self._locate(name)
        shape = self.tensor_shapes[name]
        start, stop, _ = rows.indices(shape[0])
        out = np.empty((stop - start, *shape[1:]), dtype=np.int32)
        width, offset = self.width, 0  # offset: the hidden unit at which a part begins
        for part in self.parts(block):
            address = self._address(part, tensor.removesuffix(".weight").replace(".", " "))
            units = part.coordinates * width
            if tensor == "second.weight":
                drawn = draw(address, (stop - start, part.coordinates, width), (start, 0, 0))
                out[:, offset : offset + units] = drawn.reshape(stop - start, units)
            else:
                # hidden units are rows; those of a part that are asked for, by whole coordinates
                low, high = max(start, offset) - offset, min(stop, offset + units) - offset
                if low < high:
                    first, last = low // width, -(-high // width)
                    # the input stands in the place of the output in the address
                    inputs = 1 if tensor == "first.bias" else block.inputs
                    drawn = draw(address, (inputs, last - first, width), (0, first, 0))
                    drawn = drawn.reshape(inputs, (last - first) * width)
                    drawn = drawn[:, low - first * width : high - first * width]
                    out[low + offset - start : high + offset - start] = drawn[0] if tensor == "first.bias" else drawn.T
            offset += units
        return out

    # -- masks -----------------------------------------------------------------------------------------------------

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        block, tensor = self._locate(name)
        served = block.inputs * self.width
        if tensor == "second.weight":
            parts = self.parts(block)
            return np.concatenate([masks[p.name].unpack().reshape(block.outputs, -1) for p in parts], axis=1)
        kept = np.zeros(self.tensor_shapes[name], dtype=np.bool_)
        if tensor == "first.bias":
            kept[served:] = self._first_edges(self.parts(block)[1])
        else:
            kept[np.arange(served), np.arange(served) // self.width] = self._first_edges(self.parts(block)[0])
        return kept

    def _first_edges(self, part: Part) -> Any:
        """Which kept weights of the first layer are there, (units,) or True: an edge that is not cannot be kept."""
        return True if self.graph is None else self.first(part).reshape(-1) != 0

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        super().check_masks(masks)
        if self.graph is None:
            return
        for name, part in self.distinct_parts.items():
            kept = masks[name].unpack()
            absent = int(np.count_nonzero(kept & (self.second(part, slice(None)) == 0)))
            locked = self.locked(part, slice(None))
            lost = 0 if locked is None else int(np.count_nonzero(locked & ~kept))
            if absent or lost:
                raise MaskError(
                    f"making a ticket: mask {name!r} keeps {absent} edges that the random graph lacks and leaves out "
                    f"{lost} that it locks"
                )

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        block, tensor = self._locate(name)
        if tensor == "second.weight":
            return sum(masks[part.name].kept for part in self.parts(block))
        if self.graph is not None:
            return super().kept(name, masks)
        return self.width if tensor == "first.bias" else block.inputs * self.width

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        block, tensor = self._locate(name)
        if tensor != "first.weight":
            return super().masked(name, masks)
        # of this largest tensor only one weight a row is kept: draw those alone
        kept = np.zeros(self.tensor_shapes[name], dtype=np.int32)
        served = block.inputs * self.width
        kept[np.arange(served), np.arange(served) // self.width] = self.first(self.parts(block)[0]).reshape(-1)
        return kept

    @property
    def weights(self) -> int:
        return super().weights if self.graph is None else self._edges

    @cached_property
    def _edges(self) -> int:
        # the lattice has no zero, so zeros are missing edges
        return sum(int(np.count_nonzero(self.draw(name))) for name in self.tensor_shapes)

    # -- what it computes ------------------------------------------------------------------------------------------

    def sums(self, part: Part, mask: Mask) -> tuple[Int64Array, Int64Array]:
        """Exact integers on lattice 2**-(2 * exponent): the matrices on positive and on negative inputs, shape
        (outputs, coordinates) each, before the scale."""
        first = self.first(part)
        kept = mask.unpack()
        positive = np.zeros((part.outputs, part.coordinates), dtype=np.int64)
        negative = np.zeros_like(positive)
        step = max(1, 2**22 // max(1, part.coordinates * self.width))
        for start in range(0, part.outputs, step):
            rows = slice(start, min(start + step, part.outputs))
            second = np.where(kept[rows], self.second(part, rows), 0).astype(np.int64)
            # integers: exact in any order
            np.einsum("rjk,jk->rj", second, np.maximum(first, 0), out=positive[rows])
            np.einsum("rjk,jk->rj", second, np.minimum(first, 0), out=negative[rows])
        return positive, negative

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedNetwork:
        return self.collapsed_from({name: self.sums(part, masks[name]) for name, part in self.distinct_parts.items()})

    def collapsed_from(self, sums: Mapping[str, tuple[Int64Array, Int64Array]]) -> CollapsedNetwork:
        """The network of these sums, by name of their part, as ``sums`` gives them."""
        layers = []
        for block in self.blocks:
            weight, *constant = self.parts(block)
            positive, negative = sums[weight.name]
            bias = sums[constant[0].name][0][:, 0] if constant else np.zeros(block.outputs, dtype=np.int64)
            shift = block.scale - 2 * self.law.exponent
            largest = max(int(np.abs(m).max(initial=0)) for m in (positive, negative, bias))
            layers.append(
                CollapsedLayer(
                    positive=np.ldexp(positive.astype(np.float64), shift),
                    negative=np.ldexp(negative.astype(np.float64), shift),
                    bias=np.ldexp(bias.astype(np.float64), shift),
                    relu=block.relu,
                    rounding=0.0 if largest <= 2**53 else float(np.ldexp(float(largest), shift - 52)),
                )
            )
        return CollapsedNetwork(tuple(layers), self.input_relu)

    def target(self, model: Any) -> Target:
        return read_chain(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Target) -> Residuals:
        return self.residuals_from(
            {name: self.sums(part, masks[name]) for name, part in self.distinct_parts.items()}, domain, target
        )

    def residuals_from(
        self, sums: Mapping[str, tuple[Int64Array, Int64Array]], domain: Domain, target: Target
    ) -> Residuals:
        """These sums, by name of their part, less those of the target. InputError where the shapes differ."""
        wanted = wanted_parts(target, domain)
        parts = self.distinct_parts
        if set(wanted) != set(parts) or any(
            wanted[n].matrix.shape != (p.outputs, p.coordinates) for n, p in parts.items()
        ):
            raise InputError(
                f"residuals: the ticket was made for parts {sorted(parts)}, the target has {sorted(wanted)}, "
                "or their shapes differ; pass the model that the ticket was made for"
            )
        found = {}
        for name, part in parts.items():
            positive, negative = sums[name]
            found[name] = PartResiduals.of(
                wanted[name].matrix,
                2 * self.law.exponent - part.scale,
                {"positive": (positive, wanted[name].positive), "negative": (negative, wanted[name].negative)},
            )
        return Residuals(found)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.two_layer_module import build

        return build(self, weights)

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "width": self.width,
            "blocks": [
                {k: getattr(b, k) for k in ("inputs", "outputs", "weight", "bias", "relu", "scale")}
                for b in self.blocks
            ],
            "input_relu": self.input_relu,
            "flatten": self.flatten,
            **({} if self.graph is None else {"graph": [self.graph.density, self.graph.locked]}),
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> TwoLayerSource:
        if not isinstance(header["path"], list):
            raise InputError(f"the path of the key must be a list of strings; {header['path']!r} was given")
        for name in ("input_relu", "flatten"):
            if not isinstance(header[name], bool):
                raise InputError(f"{name} must be true or false; {header[name]!r} was given")
        return TwoLayerSource(
            key=Key(header["seed"], tuple(header["path"])),
            law=named_law(header["law"]),
            width=header["width"],
            blocks=tuple(Block(**block) for block in header["blocks"]),
            input_relu=header["input_relu"],
            flatten=header["flatten"],
            graph=RandomGraph(*header["graph"]) if "graph" in header else None,
        )
