"""Meet in the middle in torch operations: whole batches of exact subset sums at once, on the processor or on CUDA.

Every half-sum of an instance is a number of its own: those of the first items are looked up among the sorted ones of
the others (``torch.searchsorted``), the neighbours on both sides are taken, and the rest is reductions. int64
throughout, every operation deterministic, no loop over instances; the answers are those of ``optimum`` to the bit, on
any device. Readable rather than quick on a processor, where ``subset_sum.solve`` is the fast way. Any CUDA kernel with
an instance to a block is to be compared with this file.

Why ties come out right. Item i has the key 2**44 + 2**i, a subset the sum of its items' keys: its size * 2**44 + its
mask, so that "fewest items, then the smallest mask" means the smallest key. Keys add over the two halves, hence

1.  among the subsets of one half with equal sums only the one with the smallest key matters: exchanging it for another
    raises the key of every pair that it is part of. The right half is generated in the order of keys and sorted stably,
    so this one is the first of every run of equal sums, and its key stands for the run;
2.  the left half is not thinned out: for each of its subsets the nearest right sums are the first at or above what is
    wanted and the last below it. Every other sum is farther away, or equal to one of the two and so in its run. All
    pairs of the smallest distance are therefore seen, up to exchanges as in 1, and the smallest key among them is the
    answer;
3.  items that are 0 need no care: left out, the sum is the same and the key smaller. Usable items are moved together
    without changing their order, which keeps the order of masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from slt.errors import InputError, LimitError
from slt.subset_sum import memory
from slt.subset_sum.problem import Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

if TYPE_CHECKING:
    import torch

LIMIT = 44
_NEVER = 2**63 - 1  # larger than every key
# bytes at the height of a chunk for each half-sum of the larger half: torch asks for 105 at most on the processor, the
# process grows by up to 136 (one instance of 40 items). What CUDA's sort takes is reckoned, not measured
_BYTES = 160
# half-sums of a chunk. On the processor four times fewer or eight times more are slower by up to a half, as measured
# for 12 to 24 items; on CUDA not measured: 5 GiB, to fill the card
_AT_ONCE = {"cpu": 2**17, "cuda": 2**25}


def torch_batch(problem: Problem, device: str | torch.device | None = None, batch: int | None = None) -> Result:
    """The optimum of every instance, as ``optimum(problem)`` to the bit, in torch operations on ``device``.

    device  "cpu" (also for None) or "cuda", "cuda:1", ...; the answer does not depend on it
    batch   at most so many instances at a time; None: as many as suit the device. Never more than its memory allows.
            The answer does not depend on it either

    Raises InputError (no such device, a batch below 1) and LimitError: more than 44 usable items where the target is in
    reach, or one instance alone beyond the memory that is free (n = 44 takes 640 MiB, n = 24 less than 1).
    """
    place = _place(device)
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < 1):
        raise InputError(f"subset sums in torch: batch={batch!r} was given; an integer of at least 1 is needed")
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    status = np.full(count, Status.OPTIMAL, dtype=np.int8)
    counts = problem.usable_counts()
    open_items = np.where(problem.usable, problem.items, 0)
    top, bottom = np.maximum(open_items, 0).sum(axis=1), np.minimum(open_items, 0).sum(axis=1)
    high, low = problem.targets > top, problem.targets < bottom
    # beyond every sum: the end point is the optimum, whatever n; zeros stay out (fewest items)
    mask |= (high[:, None] & (open_items > 0)) | (low[:, None] & (open_items < 0))
    status[high | low] = Status.OUT_OF_REACH
    status[counts == 0] = Status.NO_ITEMS
    rest = ~(high | low) & (counts > 0)
    refused = int(np.count_nonzero(rest & (counts > LIMIT)))
    if refused:
        raise LimitError(
            f"exact subset sum in torch takes at most {LIMIT} usable items; {refused} of {count} instances have more "
            f"(up to {int(counts.max())}). Lock items out, or give tolerance= to subset_sum.solve to take any number"
        )
    for width in np.unique(counts[rest])[::-1].tolist():  # what needs most memory first: refused at once, if at all
        _solve(problem, np.flatnonzero(rest & (counts == width)), width, place, batch, mask)
    residual = np.einsum("ij,ij->i", mask, np.broadcast_to(problem.items, mask.shape), dtype=np.int64) - problem.targets
    return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)


def _place(device: str | torch.device | None) -> torch.device:
    """The device, if it is there and has exact 64-bit integers. Raises InputError."""
    import torch

    try:
        place = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"subset sums in torch: {device!r} is no torch device: {error}") from None
    if place.type == "cpu":
        return torch.device("cpu")
    cards = torch.cuda.device_count()
    if place.type != "cuda" or (place.index or 0) >= cards:
        raise InputError(
            f"subset sums in torch: device {str(place)!r} was given; they run on 'cpu' or 'cuda', and {cards} CUDA "
            "devices are here"
        )
    return place if place.index is not None else torch.device("cuda", torch.cuda.current_device())


def _free(place: torch.device) -> int:
    """Bytes that can be allocated on the device now."""
    import torch

    if place.type == "cpu":
        return memory.free_memory()
    # what torch holds back for itself is free for this, too
    held = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
    return int(torch.cuda.mem_get_info(place)[0]) + held


def _chunk(width: int, place: torch.device, batch: int | None) -> int:
    """How many instances of ``width`` items to take at a time. Raises LimitError if not even one fits."""
    half = 2 ** (width - width // 2)
    needed, free = _BYTES * half, _free(place)
    fitting = free * 15 // 16 // needed
    if not fitting:
        raise LimitError(
            f"exact subset sum of {width} items in torch needs {needed / 2**20:,.1f} MiB of memory on {place} and "
            f"{free / 2**20:,.1f} MiB are free; use subset_sum.solve, which needs less on the processor"
        )
    return int(min(fitting, max(1, _AT_ONCE[place.type] // half) if batch is None else batch))


def _solve(
    problem: Problem, rows: Int64Array, width: int, place: torch.device, batch: int | None, mask: np.ndarray
) -> None:
    """Fills ``rows`` of ``mask``: instances in reach, of ``width`` usable items each."""
    import torch

    size = _chunk(width, place, batch)
    join = _Join.of(width, place)
    shared = len(problem.items) == len(problem.usable) == 1
    halves = None
    for start in range(0, len(rows), size):
        here = rows[start : start + size]
        part = problem.rows(here)
        if halves is None or not shared:
            items, where = _together(part, width)
            halves = join.halves(torch.tensor(items, device=place))
        keys = join.nearest(halves, torch.tensor(part.targets, device=place)).cpu().numpy()
        taken = (keys[:, None] >> np.arange(where.shape[1])) & 1 == 1
        mask[here[:, None], where] = taken


def _together(part: Problem, width: int) -> tuple[Int64Array, Int64Array]:
    """The ``width`` usable items of each instance and where they are; (N, width), or (1, width) if all share them."""
    if part.n == width:
        return part.items, np.arange(width)[None]
    where = np.argsort(~part.usable, axis=1, kind="stable")[:, :width]
    where = np.broadcast_to(where, (max(len(part.items), len(where)), width))
    return np.take_along_axis(np.broadcast_to(part.items, (len(where), part.n)), where, axis=1), where


def _sums(items: torch.Tensor) -> torch.Tensor:
    """All sums of items (B, h): (B, 2**h), bit k of the position says that item k is in."""
    import torch

    sums = items.new_zeros((len(items), 1))
    for k in range(items.shape[1]):
        sums = torch.cat((sums, sums + items[:, k, None]), dim=1)
    return sums


@final
@dataclass(frozen=True, eq=False)
class _Halves:
    """The half-sums of B instances, or of one that all share.

    left   (B, L) in the order of masks
    right  (B, R) ascending
    keys   (B, R): the smallest key of the right subsets with that sum
    """

    left: torch.Tensor
    right: torch.Tensor
    keys: torch.Tensor


@final
@dataclass(frozen=True, eq=False)
class _Join:
    """What all instances of one width have in common.

    half        items of the left half, the larger one: a look-up costs no more than sorting
    left_keys   (L,) in the order of masks
    order       (R,) the right masks in the order of their keys
    right_keys  (R,) ascending
    """

    half: int
    left_keys: torch.Tensor
    order: torch.Tensor
    right_keys: torch.Tensor

    @staticmethod
    def of(width: int, place: torch.device) -> _Join:
        import torch

        keys = 2**LIMIT + (1 << torch.arange(width, dtype=torch.int64, device=place))[None]
        half = width - width // 2
        right_keys, order = _sums(keys[:, half:])[0].sort()
        return _Join(half, _sums(keys[:, :half])[0], order, right_keys)

    def halves(self, items: torch.Tensor) -> _Halves:
        """The half-sums of items (B, width)."""
        import torch

        right, places = _sums(items[:, self.half :]).index_select(1, self.order).sort(dim=1, stable=True)
        starts = torch.arange(right.shape[1], device=right.device).repeat(len(right), 1)
        starts[:, 1:].masked_fill_(right[:, 1:] == right[:, :-1], 0)
        first = starts.cummax(dim=1).values  # of the run that each belongs to
        return _Halves(_sums(items[:, : self.half]), right, self.right_keys[places.gather(1, first)])

    def nearest(self, halves: _Halves, targets: torch.Tensor) -> torch.Tensor:
        """(B,): the key of the best subset for each of targets (B,)."""
        import torch

        wanted = targets[:, None] - halves.left
        # one row for all: the search then takes it without copies
        at = torch.searchsorted(halves.right[0] if len(halves.right) == 1 else halves.right, wanted)
        right, keys = (x.expand(len(wanted), -1) for x in (halves.right, halves.keys))
        # at an end both are the same sum, seen twice
        sides = ((at - 1).clamp_(min=0), at.clamp_(max=right.shape[1] - 1))
        distances = [(right.gather(1, side) - wanted).abs_() for side in sides]
        least = torch.minimum(*distances).amin(dim=1, keepdim=True)
        best = [
            torch.where(distance == least, keys.gather(1, side) + self.left_keys, _NEVER).amin(dim=1)
            for distance, side in zip(distances, sides, strict=True)
        ]
        return torch.minimum(*best)
