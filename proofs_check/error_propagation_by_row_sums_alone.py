"""The version with row sums, the operator norm of largest entries: without a cap it fails as well.

A unit with k parameters changes its row sum by k eps_l, not eps_l. Small later norms break it by far, and norms of
at least 1 by a little (1.0012 eps at width 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Kind, Origin, Outcome, Relation

from ._error_propagation import Allowance, ErrorPropagation, RowSum


@final
@dataclass(frozen=True)
class ErrorPropagationByRowSumsAlone(ErrorPropagation):
    """The same adversary."""

    title: ClassVar[str] = "Error propagation, row sums without a cap"
    setting: ClassVar[str] = (
        "f: [-1, 1]^n0 -> [-1, 1]^nL a chain of L layers with ReLU; n_l units, each with at most k_l parameters that "
        "are not zero, weights and bias; every one of them moves by at most eps_l."
    )
    statement: ClassVar[str] = (
        "If eps_l = eps / (L (1 + sup ||x^(l-1)||_1) prod_{k > l} (||W_k||_inf + eps / L)), "
        "||W||_inf = max_i sum_j |w_ij|, outputs move by at most eps."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "a reading of the eps_l of Burkholz (ICML and NeurIPS 2022), recalled, unverified: not held against the papers"
    )
    checked: ClassVar[tuple[str, ...]] = (
        "positive chains; targets within [-1, 1]; the changes within the printed allowance, in fractions",
    )
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "the change of the output at one input, over eps = 0.01, exactly"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "error-propagation-by-row-sums"

    allowance: Allowance = Allowance(RowSum(), root=False, capped=False)  # noqa: RUF009  (frozen)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "capped": replace(self, allowance=Allowance(RowSum(), root=False, capped=True)),
        }


CLAIM = ErrorPropagationByRowSumsAlone()
