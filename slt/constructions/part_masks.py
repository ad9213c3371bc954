"""The subset sums of one part of a two-layer source: posed in batches, solved, put together to its mask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Request
from slt.constructions.splits import Split
from slt.constructions.sums import BATCH, Tally, solve_batch
from slt.errors import NoUsableItemError
from slt.tickets import Part, TwoLayerSource
from slt.tickets.branches import Wanted
from slt.tickets.residuals import on_lattice

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """Sums of some outputs of a part on one sign of its inputs; ``needed`` coordinates of C in all.

    rows      the outputs, R of them
    here      the coordinates whose sums are needed: (C,) bool, or all
    first     (needed, width): first-layer weights, integers
    second    (R, needed, width): second-layer weights
    items     (R, needed, width): their products
    targets, rounding   (R, needed): the wanted sums on the lattice of the products, and lattice minus wanted
    usable    (needed, width) or (R, needed, width): the units that a sum may take
    locked    (R, needed, width): those that are in whatever happens, or None
    """

    rows: slice
    here: slice | BoolArray
    first: Int64Array
    second: npt.NDArray[Any]
    items: Int64Array
    targets: Int64Array
    rounding: npt.NDArray[np.float64]
    usable: BoolArray
    locked: BoolArray | None


def batches(
    source: TwoLayerSource, part: Part, wanted: Wanted, split: Split, request: Request, name: str, capped: bool
) -> Iterator[Batch]:
    """All sums of a part. ``capped``: of each only the first ``max_items`` usable units; ``name``: for errors."""
    first = source.first(part)
    density = 1.0 if source.graph is None else source.graph.density
    branches = [
        (_usable(units, needed, name, request, split.law.share / 2 * density), sign, needed)
        for units, sign, needed in (
            (split.positive(first), first > 0, wanted.positive),
            (split.negative(first), first < 0, wanted.negative),
        )
    ]
    targets, rounding = on_lattice(wanted.matrix, 2 * source.law.exponent - part.scale)
    step = max(1, BATCH // (part.coordinates * source.width))
    for start in range(0, part.outputs, step):
        rows = slice(start, min(start + step, part.outputs))
        second = source.second(part, rows)
        items = second * first
        locked = source.locked(part, rows)
        for units, sign, needed in branches:
            if not needed.any():
                continue
            here = slice(None) if needed.all() else needed
            usable = units if source.graph is None else units & (items != 0)
            forced = None if locked is None else locked & sign
            usable = usable if forced is None else usable & ~forced
            if capped:
                usable = usable & (np.cumsum(usable, axis=-1) <= request.max_items)
            yield Batch(
                rows,
                here,
                first[here],
                second[:, here],
                np.ascontiguousarray(items[:, here]),
                targets[rows][:, here],
                rounding[rows][:, here],
                usable[..., here, :],
                None if forced is None else forced[:, here],
            )


def part_mask(source: TwoLayerSource, part: Part, wanted: Wanted, split: Split, tally: Tally, name: str) -> BoolArray:
    """The mask of one part, shape (outputs, coordinates, width). ``name``: what errors call it."""
    capped = tally.selection.capped(tally.request.tolerance)
    mask = unpruned(source, part)
    first = source.first(part)
    for units, needed in ((split.positive(first), wanted.positive), (split.negative(first), wanted.negative)):
        tally.require(units[needed])
    if source.graph is not None and source.graph.locked:
        tally.exhaustive = False  # a narrower source locks fewer units, so its sums are others
    for b in batches(source, part, wanted, split, tally.request, name, capped):
        mask[b.rows, b.here] |= solve_batch(b.items, b.targets, b.rounding, b.usable, part.scale, tally, b.locked)
    return mask


def unpruned(source: TwoLayerSource, part: Part) -> BoolArray:
    """The mask of what cannot be pruned, shape (outputs, coordinates, width)."""
    locked = source.locked(part, slice(None))
    return np.zeros((part.outputs, part.coordinates, source.width), dtype=np.bool_) if locked is None else locked


def _usable(units: BoolArray, needed: BoolArray, name: str, request: Request, share: float) -> BoolArray:
    """``units``, checked; ``share``: the chance that one of them is usable."""
    empty = needed & ~units.any(axis=1)
    if empty.any():
        enough = math.ceil(math.log(1e-3 / len(units)) / math.log1p(-share))
        raise NoUsableItemError(
            f"find_ticket: {name} needs a random unit of the right sign for every coordinate, but at width "
            f"{request.width} with {request.key} {int(empty.sum())} of {len(units)} coordinates have none "
            f"(first: {int(np.flatnonzero(empty)[0])}). Raise width; {enough} leaves none out in all but one of a "
            "thousand seeds"
        )
    return units
