"""Error propagation with spectral norms and a cap.

With N_k = ||W_k||_2 + eps / L: the cap makes the change of every matrix at most eps / L in Frobenius norm, so changed
layers have norms of at most N_k; layer l adds at most sqrt(n_l) eps_l (1 + sup ||x||_1) <= eps / (L prod_{k > l} N_k),
which the layers behind it multiply by at most the product. The sum over layers is at most eps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Kind, Origin, Outcome, Relation

from ._error_propagation import Allowance, ErrorPropagation, LargestEntry, Spectral


@final
@dataclass(frozen=True)
class ErrorPropagationBySpectralNorms(ErrorPropagation):
    """The same adversary as for the statements that fail, which it breaks by far."""

    title: ClassVar[str] = "Error propagation, spectral norms with a cap"
    setting: ClassVar[str] = (
        "f: [-1, 1]^n0 -> [-1, 1]^nL a chain of L layers with ReLU; n_l units, each with at most k_l parameters that "
        "are not zero, weights and bias; every one of them moves by at most eps_l."
    )
    statement: ClassVar[str] = (
        "If eps_l = eps / (L sqrt(n_l k_l)) min(1, 1 / ((1 + sup ||x^(l-1)||_1) prod_{k > l} (||W_k||_2 + eps / L))), "
        "outputs move by at most eps."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = (
        "after Fischer and Burkholz, Plant ’n’ seek (ICLR 2022), lemma 1; the norm, the cap and the proof are from here"
    )
    checked: ClassVar[tuple[str, ...]] = (
        "all changes at their allowance",
        "norms from above, so that allowances are within the formula",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "nets outside the families that the evidence names (the proof covers them)",
    )
    measures: ClassVar[str] = "the change of the output at one input, over eps = 0.01, exactly"
    expected: ClassVar[Outcome] = Outcome.HOLDS
    corrected: ClassVar[str | None] = None

    allowance: Allowance = Allowance(Spectral(), root=True, capped=True)  # noqa: RUF009  (frozen)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "largest entries": replace(self, allowance=Allowance(LargestEntry(), root=True, capped=True)),
            "no cap": replace(self, allowance=Allowance(Spectral(), root=True, capped=False)),
            "constant": replace(self, allowance=Allowance(Spectral(), root=True, capped=True, factor=Fraction(2))),
        }


CLAIM = ErrorPropagationBySpectralNorms()
