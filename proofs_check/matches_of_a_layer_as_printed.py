"""The union bound as printed lets one random neuron serve two targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key

from ._neuron_matches import Layer, layers


@final
@dataclass(frozen=True)
class MatchesOfALayerAsPrinted(Claim):
    """The counterexample stored is the one with the least width."""

    title: ClassVar[str] = "Matches of all neurons of a layer, as printed"
    setting: ClassVar[str] = (
        "n random neurons with parameters uniform on [-1, 1]; target neurons i = 1 .. N, each matched within e in all "
        "k parameters; |target| <= 1 - e."
    )
    statement: ClassVar[str] = "P(the random layer contains the target layer) >= 1 - the sum over i of (1 - e**k)**n."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = "Fischer and Burkholz 2022, Plant'n'Seek, theorem 2, one layer"
    checked: ClassVar[tuple[str, ...]] = ("matches are distinct, by Hall's condition",)
    unchecked: ClassVar[tuple[str, ...]] = ("more than one layer",)
    measures: ClassVar[str] = "layers with a smaller chance than the bound"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "matches-of-a-layer"

    distinct: bool = False
    apart: bool = False  # only targets that no neuron can match two of
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        return self._verdict(layers(size.choose(smoke=(1, 2, 3, 10), full=(1, 2, 3, 5, 10, 16, 24)), self.apart))

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([Layer.of(counterexample)])

    def _verdict(self, cases: list[Layer]) -> Verdict:
        failed = [case for case in cases if case.served() < case.bound(self.distinct)]
        rows = [Comparison.of("layers below the bound", len(failed), self.relation, 0)]
        stored = None
        if failed:
            least = failed[0]
            stored = {**least.plain(), "chance": str(least.served()), "bound": str(least.bound(self.distinct))}
        note = "It holds where targets are farther apart than 2 e in some parameter: then no neuron matches two."
        return Verdict.of(rows, Exact("fractions", f"{len(cases)} layers"), stored, note)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "distinct matches": replace(self, distinct=True),
            "targets apart": replace(self, apart=True),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = MatchesOfALayerAsPrinted()
