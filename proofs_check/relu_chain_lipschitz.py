"""The Lipschitz constant of a ReLU chain is at most the product of the spectral norms of its layers.

For each net a semidefinite program proves a bound below the product, for all biases, and derivatives show how far below
it can be at most. The net of equal weights attains the product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Certificate, Claim, Comparison, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._relu_certificates import Net, attained_slope, certified_slope, entry_above, norm_above, random_net


def equal_weights(d: int, n: int) -> Net:
    """d -> n -> 1, all weights 1/2."""
    half = Fraction(1, 2)
    return Net(tuple(((half,) * d,) * n), ((half,) * n,))


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
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        nets = {"equal weights": equal_weights(2, 3)}
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
        return Verdict.of(rows, Certificate("semidefinite programs (Clarabel)", gap))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "largest entries": replace(self, entries=True),
            "power": replace(self, power=1),
        }


CLAIM = ReluChainLipschitz()
