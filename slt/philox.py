"""Philox4x32-10, the counter-based generator behind every random weight: a pure function (key, counter) -> 4 words.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), with its published known
answers in the tests. This file is the plain version, for NumPy and for torch on any device; ``philox_kernel`` holds
the compiled one. All three give the same bits.
"""

from __future__ import annotations

from typing import Any

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW = 0xFFFFFFFF


def philox4x32(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Four 32-bit words for each counter.

    ``counter``: four int64 arrays or tensors of one shape (or plain ints), each value in [0, 2**32); ``key``: two
    ints in [0, 2**32). Works on int64, because torch has no unsigned products: the product of two 32-bit numbers
    wraps into the sign bit, and the masks take the right halves out again.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0 = c0 * MULTIPLIERS[0]
        p1 = c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32 & LOW) ^ c1 ^ k0, p1 & LOW, (p0 >> 32 & LOW) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return c0, c1, c2, c3
