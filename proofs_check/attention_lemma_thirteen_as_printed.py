"""Lemma 13 of Otsuka et al. as printed lacks a factor 2, with which its proof ends: F(y) + y doubles what y moves.

With one coordinate, one head, weights 1 and tokens at -1 and 1, a 5 / 8 share of the attention on the high ones, the
block moves by 6.25 e for small e; the printed bound is 6 e. Theorem 14 uses the lemma as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, final

from slt.claims import AdversarialSearch, AtMost, Claim, Comparison, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key

from ._balls import balls, ends
from ._blocks import Instance, instances


@final
@dataclass(frozen=True)
class AttentionLemmaThirteenAsPrinted(Claim):
    """Where the bound has least room: radius, coordinates and heads 1."""

    title: ClassVar[str] = "Lipschitz bound of a transformer block, as printed"
    setting: ClassVar[str] = (
        "Blk(x_i) = F(Attn(x_i) + x_i) + Attn(x_i) + x_i without normalisation, H heads, all matrices of spectral norm "
        "at most 1, tokens of d1 numbers and norm at most alpha >= sqrt(d1), every one of which moves by at most e."
    )
    statement: ClassVar[str] = "Outputs move by at most H sqrt(d1) (alpha (exp(4 alpha e) - 1) + 2 e)."
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = "Otsuka et al. (AAAI 2026; arXiv 2511.04217v1), lemma 13"
    checked: ClassVar[tuple[str, ...]] = ("tokens within the radius before and after", "d1 = H = alpha = 1")
    unchecked: ClassVar[tuple[str, ...]] = ("larger d1, H and alpha, where the bound has more room",)
    measures: ClassVar[str] = "the change of one output over the bound, in balls"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "attention-lemma-thirteen"

    factor: int = 1
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        rows, worst, tries = [], None, 0
        for e in size.choose((100, 10_000), (100, 1000, 10_000, 10**6)):
            found = [(self._ratio(i), i) for i in instances(Fraction(1), Fraction(1, e), size.choose(4, 12))]
            (low, high), instance = max(found, key=lambda pair: pair[0])
            rows.append(Comparison.of_band(f"change over the bound, e = 1 / {e:,}", low, high, self.relation, 1.0))
            worst = instance if worst is None and low > 1 else worst
            tries += len(found)
        evidence = AdversarialSearch(tries, "two clusters of tokens on a line, in balls")
        return Verdict.of(rows, evidence, worst and worst.stored())

    def _ratio(self, instance: Instance) -> tuple[float, float]:
        with balls() as arb:
            e = arb(instance.e.numerator) / instance.e.denominator
            bound = self.factor * ((4 * e).exp() - 1 + 2 * e)
            return ends(instance.change(arb) / bound)

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        low, high = self._ratio(Instance.of(counterexample))
        row = Comparison.of_band("the stored tokens", low, high, self.relation, 1.0)
        return Verdict.of([row], AdversarialSearch(1, "the stored tokens"))

    def mutants(self) -> Mapping[str, Claim]:
        return {"inequality": replace(self, relation=self.relation.flipped), "factor 2": replace(self, factor=2)}


CLAIM = AttentionLemmaThirteenAsPrinted()
