"""A piecewise linear function as a sum of ReLU units of either sign, in fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, final

from slt.weights import Key, Uniform


@final
@dataclass(frozen=True)
class Interpolant:
    """Knots t_0 < ... < t_N with values, and the signs p_0 = 1, p_1 .. p_(N-1) of the units relu(p_j (x - t_j))."""

    knots: tuple[Fraction, ...]
    values: tuple[Fraction, ...]
    signs: tuple[int, ...]

    def coefficients(self, share: int) -> list[Fraction]:
        """a_j = m_j - m_(j-1) of the slopes m, and a_0 = m_0 + ``share`` times the sum of a_j over p_j = -1."""
        pieces = zip(pairwise(self.knots), pairwise(self.values), strict=True)
        slopes = [(f1 - f0) / (t1 - t0) for (t0, t1), (f0, f1) in pieces]
        rest = [b - a for a, b in pairwise(slopes)]
        negative = sum((a for a, p in zip(rest, self.signs[1:], strict=True) if p < 0), Fraction(0))
        return [slopes[0] + share * negative, *rest]

    def deviation(self, share: int) -> Fraction:
        """sup |sum of units + c - f| with the best constant c. The difference is linear between knots."""
        units = list(zip(self.coefficients(share), self.signs, self.knots[:-1], strict=True))
        differences = [
            sum((a * max(p * (x - t), Fraction(0)) for a, p, t in units), -f)
            for x, f in zip(self.knots, self.values, strict=True)
        ]
        return (max(differences) - min(differences)) / 2

    def plain(self) -> dict[str, Any]:
        """In JSON's terms."""
        return {"knots": [*map(str, self.knots)], "values": [*map(str, self.values)], "signs": list(self.signs)}

    @staticmethod
    def of(stored: Mapping[str, Any]) -> Interpolant:
        """From ``plain``."""
        knots, values = (tuple(map(Fraction, stored[name])) for name in ("knots", "values"))
        return Interpolant(knots, values, tuple(stored["signs"]))


def interpolants(most: int, key: Key) -> list[Interpolant]:
    """x -> max(x - 1, 0) on [0, 2], then random ones with 2 .. ``most`` pieces, under every choice of signs."""
    found = [_under_every_sign((Fraction(0), Fraction(1), Fraction(2)), (Fraction(0), Fraction(0), Fraction(1)))]
    for n in range(2, most + 1):
        gaps, values = (
            [Fraction(int(a), 64) for a in Uniform(6).draw(key / f"{name} {n}", (1, 1, n + 1)).ravel()]
            for name in ("gaps", "values")
        )
        knots = [Fraction(0)]
        for gap in gaps[1:]:
            knots.append(knots[-1] + abs(gap) + Fraction(1, 64))
        found.append(_under_every_sign(tuple(knots), tuple(values)))
    return [one for several in found for one in several]


def _under_every_sign(knots: Sequence[Fraction], values: Sequence[Fraction]) -> list[Interpolant]:
    later = product((1, -1), repeat=len(knots) - 2)
    return [Interpolant(tuple(knots), tuple(values), (1, *signs)) for signs in later]
