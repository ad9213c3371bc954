"""One transformer block on tokens of one coordinate, all its matrices 1: the least room for bounds of Lipschitz kind.

Tokens are of two clusters, low and high; every token moves by at most e. With d1 = H = 1 and W = 1 throughout, Blk(x) =
F(y) + y with y = Attn(x) + x, and F(y) = y, a linear layer. Outputs are balls.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final


@final
@dataclass(frozen=True)
class Instance:
    """``low`` and ``high`` tokens at -radius and at radius - e before, moved by ``low_shift`` e and e; the output is at
    a token of the high cluster."""

    low: int
    high: int
    radius: Fraction
    e: Fraction
    low_shift: int

    def block(self, arb: Any, moved: bool) -> Any:
        step = self.e if moved else Fraction(0)
        a, b = self.radius - self.e + step, -self.radius + (self.e if self.low_shift < 0 else 0) + self.low_shift * step
        a, b = (arb(x.numerator) / x.denominator for x in (a, b))
        up, down = self.high * (a * a).exp(), self.low * (a * b).exp()
        attention = (up * a + down * b) / (up + down)
        return 2 * (attention + a)

    def change(self, arb: Any) -> Any:
        return abs(self.block(arb, True) - self.block(arb, False))

    def stored(self) -> dict[str, Any]:
        return {
            "low tokens": self.low, "high tokens": self.high, "radius": str(self.radius), "e": str(self.e),
            "low tokens move by e times": self.low_shift,
        }  # fmt: skip

    @staticmethod
    def of(stored: Any) -> Instance:
        return Instance(
            int(stored["low tokens"]),
            int(stored["high tokens"]),
            Fraction(stored["radius"]),
            Fraction(stored["e"]),
            int(stored["low tokens move by e times"]),
        )


def instances(radius: Fraction, e: Fraction, largest: int) -> Iterator[Instance]:
    """Shares of the two clusters from 1 : 1 to 2**``largest`` : 1, and those that put the weight 5 / 8 on one token in
    a few at radius 1; low tokens that move up, down or not at all."""
    counts = [(2**n, 1) for n in range(largest + 1)] + [(9, 2), (40, 9), (102, 23)]
    for (low, high), direction in itertools.product(counts, (-1, 0, 1)):
        yield Instance(low, high, radius, e, direction)
