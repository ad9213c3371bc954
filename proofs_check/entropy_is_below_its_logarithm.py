"""Two bounds for the entropy of small sets, as used where sparsity is turned into a number of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._flint_at import flint_at


@final
@dataclass(frozen=True)
class EntropyIsBelowItsLogarithm(Claim):
    """Balls at rational shares; at g = 1 both sides of the first bound's factor are log2 e."""

    title: ClassVar[str] = "The entropy bound of a share, and the size of its logarithm"
    setting: ClassVar[str] = "0 < g < 1; H2(g) = -g log2 g - (1 - g) log2(1 - g)."
    statement: ClassVar[str] = "H2(g) <= g log2(e / g), where log2(e / g) is above log2 e, which is above 1.44."
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "Classical; corrects a step in the appendix of Natale et al. 2024"
    checked: ClassVar[tuple[str, ...]] = ("g = 1/1000 .. 999/1000 at full size",)
    unchecked: ClassVar[tuple[str, ...]] = ("g between: -(1 - g) ln(1 - g) <= g",)
    measures: ClassVar[str] = "how many shares fail"

    factor: int = 1  # of e
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        parts = size.choose(smoke=50, full=1000)
        high, low = 0, 0
        with flint_at(128) as flint:
            e, two = flint.arb(1).exp(), flint.arb(2).log()
            for j in range(1, parts):
                g = flint.arb(j) / parts
                entropy = -(g * g.log() + (1 - g) * (1 - g).log()) / two
                bound = (e / self.factor / g).log() / two
                high += not self.relation.exactly(entropy, g * bound)
                low += not self.relation.exactly(flint.arb(144) / 100, bound)
        rows = [
            Comparison.of("shares with H2(g) above g log2(e / g)", high, Equal(), 0),
            Comparison.of("shares with log2(e / g) below 1.44", low, Equal(), 0),
        ]
        return Verdict.of(rows, Exact("balls of 128 bits", f"{parts - 1} shares"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "log2(e / (2 g))": replace(self, factor=2),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = EntropyIsBelowItsLogarithm()
