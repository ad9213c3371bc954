"""Sequences of whole numbers from 0 on as few bits: Golomb codes and fixed widths.

The Golomb code of g with parameter m (Golomb 1966): g // m ones, a zero, and g % m in truncated binary, that is in
``width - 1`` bits below ``cutoff`` and in ``width`` bits from there on, with width = ceil(log2 m) and
cutoff = 2**width - m. It is near the entropy where the numbers fall geometrically, as gaps between the kept weights of
a mask do. Bits are packed first bit highest and padded with zeros to whole bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

MOST = 2**48  # no number is larger, nor a parameter
CANDIDATES = 256  # parameters that are tried

Numbers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@final
@dataclass(frozen=True)
class CodedNumbers:
    """``parameter`` m >= 1: Golomb; -w <= 0: every number in w bits."""

    parameter: int
    data: Bytes


def encode_numbers(numbers: Numbers) -> CodedNumbers:
    """The shorter of the best Golomb code and the fixed width. InputError for numbers outside 0 .. 2**48."""
    numbers = np.ascontiguousarray(numbers, dtype=np.int64)
    if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) <= MOST:
        raise InputError("coding numbers: some lie outside 0 .. 2**48")
    width = int(numbers.max(initial=0)).bit_length()
    m, bits = best_golomb(numbers)
    if width * numbers.size <= bits:
        return CodedNumbers(-width, _fixed_width(numbers, width))
    return CodedNumbers(m, encode_golomb(numbers, m))


def decode_numbers(coded: CodedNumbers, count: int, most: int) -> Numbers:
    """The ``count`` numbers, each at most ``most``. InputError for data that are no code of that many such numbers."""
    if type(coded.parameter) is not int or not -48 <= coded.parameter <= MOST:
        raise InputError(f"decoding numbers: {coded.parameter!r} is no parameter of a code")
    if type(count) is not int or count < 0 or not 0 <= most <= MOST:
        raise InputError(f"decoding numbers: {count!r} numbers of at most {most!r} cannot be")
    if coded.parameter > 0:
        return decode_golomb(coded.data, coded.parameter, count, most)
    width = -coded.parameter
    _check_length(coded.data, count * width)
    bits = np.unpackbits(coded.data)[: count * width].reshape(count, width)
    numbers = np.zeros(count, dtype=np.int64)
    for column in range(width):
        numbers = 2 * numbers + bits[:, column]
    if count and int(numbers.max()) > most:
        raise InputError(f"decoding numbers: {int(numbers.max())} was found, {most} is the largest possible")
    return numbers


def best_golomb(numbers: Numbers) -> tuple[int, int]:
    """(parameter, bits) of the shortest Golomb code, its length worked out exactly for every parameter near the mean,
    or for 256 of them where there are more."""
    values, counts = np.unique(numbers, return_counts=True)
    mean = float(numbers.mean()) if numbers.size else 0.0
    low, high = max(1, int(mean / 3)), int(mean * 1.5) + 2
    tried = np.unique(np.rint(np.geomspace(low, high, CANDIDATES)).astype(np.int64))
    if high - low <= CANDIDATES:
        tried = np.arange(low, high + 1)
    lengths = {int(m): _length(values, counts, int(m)) for m in tried}
    m = min(lengths, key=lengths.__getitem__)
    return m, lengths[m]


def encode_golomb(numbers: Numbers, m: int) -> Bytes:
    """The code with parameter m."""
    from slt.number_coding_kernel import write_golomb

    values, counts = np.unique(numbers, return_counts=True)
    out = np.zeros((_length(values, counts, m) + 7) // 8, dtype=np.uint8)
    write_golomb(np.ascontiguousarray(numbers, dtype=np.int64), m, *_truncated(m), out)
    return out


def encode_golomb_plain(numbers: Numbers, m: int) -> Bytes:
    """The plain twin of ``encode_golomb``, bit by bit as text."""
    width, cutoff = _truncated(m)
    text = ""
    for number in map(int, numbers):
        text += "1" * (number // m) + "0"
        rest = number % m
        bits, rest = (width - 1, rest) if rest < cutoff else (width, rest + cutoff)
        text += f"{rest:0{bits}b}" if bits else ""
    return np.packbits(np.array(list(text), dtype=np.uint8)) if text else np.zeros(0, dtype=np.uint8)


def decode_golomb(data: Bytes, m: int, count: int, most: int) -> Numbers:
    """``count`` numbers of at most ``most`` coded with parameter m; InputError if that is not what the data are. Every
    number takes a bit at least, so memory is bounded by the data."""
    from slt.number_coding_kernel import read_golomb

    if count > 8 * data.size:
        raise InputError(f"decoding numbers: {data.size} bytes were given, they do not hold {count} numbers")
    out = np.empty(count, dtype=np.int64)
    bits = int(read_golomb(np.ascontiguousarray(data), m, *_truncated(m), most, out))
    if bits == -2:
        raise InputError(f"decoding numbers: one larger than {most} was found, the largest possible")
    if bits < 0:
        raise InputError(f"decoding numbers: {data.size} bytes were given, they end before {count} numbers do")
    _check_length(data, bits)
    return out


def decode_golomb_plain(data: Bytes, m: int, count: int) -> Numbers:
    """The plain twin of ``decode_golomb`` for codes that are right."""
    width, cutoff = _truncated(m)
    bits = iter(np.unpackbits(data).tolist())
    numbers = []
    for _ in range(count):
        quotient = 0
        while next(bits):
            quotient += 1
        rest = 0
        for _ in range(width - 1):
            rest = 2 * rest + next(bits)
        if width and rest >= cutoff:
            rest = 2 * rest + next(bits) - cutoff
        numbers.append(quotient * m + rest)
    return np.array(numbers, dtype=np.int64)


def _truncated(m: int) -> tuple[int, int]:
    """(width, cutoff) of the truncated binary code of the numbers below m."""
    width = (m - 1).bit_length()
    # one number needs no bit at all: none is below the cutoff 0, all take width 0
    return width, (1 << width) - m


def _length(values: Numbers, counts: Numbers, m: int) -> int:
    """Bits of the Golomb code of ``counts[i]`` times ``values[i]``."""
    width, cutoff = _truncated(m)
    bits = values // m + 1 + width - (values % m < cutoff)
    return int(np.sum(bits * counts))


def _fixed_width(numbers: Numbers, width: int) -> Bytes:
    bits = np.empty((numbers.size, width), dtype=np.uint8)
    for column in range(width):
        bits[:, column] = (numbers >> (width - 1 - column)) & 1
    return np.packbits(bits.reshape(-1))


def _check_length(data: Bytes, bits: int) -> None:
    """InputError unless the data are ``bits`` bits, padded with zeros."""
    if data.size != (bits + 7) // 8:
        raise InputError(f"decoding numbers: {data.size} bytes were given, {(bits + 7) // 8} are needed")
    if bits % 8 and int(data[-1]) & ((1 << (8 - bits % 8)) - 1):
        raise InputError("decoding numbers: the last byte is not padded with zeros")
