"""The Lipschitz constant of a ReLU chain is at most the product of the spectral norms of its layers.

For each net a semidefinite program proves a bound below the product, for all biases, and derivatives show how far below
it can be at most. Nets of equal weights attain the product, in fractions: a matrix of rank one has the norm |u| |v|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Certificate, Claim, Comparison, Equal, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._relu_certificates import (
    Net,
    attained_slope,
    certified_slope,
    entry_above,
    equal_net,
    norm_above,
    random_net,
    square,
)

WEIGHTS = Fraction(1, 2), Fraction(1, 3)  # of the first and the second layer


def slope_of_ones(net: Net) -> Fraction:
    """|f(x) - f(y)|^2 / |x - y|^2 for x = (1, .., 1), y = 0 and no biases."""
    ones = [Fraction(1)] * len(net.first[0])
    return square(net.output(ones)) / square(ones)


@final
@dataclass(frozen=True)
class ReluChainLipschitz(Claim):
    """Squares of constants, so that no root is taken."""

    title: ClassVar[str] = "Lipschitz constants of ReLU chains"
    setting: ClassVar[str] = "f(x) = B relu(A x + a) + b; |.| Euclidean."
    statement: ClassVar[str] = "|f(x) - f(y)| <= ||B||_2 ||A||_2 |x - y|, with equality for equal positive weights."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "folklore, used in the proofs of Malach et al. (2020), Pensia et al. (2020) and others"
    checked: ClassVar[tuple[str, ...]] = (
        "the nets of the rows, for all x, y and biases",
        "spectral norms, from above, exactly",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("more layers",)
    measures: ClassVar[str] = "from a squared slope attained with some biases to a certified one"

    entries: bool = False
    power: int = 2
    factor: Fraction = Fraction(1)  # of the bound, where it is said to be attained
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)
    attained: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        nets = {"equal weights": equal_net(2, 3, 1, *WEIGHTS)}
        for i, shape in enumerate(size.choose(((2, 3, 1),), ((2, 3, 1), (2, 6, 2), (3, 5, 1), (4, 6, 3), (3, 8, 2)))):
            nets["random " + " -> ".join(map(str, shape))] = random_net(key / f"{i}", *shape)
        rows, gap = [], 1.0
        norm = entry_above if self.entries else norm_above
        for name, net in nets.items():
            above = certified_slope(net)
            below = attained_slope(net)
            law = (norm(net.first) * norm(net.second)) ** self.power
            gap = max(gap, float(above / below))
            # the certificate leaves itself room of a relative 1e-5 or so, which equality needs
            ends = math.nextafter(float(below), -math.inf), math.nextafter(float(above), math.inf)
            rows.append(Comparison.of_band(f"{name}, squared", *ends, self.relation, float(law), 1e-4))
        for d, n, m in ((2, 3, 1), (3, 5, 2), (16, 64, 8)):
            found = slope_of_ones(equal_net(d, n, m, *WEIGHTS))
            label = f"equal weights, {d} -> {n} -> {m}, from 0 to ones, squared"
            rows.append(Comparison.of(label, found, self.attained, self.factor * self._equal_law(d, n, m)))
        return Verdict.of(rows, Certificate("semidefinite programs (Clarabel)", gap))

    def _equal_law(self, d: int, n: int, m: int) -> Fraction:
        """(||B|| ||A||)**2, or to the fourth for another power: an n x d matrix of entries w has the squared norm
        w**2 n d."""
        a, b = WEIGHTS
        squares = (a * b) ** 2 if self.entries else a * a * n * d * b * b * m * n
        return squares if self.power == 2 else squares * squares

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "equality": replace(self, attained=self.attained.flipped),
            "a millionth less attained": replace(self, factor=1 - Fraction(1, 10**6)),
            "a millionth more attained": replace(self, factor=1 + Fraction(1, 10**6)),
            "largest entries": replace(self, entries=True),
            "power": replace(self, power=1),
        }


CLAIM = ReluChainLipschitz()
