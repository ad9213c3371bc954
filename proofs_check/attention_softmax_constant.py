"""The constant of lemma 5 of Otsuka et al. is 1, for all shifts and all lengths: ||(p' - p) X|| <= alpha e.

2 tanh(e / 2) has the slope 1 - tanh(e / 2)**2 <= 1, and slope 1 at 0, so no smaller constant will do. The published
4 sqrt(d1) is larger by as much, and needs e <= 1/2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._balls import balls, ends
from ._softmax import moved, two_clusters

FAR = 32


@final
@dataclass(frozen=True)
class AttentionSoftmaxConstant(Claim):
    """The supremum is the same for two keys and for thousands, exactly."""

    title: ClassVar[str] = "The constant of softmax shifts"
    setting: ClassVar[str] = (
        "p and p' are the softmax of T logits before and after each moves by at most e; X has T rows of norm at most "
        "alpha."
    )
    statement: ClassVar[str] = (
        "||(p' - p) X|| <= alpha e for all e and T; alpha e times less than 1 is not enough for any T."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "derived here; lemma 5 of Otsuka et al. (AAAI 2026) has 4 sqrt(d1), for e <= 1/2"
    checked: ClassVar[tuple[str, ...]] = ("the slope over [0, 32] by balls", "equal suprema for the T of the row")
    unchecked: ClassVar[tuple[str, ...]] = ("that 2 tanh(e / 2) is the supremum: softmax-moves-by-twice-tanh",)
    measures: ClassVar[str] = "slopes of the supremum, and the supremum at several T"

    constant: float = 1.0
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        pieces = size.choose(16, 512)
        lengths = size.choose((2, 3, 17), (2, 3, 17, 64, 1024, 8192))
        with balls() as arb:
            pieces_of = [(arb(2 * i + 1) / (2 * pieces) + arb(0, 0.5 / pieces)) * FAR / 2 for i in range(pieces)]
            tanh = [x.tanh() for x in pieces_of]
            # the slope is 1 - tanh**2: at most 1 exactly, as the square is at least abs_lower()**2 >= 0
            high = 1.0 if all(1 - x.abs_lower() ** 2 <= 1 for x in tanh) else float("inf")
            low = min(ends(1 - x * x)[0] for x in tanh)
            rows = [Comparison.of_band("slopes", low, high, self.relation, self.constant)]
            small = arb(2) ** -12
            attained = ends(2 * (small / 2).tanh() / small)
            rows.append(Comparison.of_band("attained over e, e = 2**-12", *attained, Equal(), self.constant, 1e-6))
        s = Fraction(7, 4)
        several = {moved(*two_clusters(T, s)) for T in lengths}
        rows.append(Comparison.of(f"different suprema, T in {lengths}", len(several), Equal(), 1))
        return Verdict.of(rows, Exact("fractions and balls", f"{pieces} pieces of [0, {FAR}], {len(lengths)} lengths"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "smaller constant": replace(self, constant=0.99),
            "larger constant": replace(self, constant=1.01),
        }


CLAIM = AttentionSoftmaxConstant()
