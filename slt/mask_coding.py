"""Mask coding: masks as few bytes.

A mask is stored as its packed bits, or as the Golomb code of the gaps between its kept weights, or between its dropped
ones, whichever is shortest. A mask that is part of another is coded over the kept weights of that one alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, MaskError
from slt.masks import Mask
from slt.number_coding import MOST, best_golomb, decode_golomb, encode_golomb

LARGEST = 2**31  # entries that gaps code: what a short file can ask for stays within 2 GiB, one byte an entry

Bytes = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True)
class CodedMask:
    """``parameter`` 0: packed bits; m >= 1: gaps between kept weights, Golomb code m; -m: between dropped ones."""

    kept: int
    parameter: int
    data: Bytes


def encode_mask(mask: Mask, superset: Mask | None = None, gaps: bool = True) -> CodedMask:
    """The shortest code, or without ``gaps`` the packed bits; MaskError if it is no part of ``superset``."""
    mask = mask if superset is None else within(mask, superset)
    best = CodedMask(mask.kept, 0, mask.packed)
    if not gaps or mask.size > LARGEST:
        return best
    bits = mask.unpack().reshape(-1)
    chosen = bits if mask.kept <= mask.size - mask.kept else ~bits
    distances = np.diff(np.flatnonzero(chosen), prepend=-1) - 1
    m, length = best_golomb(distances)
    if length <= 8 * best.data.size - 8:
        return CodedMask(mask.kept, m if chosen is bits else -m, encode_golomb(distances, m))
    return best


def decode_mask(coded: CodedMask, shape: tuple[int, ...], superset: Mask | None = None) -> Mask:
    """The mask. InputError or MaskError for data that code no mask of this shape, superset and number of kept weights;
    memory is bounded by the data, the superset, and ``LARGEST``."""
    size = math.prod(shape) if superset is None else superset.kept
    for name, number, low in (("kept", coded.kept, 0), ("parameter", coded.parameter, -MOST)):
        if type(number) is not int or not low <= number <= MOST:
            raise InputError(f"decoding a mask: {name} {number!r} was given, a whole number is needed")
    if coded.kept > size:
        raise MaskError(f"decoding a mask: {coded.kept} kept weights of {size} cannot be")
    packed = coded.data if coded.parameter == 0 else _from_gaps(coded, size)
    mask = Mask((size,), packed)
    if mask.kept != coded.kept:
        raise MaskError(f"decoding a mask: {mask.kept} kept weights were found, {coded.kept} are declared")
    if superset is None:
        return Mask(shape, mask.packed)
    bits = superset.unpack().reshape(-1)
    bits[bits] = mask.unpack()
    return Mask.of(bits.reshape(superset.shape))


def within(mask: Mask, superset: Mask) -> Mask:
    """The mask over the kept weights of ``superset`` in their order, shape (kept,); MaskError unless a part of it."""
    if mask.shape != superset.shape or np.any(mask.packed & ~superset.packed):
        raise MaskError("coding a mask within another: it has another shape, or keeps weights that the other drops")
    return Mask.of(mask.unpack()[superset.unpack()])


def log2_binomial(n: int, k: int) -> float:
    """log2 of the number of ways to choose k of n."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def _from_gaps(coded: CodedMask, size: int) -> Bytes:
    from slt.number_coding_kernel import set_bits

    if size > LARGEST:
        raise MaskError(f"decoding a mask: gaps code masks of at most {LARGEST} weights; {size} were given")
    count = coded.kept if coded.parameter > 0 else size - coded.kept
    gaps = decode_golomb(coded.data, abs(coded.parameter), count, max(size - 1, 0))
    last = float(gaps.sum(dtype=np.float64)) + count  # exact where it is no more than the size; no overflow beyond
    if last > size:
        raise MaskError(f"decoding a mask: its gaps go on to {last:.0f}, it has {size} weights")
    ends = np.cumsum(gaps + 1)
    packed = np.zeros((size + 7) // 8, dtype=np.uint8)
    set_bits(ends - 1, packed)
    if coded.parameter < 0:
        packed = ~packed
        if size % 8:
            packed[-1] &= 0xFF << (8 - size % 8) & 0xFF
    return packed
