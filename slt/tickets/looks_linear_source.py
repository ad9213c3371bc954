"""The source of the looks-linear construction: a two-layer source whose hidden units come in mirrored pairs.

Next to every unit relu(u x) with read-out v stands relu(-u x) with read-out -v, so both layers of a block are
[M; -M] and [N, -N] of the M and N of a two-layer source, and the constant coordinate has biases b and -b. A whole pair
is linear: v relu(u x) - v relu(-u x) = u v x for every x, and v relu(b) - v relu(-b) = b v. So each pair is one sample
for a target weight, whatever the sign of the input: no sample is of the wrong sign, and no sum is needed twice.

The numbers of a mirrored half are no new draws but the same ones with the sign changed; that is the initialisation,
and it is all a function of the key. Where an input cannot be negative (behind a ReLU, and at the constant) one half of
each pair is silent; the masks prune it there, which changes nothing but the number of weights that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.chain_target import read_chain
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.blocks import Block, Part
from slt.tickets.branches import wanted_parts
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import WITNESS_ROWS, BoolArray, Carried, IntArray, Source
from slt.tickets.two_layer_source import TwoLayerSource
from slt.weights import Key, WeightLaw

if TYPE_CHECKING:
    from torch import nn

Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class LooksLinearSource(Source):
    """``half``: the two-layer source of M and N, ``width`` units a coordinate; key, law, scales and ties are its own.

    Tensors are named as there: ``block<i>.first.weight`` (2 hidden, inputs), ``block<i>.first.bias`` (2 hidden,),
    ``block<i>.second.weight`` (outputs, 2 hidden), all units of ``half`` first and then their mirror images. A mask
    (outputs, coordinates, width) keeps pairs.
    """

    kind: ClassVar[str] = "looks-linear"

    half: TwoLayerSource

    def __post_init__(self) -> None:
        if not isinstance(self.half, TwoLayerSource):
            raise InputError(f"a looks-linear source mirrors a TwoLayerSource; {self.half!r} was given")
        if self.half.graph is not None:
            raise InputError(f"a looks-linear source has all edges; one with {self.half.graph} was given")

    @property
    def key(self) -> Key:  # type: ignore[override]
        return self.half.key

    @property
    def law(self) -> WeightLaw:  # type: ignore[override]
        return self.half.law

    @property
    def width(self) -> int:
        """Pairs of hidden units a coordinate."""
        return self.half.width

    # -- layout ----------------------------------------------------------------------------------------------------

    @property
    def distinct_parts(self) -> dict[str, Part]:
        """The parts of ``half``, which serve the parameters of the target."""
        return self.half.distinct_parts

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.half.mask_shapes

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            name: (shape[0], 2 * shape[1]) if _reads_out(name) else (2 * shape[0], *shape[1:])
            for name, shape in self.half.tensor_shapes.items()
        }

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return self.half.carried

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        self.half.check_masks(masks)

    # -- random weights --------------------------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        drawn = self.half.draw(name)
        return np.concatenate([drawn, -drawn], axis=1 if _reads_out(name) else 0)

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        if _reads_out(name):
            drawn = self.half.draw_plain(name, rows)
            return np.concatenate([drawn, -drawn], axis=1)
        hidden = self.half.tensor_shapes[name][0]
        start, stop, _ = rows.indices(2 * hidden)
        unit = self.half.draw_plain(name, slice(min(start, hidden), min(stop, hidden)))
        image = self.half.draw_plain(name, slice(max(start, hidden) - hidden, max(stop, hidden) - hidden))
        return np.concatenate([unit, -image])

    def agrees(self, name: str, draws: IntArray) -> bool:
        if not super().agrees(name, draws):
            return False
        if _reads_out(name):
            return True  # each row holds both halves
        rows = slice(len(draws) // 2, len(draws) // 2 + WITNESS_ROWS)
        return np.array_equal(draws[rows], self.draw_plain(name, rows))

    # -- masks -----------------------------------------------------------------------------------------------------

    def _heard(self, position: int) -> BoolArray:
        """The hidden units of a block that are not silent on every input it can get, (2 hidden,)."""
        block = self.half.blocks[position]
        before = self.half.blocks[position - 1].relu if position else self.half.input_relu
        units = []
        for part in self.half.parts(block):
            first = self.half.first(part).reshape(-1)
            one_sided = part.constant or before
            units.append(np.stack([first > 0, first < 0]) if one_sided else np.ones((2, first.size), dtype=np.bool_))
        return np.concatenate(units, axis=1).reshape(-1)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        kept = self.half.dense_mask(name, masks)
        heard = self._heard(_position(name))
        if _reads_out(name):
            return np.concatenate([kept, kept], axis=1) & heard
        both = np.concatenate([kept, kept])
        both[~heard] = False
        return both

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        # ``half`` draws no more of its largest tensors than is kept
        kept = self.half.masked(name, masks)
        heard = self._heard(_position(name))
        both = np.concatenate([kept, -kept], axis=1 if _reads_out(name) else 0)
        both[(slice(None), ~heard) if _reads_out(name) else ~heard] = 0
        return both

    # -- what it computes ------------------------------------------------------------------------------------------

    def sums(self, part: Part, mask: Mask) -> Int64Array:
        """Exact integers on lattice 2**-(2 * exponent): the matrix that the kept pairs compute, shape (outputs,
        coordinates), before the scale."""
        positive, negative = self.half.sums(part, mask)
        return np.asarray(positive + negative)

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedNetwork:
        sums = {name: self.sums(part, masks[name]) for name, part in self.distinct_parts.items()}
        layers = []
        before = self.half.input_relu
        for block in self.half.blocks:
            weight, bias = sums[f"layer {block.weight}/weight"], self._bias(block, sums)
            shift = block.scale - 2 * self.law.exponent
            largest = max(int(np.abs(m).max(initial=0)) for m in (weight, bias))
            matrix = np.ldexp(weight.astype(np.float64), shift)
            layers.append(
                CollapsedLayer(
                    positive=matrix,
                    negative=np.zeros_like(matrix) if before else matrix,
                    bias=np.ldexp(bias.astype(np.float64), shift),
                    relu=block.relu,
                    rounding=0.0 if largest <= 2**53 else float(np.ldexp(float(largest), shift - 52)),
                )
            )
            before = block.relu
        return CollapsedNetwork(tuple(layers), self.half.input_relu)

    @staticmethod
    def _bias(block: Block, sums: Mapping[str, Int64Array]) -> Int64Array:
        if block.bias is None:
            return np.zeros(block.outputs, dtype=np.int64)
        return sums[f"layer {block.bias}/bias"][:, 0]

    def target(self, model: Any) -> Target:
        return read_chain(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Target) -> Residuals:
        wanted = wanted_parts(target, domain)
        parts = self.distinct_parts
        if set(wanted) != set(parts) or any(
            wanted[n].matrix.shape != (p.outputs, p.coordinates) for n, p in parts.items()
        ):
            raise InputError(
                f"residuals: the ticket was made for parts {sorted(parts)}, the target has {sorted(wanted)}, "
                "or their shapes differ; pass the model that the ticket was made for"
            )
        return Residuals(
            {
                name: PartResiduals.of(
                    wanted[name].matrix,
                    2 * self.law.exponent - part.scale,
                    {"both": (self.sums(part, masks[name]), wanted[name].positive | wanted[name].negative)},
                )
                for name, part in parts.items()
            }
        )

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.two_layer_module import build

        return build(self.half, weights)

    @property
    def flattens(self) -> bool:
        return self.half.flattens

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        return {**self.half.header(), "kind": self.kind}

    @staticmethod
    def from_header(header: dict[str, Any]) -> LooksLinearSource:
        return LooksLinearSource(TwoLayerSource.from_header(header))


def _reads_out(name: str) -> bool:
    """Is it a second layer, whose columns are hidden units?"""
    return name.endswith(".second.weight")


def _position(name: str) -> int:
    """The block that a tensor belongs to."""
    return int(name.partition(".")[0].removeprefix("block"))
