"""The constant of lemma 5 of Otsuka et al. is 1, for all shifts and all lengths: ||(p' - p) X|| <= alpha e.

The supremum over p, shifts and X is alpha 2 tanh(e / 2) (`softmax_moves_by_twice_tanh`). Proof of the upper side: it is
0 at e = 0 and has the slope 1 - tanh(e / 2)**2 <= 1, a square being no less than 0. The slope is 1 at 0, so no smaller
constant will do: that is measured here. The published 4 sqrt(d1) is larger by as much, and needs e <= 1/2.
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
        "||(p' - p) X|| <= alpha e for all e and T; for no T >= 2 is alpha e times less than 1 enough."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "derived here; lemma 5 of Otsuka et al. (AAAI 2026) has 4 sqrt(d1), for e <= 1/2"
    checked: ClassVar[tuple[str, ...]] = (
        "suprema over e by balls, e from 2**-12 to 32",
        "equal suprema for the T of the row",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "that 2 tanh(e / 2) is the supremum: softmax-moves-by-twice-tanh",
        "that it is at most e between the e measured: 1 - tanh**2 <= 1",
    )
    measures: ClassVar[str] = "the supremum over alpha e, and the supremum at several T"

    constant: float = 1.0
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        steps = size.choose(16, 512)
        lengths = size.choose((2, 3, 17), (2, 3, 17, 64, 1024, 8192))
        with balls() as arb:
            shifts = [arb(2) ** -12, *(arb(FAR * i) / steps for i in range(1, steps + 1))]
            found = [ends(2 * (e / 2).tanh() / e) for e in shifts]
            low, high = max(low for low, _ in found), max(high for _, high in found)
            label = f"largest supremum over e, e = 2**-12 and {steps} up to {FAR}"
            rows = [Comparison.of_band(label, low, high, self.relation, self.constant)]
            rows.append(Comparison.of_band("supremum over e, e = 2**-12", *found[0], Equal(), self.constant, 1e-6))
        s = Fraction(7, 4)
        several = {moved(*two_clusters(T, s)) for T in lengths}
        rows.append(Comparison.of(f"different suprema, T in {lengths}", len(several), Equal(), 1))
        return Verdict.of(rows, Exact("fractions and balls", f"{len(shifts)} shifts, {len(lengths)} lengths"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "smaller constant": replace(self, constant=0.99),
            "larger constant": replace(self, constant=1.01),
        }


CLAIM = AttentionSoftmaxConstant()
