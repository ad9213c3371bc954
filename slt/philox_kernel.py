"""Philox4x32-10, compiled: the fast twin of ``philox``. Loaded on first use only."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

_FEW = 2**14  # weights that one thread has drawn before a second is awake


@nb.njit(inline="always")
def _block(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    for _ in range(10):
        p0 = np.uint64(c0) * np.uint64(0xD2511F53)
        p1 = np.uint64(c2) * np.uint64(0xCD9E8D57)
        c0 = (p1 >> shift) ^ c1 ^ k0
        c2 = (p0 >> shift) ^ c3 ^ k1
        c1 = p1 & low
        c3 = p0 & low
        k0 = (k0 + np.uint64(0x9E3779B9)) & low
        k1 = (k1 + np.uint64(0xBB67AE85)) & low
    return c0, c1, c2, c3


@nb.njit(cache=True, nogil=True)
def _rows32(k0, k1, outputs, coordinates, start, shift, scale, offset, out, first, last):  # type: ignore[no-untyped-def]
    units = out.shape[1]
    zero = np.uint64(0)
    first_block = start >> 2
    blocks = ((start + units + 3) >> 2) - first_block
    lanes = np.empty((4, blocks), dtype=np.int32)
    for r in range(first, last):
        a, b = np.uint64(outputs[r]), np.uint64(coordinates[r])
        for i in range(blocks):
            w0, w1, w2, w3 = _block(np.uint64(first_block + i), b, a, zero, np.uint64(k0), np.uint64(k1))
            lanes[0, i] = np.int32(np.int64(w0 >> np.uint64(shift)) * scale + offset)
            lanes[1, i] = np.int32(np.int64(w1 >> np.uint64(shift)) * scale + offset)
            lanes[2, i] = np.int32(np.int64(w2 >> np.uint64(shift)) * scale + offset)
            lanes[3, i] = np.int32(np.int64(w3 >> np.uint64(shift)) * scale + offset)
        for i in range(units):
            unit = start + i
            out[r, i] = lanes[unit & 3, (unit >> 2) - first_block]


@nb.njit(cache=True, nogil=True)
def _rows64(k0, k1, outputs, coordinates, start, bits, scale, offset, out, first, last):  # type: ignore[no-untyped-def]
    shift = np.uint64(64 - bits)
    for r in range(first, last):
        a, b = np.uint64(outputs[r]), np.uint64(coordinates[r])
        for i in range(out.shape[1]):
            unit = start + i
            block = np.uint64(unit >> 2)
            high = _block(block, b, a, np.uint64(0), np.uint64(k0), np.uint64(k1))
            low = _block(block, b, a, np.uint64(1), np.uint64(k0), np.uint64(k1))
            word = (high[unit & 3] << np.uint64(32)) | low[unit & 3]
            out[r, i] = np.int64(word >> shift) * scale + offset


@nb.njit(parallel=True, cache=True, nogil=True)
def _all32(k0, k1, outputs, coordinates, start, shift, scale, offset, out, chunks):  # type: ignore[no-untyped-def]
    rows = out.shape[0]
    for c in nb.prange(chunks):
        first, last = c * rows // chunks, (c + 1) * rows // chunks
        _rows32(k0, k1, outputs, coordinates, start, shift, scale, offset, out, first, last)


@nb.njit(parallel=True, cache=True, nogil=True)
def _all64(k0, k1, outputs, coordinates, start, bits, scale, offset, out, chunks):  # type: ignore[no-untyped-def]
    rows = out.shape[0]
    for c in nb.prange(chunks):
        first, last = c * rows // chunks, (c + 1) * rows // chunks
        _rows64(k0, k1, outputs, coordinates, start, bits, scale, offset, out, first, last)


def fill32(
    k0: int,
    k1: int,
    outputs: Int64Array,
    coordinates: Int64Array,
    start: int,
    shift: int,
    scale: int,
    offset: int,
    out: npt.NDArray[np.int32],
) -> None:
    """out[r, i] = scale * (word >> shift) + offset, int32, for address (outputs[r], coordinates[r], start + i)."""
    given = (k0, k1, outputs, coordinates, start, shift, scale, offset, out)
    if out.size < _FEW:
        _rows32(*given, 0, len(out))
    else:
        _all32(*given, min(len(out), 16 * nb.get_num_threads()))


def fill64(
    k0: int,
    k1: int,
    outputs: Int64Array,
    coordinates: Int64Array,
    start: int,
    bits: int,
    scale: int,
    offset: int,
    out: Int64Array,
) -> None:
    """As ``fill32`` for laws of more than 32 random bits: the top ``bits`` of a 64-bit word, int64."""
    given = (k0, k1, outputs, coordinates, start, bits, scale, offset, out)
    if out.size < _FEW:
        _rows64(*given, 0, len(out))
    else:
        _all64(*given, min(len(out), 16 * nb.get_num_threads()))
