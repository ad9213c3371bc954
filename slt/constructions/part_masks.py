"""The subset sums of one part of a two-layer source: posed in batches, solved, put together to its mask."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Request
from slt.constructions.splits import Split
from slt.constructions.sums import Tally, solve_batch
from slt.errors import NoUsableItemError
from slt.tickets import Part, TwoLayerSource
from slt.tickets.branches import Wanted
from slt.tickets.residuals import on_lattice

BoolArray = npt.NDArray[np.bool_]
BATCH = 2**21  # items of one batch of sums: 16 MiB of integers


def part_mask(source: TwoLayerSource, part: Part, wanted: Wanted, split: Split, tally: Tally, name: str) -> BoolArray:
    """The mask of one part, shape (outputs, coordinates, width). ``name``: what errors call it."""
    first = source.first(part)
    branches = [
        (_usable(units, needed, name, tally.request, split), sign, needed)
        for units, sign, needed in (
            (split.positive(first), first > 0, wanted.positive),
            (split.negative(first), first < 0, wanted.negative),
        )
    ]
    targets, rounding = on_lattice(wanted.matrix, 2 * source.law.exponent - part.scale)
    mask = np.zeros((part.outputs, part.coordinates, source.width), dtype=np.bool_)
    step = max(1, BATCH // (part.coordinates * source.width))
    for start in range(0, part.outputs, step):
        rows = slice(start, min(start + step, part.outputs))
        items = source.second(part, rows) * first
        locked = source.locked(part, rows)
        for units, sign, needed in branches:
            if not needed.any():
                continue
            here = slice(None) if needed.all() else needed
            usable = units if source.graph is None else units & (items != 0)
            forced = None if locked is None else locked & sign
            found = solve_batch(
                np.ascontiguousarray(items[:, here]),
                targets[rows][:, here],
                rounding[rows][:, here],
                _capped(usable if forced is None else usable & ~forced, tally)[..., here, :],
                part.scale,
                tally,
                None if forced is None else forced[:, here],
            )
            mask[rows, here] |= found
        if locked is not None:
            mask[rows] |= locked
    return mask


def _usable(units: BoolArray, needed: BoolArray, name: str, request: Request, split: Split) -> BoolArray:
    empty = needed & ~units.any(axis=1)
    if empty.any():
        share = split.law.share / 2
        enough = math.ceil(math.log(1e-3 / len(units)) / math.log(1 - share))
        raise NoUsableItemError(
            f"find_ticket: {name} needs a random unit of the right sign for every coordinate, but at width "
            f"{request.width} with {request.key} {int(empty.sum())} of {len(units)} coordinates have none "
            f"(first: {int(np.flatnonzero(empty)[0])}). Raise width; {enough} leaves none out in all but one of a "
            "thousand seeds"
        )
    return units


def _capped(units: BoolArray, tally: Tally) -> BoolArray:
    """The first ``max_items`` of the usable units, where the selection looks at no more."""
    request = tally.request
    if not tally.selection.capped(request.tolerance):
        return units
    return units & (np.cumsum(units, axis=-1) <= request.max_items)
