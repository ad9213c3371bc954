"""Errors of weights in two layers: |g(x) - f(x)| <= (||B' - B|| ||A|| + ||B'|| ||A' - A||) |x|.

It is the step that the approximation theorems repeat. For each pair of nets a semidefinite program proves how far they
differ over all inputs at most, and an input shows how far they do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Certificate, Claim, Comparison, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._relu_certificates import (
    Net,
    attained_difference,
    certified_difference,
    entry_above,
    minus,
    moved,
    norm_above,
    random_net,
)


def equal_pair() -> tuple[Net, Net]:
    """2 -> 3 -> 1, weights 1/2 and 5/8: attains the bound."""
    nets = [Net(((w, w),) * 3, ((w,) * 3,)) for w in (Fraction(1, 2), Fraction(5, 8))]
    return nets[0], nets[1]


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
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        pairs = {"equal weights": equal_pair()}
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
        return Verdict.of(rows, Certificate("semidefinite programs (Clarabel)", gap))

    def _law(self, net: Net, other: Net) -> Fraction:
        norm = entry_above if self.entries else norm_above
        inner = norm(other.second) * norm(minus(other.first, net.first))
        outer = norm(minus(other.second, net.second)) * norm(net.first)
        return (inner + self.outer * outer) ** 2

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "largest entries": replace(self, entries=True),
            "sign of the outer error": replace(self, outer=-1),
        }


CLAIM = ReluChainErrorPropagation()
