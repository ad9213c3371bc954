"""Lemma 13 of Otsuka et al. with the factor 2 of its proof, and a sharper bound.

A logit is bilinear in two tokens, so it moves by at most 2 alpha e; the weights of a softmax then move by at most
2 tanh(alpha e) in sum, and a head by alpha times that plus e for its values. F(y) + y doubles what y = Attn(x) + x
moves: 2 (H (2 alpha tanh(alpha e) + e) + e), at most 2 H sqrt(d1) (alpha (exp(4 alpha e) - 1) + 2 e).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AdversarialSearch, AtMost, Claim, Comparison, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._balls import balls, ends
from ._blocks import Instance, instances


@final
@dataclass(frozen=True)
class AttentionLemmaThirteen(Claim):
    """The adversary that breaks the printed statement, at more radii."""

    title: ClassVar[str] = "Lipschitz bound of a transformer block"
    setting: ClassVar[str] = (
        "Blk(x_i) = F(Attn(x_i) + x_i) + Attn(x_i) + x_i without normalisation, H heads, all matrices of spectral norm "
        "at most 1, tokens of d1 numbers and norm at most alpha >= sqrt(d1), every one of which moves by at most e."
    )
    statement: ClassVar[str] = (
        "Outputs move by at most 2 H sqrt(d1) (alpha (exp(4 alpha e) - 1) + 2 e), and by at most "
        "2 (H (2 alpha tanh(alpha e) + e) + e)."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = (
        "Otsuka et al. (AAAI 2026; arXiv 2511.04217v1), proof of lemma 13; the second is from here"
    )
    checked: ClassVar[tuple[str, ...]] = ("tokens within the radius before and after", "d1 = H = 1, several radii")
    unchecked: ClassVar[tuple[str, ...]] = ("larger d1 and H (the proof covers them)",)
    measures: ClassVar[str] = "the change of one output over each bound, in balls"

    factor: int = 2
    moving: Fraction = Fraction(2)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        rows, tries = [], 0
        radii = size.choose(("1", "3/2"), ("1", "5/4", "3/2", "2", "3"))
        for radius in map(Fraction, radii):
            shifts = [Fraction(1, e) for e in size.choose((4, 10_000), (4, 10, 100, 1000, 10_000))]
            found = [self._ratios(i) for e in shifts for i in instances(radius, e, size.choose(5, 24))]
            for name, ratios in zip(("bound", "sharper bound"), zip(*found, strict=True), strict=True):
                low, high = max(low for low, _ in ratios), max(high for _, high in ratios)
                label = f"change over the {name}, alpha = {radius}"
                rows.append(Comparison.of_band(label, low, high, self.relation, 1.0))
            tries += len(found)
        return Verdict.of(rows, AdversarialSearch(tries, "two clusters of tokens on a line, in balls"))

    def _ratios(self, instance: Instance) -> tuple[tuple[float, float], tuple[float, float]]:
        with balls() as arb:
            e = arb(instance.e.numerator) / instance.e.denominator
            alpha = arb(instance.radius.numerator) / instance.radius.denominator
            shift = arb(self.moving.numerator) / self.moving.denominator * alpha * e
            change = instance.change(arb)
            paper = self.factor * (alpha * ((4 * alpha * e).exp() - 1) + 2 * e)
            sharper = 2 * (2 * alpha * (shift / 2).tanh() + e + e)
            return ends(change / paper), ends(change / sharper)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "no factor 2": replace(self, factor=1),
            "logits move by alpha e": replace(self, moving=Fraction(1)),
        }


CLAIM = AttentionLemmaThirteen()
