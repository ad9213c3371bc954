"""Lemma 1 of Plant'n'Seek with the largest entry as the norm: an entry does not bound what a layer does to an error.

A full layer of n units with weights 1 multiplies an error by n, and the formula counts 1 + eps / L for it; the root
sqrt(n_l k_l) makes up for sqrt(n) alone. Two layers fail from width 6 on, three from width 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt.claims import AtMost, Claim, Kind, Origin, Outcome, Relation

from ._error_propagation import Allowance, ErrorPropagation, LargestEntry, Spectral


@final
@dataclass(frozen=True)
class PlantNSeekLemmaOneAsPrinted(ErrorPropagation):
    """Chains whose later layers have a spectral norm of at least 1, so that nothing but the norm is at fault."""

    title: ClassVar[str] = "Error propagation, largest entries"
    setting: ClassVar[str] = (
        "f: [-1, 1]^n0 -> [-1, 1]^nL a chain of L layers with ReLU; n_l units, each with at most k_l parameters that "
        "are not zero, weights and bias; every one of them moves by at most eps_l."
    )
    statement: ClassVar[str] = (
        "If eps_l = eps / (L sqrt(n_l k_l) (1 + sup ||x^(l-1)||_1) prod_{k > l} (max |W_k| + eps / L)), "
        "outputs move by at most eps."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = (
        "Fischer and Burkholz, Plant ’n’ seek (ICLR 2022), lemma 1, appendix version, with ||W|| = max |w_ij| as "
        "defined there"
    )
    checked: ClassVar[tuple[str, ...]] = (
        "positive chains; targets within [-1, 1]; the changes within the printed allowance, in fractions",
    )
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "the change of the output at one input, over eps = 0.01, exactly"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "error-propagation-by-spectral-norms"
    tame: ClassVar[bool] = True

    allowance: Allowance = Allowance(LargestEntry(), root=True, capped=False)  # noqa: RUF009  (frozen)
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "spectral norm": replace(self, allowance=Allowance(Spectral(), root=True, capped=False)),
            "spectral norm, capped": replace(self, allowance=Allowance(Spectral(), root=True, capped=True)),
        }


CLAIM = PlantNSeekLemmaOneAsPrinted()
