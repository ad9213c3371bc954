"""P19: where items may be moved by up to eps targets are met exactly: subsets of n / 2 items give way by n eps / 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import Problem, perturbed
from slt.weights import Key

from ._rows import Chance, LawClaim, Row
from ._samples import LATTICE, fixed, random_items

TARGET = 0.3


@final
@dataclass(frozen=True)
class PerturbedItems(LawClaim):
    """Moves of one size for all items; those in proportion to the items are told up to 0.08 too likely."""

    title: ClassVar[str] = "Exact hits of items that may be moved"
    setting: ClassVar[str] = "n items uniform on [-1, 1], each may be moved by up to eps, target 0.3."
    statement: ClassVar[str] = (
        "P(some subset meets the target exactly) = 1 - E exp(-2**n n eps phi_s(z - s u)), u standard normal, "
        "s**2 = n / 12: about log2(n / 2) items fewer than for an error of eps."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.perturbed_exact_probability, prediction P19"
    checked: ClassVar[tuple[str, ...]] = ("exact optima over subsets and moves", "eps = 0.01 and 0.001, n = 6 to 11")
    unchecked: ClassVar[tuple[str, ...]] = (
        "moves in proportion to the items: subsets near the target are made of smaller ones, and hits are rarer",
        "n below 6",
    )
    measures: ClassVar[str] = "shares of draws that meet the target exactly, within 0.05"

    slacks: float = 1.0  # times n eps

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=5000, full=30_000)
        items = random_items(key, draws, 11)
        found: list[Row] = []
        for eps, sizes in ((0.01, (6, 8)), (0.001, (9, 11))):
            for n in sizes:
                problem = Problem.of(items[:, :n], fixed(TARGET, draws), lattice=LATTICE)
                met = perturbed(problem, absolute=eps).residual_lattice == 0
                law = float(laws.perturbed_exact_probability(n, absolute=self.slacks * eps, target=TARGET))
                found.append(Chance(f"eps = {eps}, n = {n}", met, law, 0.05))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "half as much slack": replace(self, slacks=0.5)}


CLAIM = PerturbedItems()
