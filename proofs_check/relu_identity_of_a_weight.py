"""One weight as two ReLU units: what every construction from two layers for one starts from.

Both sides are multilinear in (v, u, x) on each octant of signs, so that two values a variable and sign settle all of
them: the check is a proof, over {-2, -1, 0, 1, 2}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

VALUES = (-2, -1, 0, 1, 2)


@final
@dataclass(frozen=True)
class ReluIdentityOfAWeight(Claim):
    """Counts the arguments at which an identity fails."""

    title: ClassVar[str] = "A weight is two ReLU units"
    setting: ClassVar[str] = "relu(x) = max(x, 0); real w, v, u, x."
    statement: ClassVar[str] = "w x = relu(w x) - relu(-w x); and v relu(u x) = v u x wherever u x >= 0."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Malach et al. 2020 and Pensia et al. 2020, lemma 1 (recalled)"
    checked: ClassVar[tuple[str, ...]] = ("every pattern of signs, two sizes and 0 a variable: enough, see the file",)
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "how many arguments break an identity"

    second: int = -1  # factor of the second unit
    side: int = 1  # the sign of u x
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        two = sum(
            not self.relation.exactly(max(w * x, 0) + self.second * max(-w * x, 0), w * x)
            for w, x in product(VALUES, VALUES)
        )
        one = sum(
            not self.relation.exactly(v * max(u * x, 0), v * u * x)
            for v, u, x in product(VALUES, VALUES, VALUES)
            if self.side * u * x >= 0
        )
        rows = [
            Comparison.of("w x as two units, failures", two, Equal(), 0),
            Comparison.of("v relu(u x) where u x >= 0, failures", one, Equal(), 0),
        ]
        return Verdict.of(rows, Exact("integers", "25 and 85 arguments, which settle all real ones"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "sign of the second unit": replace(self, second=1),
            "the other side": replace(self, side=-1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = ReluIdentityOfAWeight()
