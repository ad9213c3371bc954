"""The chance that random neurons match all neurons of a layer, each its own: a bound that counts none of them twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt.claims import AtLeast, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._neuron_matches import layers


@final
@dataclass(frozen=True)
class MatchesOfALayer(Claim):
    """Exact probabilities for two and three targets, equal, near and apart."""

    title: ClassVar[str] = "Distinct matches of all neurons of a layer"
    setting: ClassVar[str] = (
        "n random neurons with parameters uniform on [-1, 1]; target neurons i = 1 .. N, each matched within e in all "
        "k parameters, with probability p_1 <= .. <= p_N by one random neuron; |target| <= 1 - e, so that p = e**k."
    )
    statement: ClassVar[str] = "P(each target has a match of its own) >= 1 - the sum over i of P(Bin(n, p_i) < i)."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "slt.laws.matched_layer_probability; corrects Plant'n'Seek, theorem 2"
    checked: ClassVar[tuple[str, ...]] = ("matches are distinct, by Hall's condition",)
    unchecked: ClassVar[tuple[str, ...]] = ("larger layers: the proof is in slt.laws.planted",)
    measures: ClassVar[str] = "layers with a smaller chance than the bound"

    distinct: bool = True
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        cases = layers(size.choose(smoke=(1, 2, 3, 10), full=(1, 2, 3, 5, 10, 16, 24)))
        failed = sum(not self.relation.exactly(case.served(), case.bound(self.distinct)) for case in cases)
        rows = [Comparison.of("layers below the bound", failed, Equal(), 0)]
        return Verdict.of(rows, Exact("fractions", f"{len(cases)} layers"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "one match for all": replace(self, distinct=False),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = MatchesOfALayer()
