"""Pruning coefficients of an equivariant basis, not weights, keeps a network equivariant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

Integers = NDArray[np.int64]
N = 4


def _permutation(images: tuple[int, ...]) -> Integers:
    return np.eye(N, dtype=np.int64)[list(images)]


SHIFTS = [_permutation(tuple((i + s) % N for i in range(N))) for s in range(N)]
ALL = [_permutation(images) for images in permutations(range(N))]
# a group with a basis of the maps that commute with it
GROUPS = {
    "cyclic shifts": (SHIFTS, np.array(SHIFTS)),
    "permutations": (ALL, np.array([np.eye(N, dtype=np.int64), np.ones((N, N), dtype=np.int64)])),
}


@final
@dataclass(frozen=True)
class CoefficientMasksCommuteWithShifts(Claim):
    """Two layers on Z**4, with ReLU between them, under every pair of masks and all of the group."""

    title: ClassVar[str] = "Masks of coefficients keep equivariance"
    setting: ClassVar[str] = (
        "A group of permutations of coordinates, a basis B_k of the matrices that commute with it; layers sum b_k B_k "
        "with random b, ReLU between them; masks on the coefficients b."
    )
    statement: ClassVar[str] = "Every pruned network f has f(g x) = g f(x) for all g of the group."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Ferbach et al. 2023 (recalled from papers that restate it)"
    checked: ClassVar[tuple[str, ...]] = ("cyclic shifts and all permutations of four coordinates", "every mask")
    unchecked: ClassVar[tuple[str, ...]] = ("other groups of permutations: ReLU commutes with all of them",)
    measures: ClassVar[str] = "how many pairs of a mask and a group element fail on random inputs"

    by_coefficient: bool = True  # else a mask of single weights
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        draws = size.choose(smoke=1, full=20)
        rows, pairs = [], 0
        for name, (group, basis) in GROUPS.items():
            failed = 0
            for i in range(draws):
                found = self._failures(group, basis, key / f"{name} {i}")
                failed += int(np.count_nonzero(found))
                pairs += found.size
            rows.append(Comparison.of(f"{name}: pairs that fail", failed, self.relation, 0))
        return Verdict.of(rows, Exact("integers", f"{pairs:,} pairs of masks and group elements, five inputs each"))

    def _failures(self, group: list[Integers], basis: Integers, key: Key) -> NDArray[np.bool_]:
        x = Uniform(6).draw(key / "inputs", (1, N, 5))[0].astype(np.int64)
        first, second = (self._layers(basis, key / name) for name in ("first", "second"))

        def network(inputs: Integers) -> Integers:
            hidden = np.maximum(first @ inputs, 0)  # (masks, N, 5)
            return np.einsum("mij,njk->mnik", second, hidden)

        plain = network(x)
        return np.array([np.any(network(g @ x) != g @ plain, axis=(2, 3)) for g in group])

    def _layers(self, basis: Integers, key: Key) -> Integers:
        """The matrices under every mask, (masks, N, N)."""
        numbers = Uniform(6).draw(key / "coefficients", (1, 1, len(basis)))[0, 0].astype(np.int64)
        masks = (np.arange(2 ** len(basis))[:, None] >> np.arange(len(basis))) & 1
        layers = np.einsum("mk,kij->mij", masks * numbers, basis)
        if not self.by_coefficient:
            whole = np.einsum("k,kij->ij", numbers, basis)
            layers = whole * (Uniform(6).draw(key / "weights kept", (len(masks), N, N)) > 0)
        return layers

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "masks of single weights": replace(self, by_coefficient=False),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = CoefficientMasksCommuteWithShifts()
