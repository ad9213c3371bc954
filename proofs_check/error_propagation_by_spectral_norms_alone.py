"""The plain repair of that lemma, operator norms in the place of largest entries: it fails where later norms are small.

The product then is far below 1, a layer's allowance far above eps / L, and the layer amplifies earlier errors by more
than its norm + eps / L, which the proof takes for granted. A chain of single units shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Kind, Origin, Outcome, Relation

from ._error_propagation import Allowance, ErrorPropagation, Spectral


@final
@dataclass(frozen=True)
class ErrorPropagationBySpectralNormsAlone(ErrorPropagation):
    """Small later layers included."""

    title: ClassVar[str] = "Error propagation, spectral norms without a cap"
    setting: ClassVar[str] = (
        "f: [-1, 1]^n0 -> [-1, 1]^nL a chain of L layers with ReLU; n_l units, each with at most k_l parameters that "
        "are not zero, weights and bias; every one of them moves by at most eps_l."
    )
    statement: ClassVar[str] = (
        "If eps_l = eps / (L sqrt(n_l k_l) (1 + sup ||x^(l-1)||_1) prod_{k > l} (||W_k||_2 + eps / L)), "
        "outputs move by at most eps."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "the obvious repair of lemma 1 of Fischer and Burkholz, Plant ’n’ seek (ICLR 2022); not in the paper"
    )
    checked: ClassVar[tuple[str, ...]] = (
        "positive chains; targets within [-1, 1]; the changes within the printed allowance, in fractions",
    )
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "the change of the output at one input, over eps = 0.01, exactly"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "error-propagation-by-spectral-norms"

    allowance: Allowance = Allowance(Spectral(), root=True, capped=False)  # noqa: RUF009  (frozen)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "capped": replace(self, allowance=Allowance(Spectral(), root=True, capped=True)),
        }


CLAIM = ErrorPropagationBySpectralNormsAlone()
