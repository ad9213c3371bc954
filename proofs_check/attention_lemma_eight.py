"""Lemmas 8 and 5 of Otsuka et al. hold, the second for e <= 1/2: the sharp bound is below them for all shifts.

With s = exp(e) the sharp 2 tanh(e / 2) = 2 (s - 1) / (s + 1) is at most s**2 - 1 as soon as (s + 1)**2 >= 2. Lemma 5
follows from it in the paper by exp(2 e) - 1 <= 4 e up to 1/2, and here from 2 tanh(e / 2) <= e, whatever e is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._balls import balls, ends
from ._softmax import moved, two_clusters


@final
@dataclass(frozen=True)
class AttentionLemmaEight(Claim):
    """At d1 = 1, where the published bounds are lowest; both sides are proportional to alpha."""

    title: ClassVar[str] = "Softmax shifts, lemmas 8 and 5"
    setting: ClassVar[str] = (
        "p and p' are the softmax of T logits before and after each moves by at most e; X has T rows of d1 entries, "
        "norm at most alpha."
    )
    statement: ClassVar[str] = (
        "||(p' - p) X|| <= sqrt(d1) alpha (exp(2 e) - 1), and for e <= 1/2 at most 4 sqrt(d1) alpha e."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Otsuka et al. (AAAI 2026; arXiv 2511.04217v1), lemmas 8 and 5"
    checked: ClassVar[tuple[str, ...]] = ("the attained suprema, at d1 = 1",)
    unchecked: ClassVar[tuple[str, ...]] = ("that the suprema are no larger: softmax-moves-by-twice-tanh",)
    measures: ClassVar[str] = "the attained ||(p' - p) X|| / alpha"

    power: int = 2
    constant: Fraction = Fraction(4)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        steps = size.choose(20, 2000)
        shifts = [1 + Fraction(k * k, 1000) for k in range(1, steps + 1)]
        worst = max(moved(*two_clusters(5, s)) - (s**self.power - 1) for s in shifts)
        rows = [Comparison.of(f"less exp(2 e) - 1, worst of {steps} shifts", worst, self.relation, Fraction(0))]
        with balls() as arb:
            # 2 tanh(e / 2) / e falls as e grows, so that the smallest e asks most of the bound
            for label, e in (("1/2", arb(1) / 2), ("2**-20", arb(2) ** -20)):
                attained = ends(2 * (e / 2).tanh() / e)
                label = f"attained over alpha e, e = {label}"
                rows.append(Comparison.of_band(label, *attained, self.relation, float(self.constant)))
        return Verdict.of(rows, Exact("fractions and balls", f"{steps} shifts, and 1/2 and 2**-20"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "sign of the exponent": replace(self, power=-2),
            "constant below the attained 1": replace(self, constant=Fraction(99, 100)),
        }


CLAIM = AttentionLemmaEight()
