"""Compiled Golomb coding; ``slt.number_coding`` has the plain twins and says what the code is."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def write_golomb(numbers: np.ndarray, m: int, width: int, cutoff: int, out: np.ndarray) -> None:
    """Writes the code of all numbers into ``out``, zeros before, which is as long as they need."""
    at = 0
    for i in range(numbers.size):
        quotient = numbers[i] // m
        rest = numbers[i] - quotient * m
        for _ in range(quotient):
            out[at >> 3] |= np.uint8(128 >> (at & 7))
            at += 1
        at += 1  # the zero that ends the ones
        bits = width
        if rest < cutoff:
            bits = width - 1
        else:
            rest += cutoff
        for bit in range(bits - 1, -1, -1):
            if (rest >> bit) & 1:
                out[at >> 3] |= np.uint8(128 >> (at & 7))
            at += 1


@numba.njit(cache=True)
def read_golomb(data: np.ndarray, m: int, width: int, cutoff: int, most: int, out: np.ndarray) -> int:
    """Reads ``out.size`` numbers of at most ``most``: how many bits they took, -1 if the data ends before, -2 if one is
    larger."""
    end = data.size * 8
    at = 0
    for i in range(out.size):
        quotient = 0
        while True:
            if at >= end:
                return -1
            one = (data[at >> 3] >> (7 - (at & 7))) & 1
            at += 1
            if not one:
                break
            quotient += 1
        if quotient > most // m:
            return -2
        rest = 0
        if width:
            if at + width - 1 > end:
                return -1
            for _ in range(width - 1):
                rest = 2 * rest + ((data[at >> 3] >> (7 - (at & 7))) & 1)
                at += 1
            if rest >= cutoff:
                if at >= end:
                    return -1
                rest = 2 * rest + ((data[at >> 3] >> (7 - (at & 7))) & 1) - cutoff
                at += 1
        number = quotient * m + rest
        if number > most:
            return -2
        out[i] = number
    return at


@numba.njit(cache=True)
def set_bits(positions: np.ndarray, out: np.ndarray) -> None:
    """Sets the bits at ``positions`` of ``out``, packed with the first bit highest."""
    for i in range(positions.size):
        out[positions[i] >> 3] |= np.uint8(128 >> (positions[i] & 7))
