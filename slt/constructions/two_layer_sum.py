"""Every target layer from two random layers, every target weight a subset sum of products of two random weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Construction, Request
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.sums import Tally, check_items, scale_of, solve_batch
from slt.domains import Domain
from slt.errors import LimitError, NoUsableItemError
from slt.laws import LayerSums, needed_width_quantile
from slt.masks import Mask
from slt.targets import Target
from slt.tickets import Block, Part, Ticket, TwoLayerSource
from slt.tickets.branches import Wanted, wanted_parts
from slt.tickets.residuals import on_lattice
from slt.weights import Uniform

BoolArray = npt.NDArray[np.bool_]
BATCH = 2**21  # items of one batch of sums: 16 MiB of integers


@final
@dataclass(frozen=True)
class TwoLayerSum(Construction):
    """Pensia, Rajput, Nagle, Vishwakarma, Papailiopoulos, "Optimal lottery tickets via SubsetSum" (NeurIPS 2020),
    theorem 1 (recalled from restatements; its constant C is unverified).

    A unit k of coordinate j answers relu(u_jk x_j). On x_j > 0 a target weight w_rj is the sum of products
    v_rjk u_jk over a subset of units with u_jk > 0; on x_j < 0 over units with u_jk < 0. Inputs that the domain or a
    ReLU makes non-negative need the first sum only. A bias is the column of a coordinate that is always 1, served by
    random biases b_k > 0 through relu(b_k) = b_k. Where a layer has |w| > 1 its targets are divided by a power of two,
    which the ticket carries.

    Error: about one bit for every two hidden units (``slt.laws.networks``), one for every four with ``split="paper"``.
    """

    theorem: ClassVar[str] = "Pensia et al. 2020, theorem 1"
    law: ClassVar[str] = "slt.laws.networks"

    split: Split | str = field(default_factory=SignOptimal)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))

    def read(self, model: Any) -> Target:
        return Target.of(model)

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
        check_items(request)
        source = self.lay_out(request)
        wanted = wanted_parts(request.target, request.domain)
        total = sum(w.matrix.shape[0] * (int(w.positive.sum()) + int(w.negative.sum())) for w in wanted.values())
        tally = Tally(total, request)
        masks = {
            name: Mask.of(self._solve(source, part, wanted[name], request, tally))
            for name, part in source.distinct_parts.items()
        }
        return Ticket(source, masks, request.domain, request.target, tally.findings())

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        assert isinstance(self.split, Split)
        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        # the smallest resolution of any layer for all of them
        scale = max(_scales(request.target, self._blocks(request.target)))
        sums = self.law_layers(request.target, request.domain)
        try:
            return needed_width_quantile(0.5, tolerance / 2.0**scale, sums, self.split.law)
        except LimitError:
            return None

    def _solve(self, source: TwoLayerSource, part: Part, wanted: Wanted, request: Request, tally: Tally) -> BoolArray:
        """The mask of one part, shape (outputs, coordinates, width)."""
        assert isinstance(self.split, Split)
        width, exponent = source.width, 2 * source.law.exponent
        first = source.first(part)
        branches = [
            (self._usable(units, needed, part, request), needed)
            for units, needed in (
                (self.split.positive(first), wanted.positive),
                (self.split.negative(first), wanted.negative),
            )
        ]
        targets, rounding = on_lattice(wanted.matrix, exponent - part.scale)
        mask = np.zeros((part.outputs, part.coordinates, width), dtype=np.bool_)
        step = max(1, BATCH // (part.coordinates * width))
        for start in range(0, part.outputs, step):
            rows = slice(start, min(start + step, part.outputs))
            items = source.second(part, rows) * first
            for usable, needed in branches:
                if not needed.any():
                    continue
                wanted_here, off = targets[rows][:, needed], rounding[rows][:, needed]
                found = solve_batch(items[:, needed], wanted_here, off, usable[needed], part.scale, tally)
                mask[rows, needed] |= found
        return mask

    def _usable(self, units: BoolArray, needed: BoolArray, part: Part, request: Request) -> BoolArray:
        empty = needed & ~units.any(axis=1)
        if empty.any():
            assert isinstance(self.split, Split)
            share = self.split.law.share / 2
            enough = math.ceil(math.log(1e-3 / part.coordinates) / math.log(1 - share))
            raise NoUsableItemError(
                f"find_ticket: {part.name} needs a random unit of the right sign for every coordinate, but at width "
                f"{request.width} with {request.key} {int(empty.sum())} of {part.coordinates} coordinates have none "
                f"(first: {int(np.flatnonzero(empty)[0])}). Raise width; {enough} leaves none out in all but one of a "
                "thousand seeds"
            )
        if request.tolerance is None:
            units = units & (np.cumsum(units, axis=1) <= request.max_items)
        return units


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
