"""The weights of a softmax move by at most 2 tanh(e / 2) in sum, and two clusters of keys attain it.

In place of exp(2 e) - 1 of lemma 8 of Otsuka et al.; derived for this project. Logits enter by their exponentials, so
for shifts e = ln s with a fraction s everything is a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Certificate, Claim, Comparison, Equal, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

from ._softmax import certified_move, moved, moved_tokens, two_clusters

RADIUS = Fraction(5, 2)
DIRECTION = (Fraction(3, 5), Fraction(4, 5))


@final
@dataclass(frozen=True)
class SoftmaxMovesByTwiceTanh(Claim):
    """Above, a semidefinite program whose answer is verified in fractions; below, an instance."""

    title: ClassVar[str] = "Softmax under shifts of the logits"
    setting: ClassVar[str] = (
        "p and p' are the softmax of T logits before and after each moves by at most e, under any mask; X has T "
        "rows of Euclidean norm at most alpha."
    )
    statement: ClassVar[str] = (
        "The largest ||p' - p||_1 is 2 tanh(e / 2), and the largest ||(p' - p) X|| is alpha times that, for every "
        "T >= 2."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "derived here; replaces lemma 8 of Otsuka et al. (AAAI 2026; arXiv 2511.04217v1)"
    checked: ClassVar[tuple[str, ...]] = (
        "shifts e = ln s for the fractions s of the rows",
        "rows of X two opposite tokens",
    )
    unchecked: ClassVar[tuple[str, ...]] = ("shifts between those of the rows",)
    measures: ClassVar[str] = "from the value attained by two clusters of keys to the certified upper bound"

    factor: Fraction = Fraction(1)
    tolerance: float = 1e-6
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        rows, gap = [], 1.0
        for i, s in enumerate(size.choose((Fraction(2),), (Fraction(9, 8), Fraction(2), Fraction(5), Fraction(50)))):
            law = self.factor * 2 * (s - 1) / (s + 1)
            above = 2 * certified_move(s)
            keys = size.choose((2, 9), (2, 3, 9, 64, 1024))
            below = min(moved(*two_clusters(T, s)) for T in keys)
            gap = max(gap, float(above / below))
            rows.append(self._row(f"||p' - p||_1, s = {s}, T in {keys}", below, above, law))
            attained = min(self._tokens(T, s) for T in keys)
            rows.append(self._row(f"||(p' - p) X||, s = {s}", attained, RADIUS * above, RADIUS * law))
            tries = size.choose(20, 500)
            worst = max(moved(*self._random(key / f"{i}", j, s)) for j in range(tries))
            rows.append(Comparison.of(f"{tries} random logits and shifts, s = {s}", worst, AtMost(), above))
        return Verdict.of(rows, Certificate("a semidefinite program of two variables (Clarabel)", gap))

    def _row(self, label: str, below: Fraction, above: Fraction, law: Fraction) -> Comparison:
        # fractions to floats: rounding is far below the tolerance
        return Comparison.of_band(label, float(below), float(above), self.relation, float(law), self.tolerance)

    @staticmethod
    def _tokens(keys: int, s: Fraction) -> Fraction:
        """||(p' - p) X|| of two clusters with opposite tokens: along ``DIRECTION``, so no root is needed."""
        exponentials, factors = two_clusters(keys, s)
        tokens = [[(RADIUS if f > 1 else -RADIUS) * v for v in DIRECTION] for f in factors]
        change = moved_tokens(exponentials, factors, tokens)
        return sum((c * v for c, v in zip(change, DIRECTION, strict=True)), Fraction(0))

    @staticmethod
    def _random(key: Key, j: int, s: Fraction) -> tuple[list[Fraction], list[Fraction]]:
        keys = 2 + j % 7
        drawn = Uniform(8).draw(key / f"{j}", (1, keys, 2))[0].tolist()
        # factors between 1 / s and s, half of them at an end
        inner = [1 / s + (s - 1 / s) * Fraction(257 + b, 514) for _, b in drawn]
        factors = [f if i % 2 else s if f > 1 else 1 / s for i, f in enumerate(inner)]
        return [Fraction(a + 257) for a, _ in drawn], factors

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "equality": replace(self, relation=self.relation.flipped),
            "constant above": replace(self, factor=Fraction(1001, 1000)),
            "constant below": replace(self, factor=Fraction(999, 1000)),
        }


CLAIM = SoftmaxMovesByTwiceTanh()
