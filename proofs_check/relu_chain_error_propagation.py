"""Errors of weights in two layers: |g(x) - f(x)| <= (||B' - B|| ||A|| + ||B'|| ||A' - A||) |x|.

It is the step that the approximation theorems repeat. For each pair of nets a semidefinite program proves how far they
differ over all inputs at most, and an input shows how far they do. For equal positive weights both sides are fractions:
a matrix of rank one has the norm |u| |v|, and the input of ones attains it.
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
    attained_difference,
    attained_ratio,
    certified_difference,
    entry_above,
    equal_net,
    minus,
    moved,
    norm_above,
    random_net,
)

OLD, NEW = (Fraction(1, 2), Fraction(1, 3)), (Fraction(5, 8), Fraction(3, 4))  # of the first and the second layer


def equal_pair(d: int, n: int, m: int) -> tuple[Net, Net]:
    """d -> n -> m, each layer of one weight, larger in the second net: attains the bound."""
    return equal_net(d, n, m, *OLD), equal_net(d, n, m, *NEW)


@final
@dataclass(frozen=True)
class ReluChainErrorPropagation(Claim):
    """Squares of both sides, so that no root is taken."""

    title: ClassVar[str] = "Errors of weights through a ReLU chain"
    setting: ClassVar[str] = "f(x) = B relu(A x) and g(x) = B' relu(A' x); ||.|| spectral norms."
    statement: ClassVar[str] = (
        "|g(x) - f(x)| <= (||B' - B|| ||A|| + ||B'|| ||A' - A||) |x|, with equality for equal positive weights."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "folklore, used in the proofs of Malach et al. (2020), Pensia et al. (2020) and others"
    checked: ClassVar[tuple[str, ...]] = ("the pairs of the rows, for all x", "spectral norms, from above, exactly")
    unchecked: ClassVar[tuple[str, ...]] = ("biases", "more layers")
    measures: ClassVar[str] = "from an attained squared error over |x|^2 to a certified one"

    entries: bool = False
    outer: int = 1
    factor: Fraction = Fraction(1)  # of the bound, where it is said to be attained
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)
    attained: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        pairs = {"equal weights": equal_pair(2, 3, 1)}
        shapes = size.choose(((2, 3, 1),), ((2, 3, 1), (2, 5, 2), (3, 5, 1), (3, 6, 2)))
        for i, shape in enumerate(shapes):
            net = random_net(key / f"{i}", *shape)
            pairs["random " + " -> ".join(map(str, shape))] = net, moved(net, key / f"{i} moved", Fraction(1, 16))
        rows, gap = [], 1.0
        for name, (net, other) in pairs.items():
            above = certified_difference(net, other)
            below = attained_difference(net, other, size.choose(50, 500))
            gap = max(gap, float(above / below))
            ends = math.nextafter(float(below), -math.inf), math.nextafter(float(above), math.inf)
            # the certificate leaves itself a little room, which equality needs
            rows.append(
                Comparison.of_band(f"{name}, squared", *ends, self.relation, float(self._law(net, other)), 1e-3)
            )
        for d, n, m in ((2, 3, 1), (3, 5, 2), (16, 64, 8)):
            found = attained_ratio(*equal_pair(d, n, m), [Fraction(1)] * d)
            label = f"equal weights, {d} -> {n} -> {m}, input of ones, squared"
            rows.append(Comparison.of(label, found, self.attained, self.factor * self._equal_law(d, n, m)))
        return Verdict.of(rows, Certificate("semidefinite programs (Clarabel)", gap))

    def _equal_law(self, d: int, n: int, m: int) -> Fraction:
        """The square of the bound for ``equal_pair``: an n x d matrix of entries w has the norm |w| sqrt(n d)."""
        roots = Fraction(1) if self.entries else Fraction(m * n * n * d)
        (a, b), (new_a, new_b) = OLD, NEW
        return (new_b * (new_a - a) + self.outer * (new_b - b) * a) ** 2 * roots

    def _law(self, net: Net, other: Net) -> Fraction:
        norm = entry_above if self.entries else norm_above
        inner = norm(other.second) * norm(minus(other.first, net.first))
        outer = norm(minus(other.second, net.second)) * norm(net.first)
        return (inner + self.outer * outer) ** 2

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "equality": replace(self, attained=self.attained.flipped),
            "a millionth less attained": replace(self, factor=1 - Fraction(1, 10**6)),
            "a millionth more attained": replace(self, factor=1 + Fraction(1, 10**6)),
            "largest entries": replace(self, entries=True),
            "sign of the outer error": replace(self, outer=-1),
        }


CLAIM = ReluChainErrorPropagation()
