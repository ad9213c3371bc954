"""Patches: which kept weights are not the seed's own draw, after a search that moved or redrew weights, or in a network
that a known ticket was planted in.

A patched weight is a function of seed, path and patch alone. Only kept weights are listed: what the others once were
does not matter to a ticket. A file holds the positions as a mask within the kept weights, and one number for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, MaskError
from slt.mask_coding import CodedMask, decode_mask, encode_mask
from slt.masks import Mask
from slt.number_coding import CodedNumbers, decode_numbers, encode_numbers

MOST_EVENTS = 2**31
LARGEST_PLANTED = 2**24

IntArray = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Redraw = Callable[[int, Indices], IntArray]  # (event, flat indices) -> what that event draws there


@dataclass(frozen=True, eq=False)
class Patch(ABC):
    """Kept weights of tensor ``name`` at flat ``indices`` (C order, rising) that do not hold their own draw."""

    kind: ClassVar[str]

    name: str
    indices: Indices

    def __post_init__(self) -> None:
        object.__setattr__(self, "indices", _whole(self.name, "indices", self.indices))
        if self.indices.size and (int(self.indices[0]) < 0 or np.any(np.diff(self.indices) <= 0)):
            raise InputError(f"a patch of {self.name}: its indices must rise, from 0 on")

    @property
    @abstractmethod
    def numbers(self) -> Indices:
        """What a file holds for each index: one number from 0 on, or none."""

    @staticmethod
    @abstractmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Patch:
        """The inverse of ``numbers``."""

    @abstractmethod
    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        """What the weights at ``indices`` hold, from all draws of the tensor, flat, and those of events."""

    def patched(self, draws: IntArray, redraw: Redraw) -> IntArray:
        """The tensor with the patch applied, a copy."""
        result = draws.reshape(-1).copy()
        result[self.indices] = self.values(draws.reshape(-1), redraw)
        return result.reshape(draws.shape)

    def fits(self, size: int) -> None:
        """InputError unless all positions lie in a tensor of ``size`` weights."""
        _below(self.name, "indices", self.indices, size)

    def at(self, chosen: npt.NDArray[np.bool_]) -> Patch:
        """The patch at some of its indices only."""
        numbers = self.numbers[chosen] if self.numbers.size else self.numbers
        return type(self).of_numbers(self.name, self.indices[chosen], numbers)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Patch)
            and (self.kind, self.name) == (other.kind, other.name)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.numbers, other.numbers)
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.name, self.indices.tobytes()))


@final
@dataclass(frozen=True, eq=False)
class Copies(Patch):
    """Recycling: each weight holds the seed's draw at another place, ``origins``, a flat index of the same tensor.
    Copies of copies are resolved to where the draw came from."""

    kind: ClassVar[str] = "copies"

    origins: Indices

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "origins", _paired(self, "origins", self.origins, 0))

    @property
    def numbers(self) -> Indices:
        return self.origins

    @staticmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Copies:
        return Copies(name, indices, numbers)

    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        return draws[self.origins]

    def fits(self, size: int) -> None:
        super().fits(size)
        _below(self.name, "origins", self.origins, size)


@final
@dataclass(frozen=True, eq=False)
class Redraws(Patch):
    """Randomisation anew: each weight holds the draw of the last event that redrew it, ``events``, numbered from 1 on;
    event r draws at ``key / "events" / str(r) / name``."""

    kind: ClassVar[str] = "redraws"

    events: Indices

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "events", _paired(self, "events", self.events, 1))
        _below(self.name, "events", self.events, MOST_EVENTS)

    @property
    def numbers(self) -> Indices:
        return self.events - 1

    @staticmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Redraws:
        return Redraws(name, indices, numbers + 1)

    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        values = np.empty(self.indices.size, dtype=draws.dtype)
        for event in np.unique(self.events).tolist():
            here = self.events == event
            values[here] = redraw(event, self.indices[here])
        return values


@final
@dataclass(frozen=True, eq=False)
class Flips(Patch):
    """Each weight holds its own draw with the other sign: all that events can do to weights of one size."""

    kind: ClassVar[str] = "flips"

    @property
    def numbers(self) -> Indices:
        return np.zeros(0, dtype=np.int64)

    @staticmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Flips:
        return Flips(name, indices)

    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        return -draws[self.indices]


@final
@dataclass(frozen=True, eq=False)
class Planted(Patch):
    """A known ticket written over the random weights: each weight holds the lattice integer ``planted``, which is the
    target's and no draw at all; ``Ticket.carried_count`` counts it. Sizes up to 2**24, so that float32 holds them."""

    kind: ClassVar[str] = "planted"

    planted: Indices

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "planted", _paired(self, "planted integers", self.planted, -LARGEST_PLANTED))
        _below(self.name, "planted integers", self.planted, LARGEST_PLANTED + 1)

    @property
    def numbers(self) -> Indices:
        # 0, -1, 1, -2, 2 .. are 0, 1, 2, 3, 4 ..
        return np.where(self.planted < 0, -2 * self.planted - 1, 2 * self.planted)

    @staticmethod
    def of_numbers(name: str, indices: Indices, numbers: Indices) -> Planted:
        return Planted(name, indices, np.where(numbers % 2 == 1, -(numbers + 1) // 2, numbers // 2))

    def values(self, draws: IntArray, redraw: Redraw) -> IntArray:
        return self.planted.astype(draws.dtype)


KINDS: dict[str, type[Patch]] = {patch.kind: patch for patch in (Copies, Redraws, Flips, Planted)}


def patches_of(name: str, kept: Mask, origins: Any = None, events: Any = None) -> list[Patch]:
    """The patch of one tensor, or none, from what a search recorded for every weight of it: ``origins``, flat indices
    of the draws that weights hold, or ``events``, the event that last redrew them, 0 for none; of the mask's shape.

    InputError for both: a copy of a redrawn weight has no form here.
    """
    if origins is not None and events is not None:
        raise InputError(
            f"a patch of {name}: the search both copied and redrew weights; only one of the two can be declared. Use "
            "one kind of event"
        )
    if origins is not None:
        flat = _whole(name, "origins", np.asarray(origins).reshape(-1))
        own = np.arange(kept.size)
    elif events is not None:
        flat = _whole(name, "events", np.asarray(events).reshape(-1))
        own = np.zeros(kept.size, dtype=np.int64)
    else:
        return []
    if flat.size != kept.size:
        raise InputError(f"a patch of {name}: {flat.size} numbers were given for {kept.size} weights")
    indices = np.flatnonzero(kept.unpack().reshape(-1) & (flat != own))
    if not indices.size:
        return []
    return [Copies(name, indices, flat[indices]) if events is None else Redraws(name, indices, flat[indices])]


def cheapest(patch: Patch, kept: Mask, draws: IntArray, redraw: Redraw) -> Patch | None:
    """The patch at kept weights that it does change, as ``Flips`` where signs are all that it changes; None if it
    changes nothing."""
    patch.fits(kept.size)
    own, new = draws.reshape(-1)[patch.indices], patch.values(draws.reshape(-1), redraw)
    changes = kept.unpack().reshape(-1)[patch.indices] & (own != new)
    if not changes.any():
        return None
    patch = patch.at(changes)
    return Flips(patch.name, patch.indices) if np.array_equal(new[changes], -own[changes]) else patch


def encode_patch(patch: Patch, kept: Mask) -> tuple[list[Any], bytes]:
    """(entry of a header, bytes) of a patch of kept weights; MaskError if it lists others."""
    flags = np.zeros(kept.size, dtype=bool)
    flags[patch.indices] = True
    where = encode_mask(Mask.of(flags.reshape(kept.shape)), kept)
    what = encode_numbers(patch.numbers)
    entry = [patch.kind, patch.name, where.kept, where.parameter, where.data.size, what.parameter, what.data.size]
    return entry, where.data.tobytes() + what.data.tobytes()


def decode_patch(
    entry: list[Any], data: npt.NDArray[np.uint8], kept: Mask, kinds: Mapping[str, type[Patch]] = KINDS
) -> Patch:
    """The inverse of ``encode_patch``, for patches of these kinds; InputError for what is none."""
    kind, name, count, where, split, what, rest = entry
    if kind not in kinds or type(split) is not int or type(rest) is not int or not 0 <= split <= data.size:
        raise InputError(f"{entry!r} is no patch of {data.size} bytes")
    if type(count) is int and count > 64 * data.size + 2**16:
        raise InputError(f"{entry!r} lists {count:,} weights in {data.size:,} bytes, which no patch of a search does")
    mask = decode_mask(CodedMask(count, where, data[:split]), kept.shape, kept)
    indices = np.flatnonzero(mask.unpack())
    coded = CodedNumbers(what, data[split:])
    numbers = decode_numbers(coded, 0 if kind == Flips.kind else count, max(kept.size, MOST_EVENTS))
    patch = kinds[kind].of_numbers(name, indices, numbers)
    patch.fits(kept.size)
    return patch


def check_kept(patch: Patch, kept: Mask) -> None:
    """MaskError if the patch lists weights that are not kept."""
    beyond = int(np.count_nonzero(~kept.unpack().reshape(-1)[patch.indices]))
    if beyond:
        raise MaskError(
            f"making a ticket: {beyond} of {patch.indices.size} weights in a patch of {patch.name} are not kept; list "
            "kept weights only, as SearchSource.with_patches does"
        )


def _whole(name: str, what: str, given: Any) -> Indices:
    array = np.asarray(given)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise InputError(
            f"a patch of {name}: {what} of shape {array.shape} and dtype {array.dtype} were given; whole numbers in "
            "one dimension are needed"
        )
    # a copy of its own, so that nobody changes it
    result = array.astype(np.int64)
    result.setflags(write=False)
    return result


def _paired(patch: Patch, what: str, given: Any, least: int) -> Indices:
    numbers = _whole(patch.name, what, given)
    if numbers.shape != patch.indices.shape or (numbers.size and int(numbers.min()) < least):
        raise InputError(
            f"a patch of {patch.name}: {numbers.size} {what} were given for {patch.indices.size} indices; one from "
            f"{least} on is needed for each"
        )
    return numbers


def _below(name: str, what: str, numbers: Indices, limit: int) -> None:
    if numbers.size and int(numbers.max()) >= limit:
        raise InputError(f"a patch of {name}: {what} go up to {int(numbers.max())}, they must be below {limit}")
