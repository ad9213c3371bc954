"""Error propagation with row sums and a cap: without the sqrt(n_l k_l) of the spectral version, and nearly attained.

The proof is that of the spectral version in the norm max |x_i|, where layer l adds at most eps_l (1 + sup ||x||_1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Kind, Origin, Outcome, Relation

from ._error_propagation import Allowance, ErrorPropagation, LargestEntry, RowSum


@final
@dataclass(frozen=True)
class ErrorPropagationByRowSums(ErrorPropagation):
    """The same adversary."""

    title: ClassVar[str] = "Error propagation, row sums with a cap"
    setting: ClassVar[str] = (
        "f: [-1, 1]^n0 -> [-1, 1]^nL a chain of L layers with ReLU; n_l units, each with at most k_l parameters that "
        "are not zero, weights and bias; every one of them moves by at most eps_l."
    )
    statement: ClassVar[str] = (
        "If eps_l = eps / L min(1 / k_l, 1 / ((1 + sup ||x^(l-1)||_1) prod_{k > l} (||W_k||_inf + eps / L))), "
        "||W||_inf = max_i sum_j |w_ij|, outputs move by at most eps."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = (
        "after Burkholz (ICML and NeurIPS 2022), recalled, unverified; the cap and the proof are from here"
    )
    checked: ClassVar[tuple[str, ...]] = ("all changes at their allowance",)
    unchecked: ClassVar[tuple[str, ...]] = (
        "nets outside the families that the evidence names (the proof covers them)",
    )
    measures: ClassVar[str] = "the change of the output at one input, over eps = 0.01, exactly"
    expected: ClassVar[Outcome] = Outcome.HOLDS
    corrected: ClassVar[str | None] = None

    allowance: Allowance = Allowance(RowSum(), root=False, capped=True)  # noqa: RUF009  (frozen)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "largest entries": replace(self, allowance=Allowance(LargestEntry(), root=False, capped=True)),
            "no cap": replace(self, allowance=Allowance(RowSum(), root=False, capped=False)),
            "constant": replace(self, allowance=Allowance(RowSum(), root=False, capped=True, factor=Fraction(2))),
        }


CLAIM = ErrorPropagationByRowSums()
