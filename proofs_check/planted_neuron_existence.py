"""The chance that some random neuron matches one target neuron (P23), by counting cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key


@final
@dataclass(frozen=True)
class PlantedNeuronExistence(Claim):
    """[-1, 1] is cut into cells, each inside or outside of every interval of a match: all networks are gone through."""

    title: ClassVar[str] = "A random neuron that matches a target neuron"
    setting: ClassVar[str] = (
        "n random neurons with k parameters uniform on [-1, 1]; a target neuron with parameters up to 1 - e in size; a "
        "match is within e in all parameters."
    )
    statement: ClassVar[str] = "P(some neuron matches) = 1 - (1 - e**k)**n."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.planted_existence, prediction P23; a step of Plant'n'Seek, theorem 2"
    checked: ClassVar[tuple[str, ...]] = ("every network of cells", "every target on the edges of cells")
    unchecked: ClassVar[tuple[str, ...]] = ("targets inside cells: the chance is a length",)
    measures: ClassVar[str] = "how many settings have another share of networks"

    exponent: int = 1  # of e, times k
    nearest: int = 0  # how much nearer to the edge than 1 - e targets may come, in cells
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        settings = size.choose(
            smoke=((4, 1, 2), (2, 2, 2)), full=((6, 1, 4), (4, 2, 2), (3, 1, 5), (2, 2, 4), (2, 3, 2))
        )
        failed, networks = 0, 0
        for cells, k, n in settings:  # cells in [0, 1]
            neurons = list(product(range(-cells, cells), repeat=k))  # by the left ends of their cells
            for width in range(1, cells):
                e = Fraction(width, cells)
                wanted = 1 - (1 - e ** (self.exponent * k)) ** n
                reach = cells - width + self.nearest
                for target in product(range(-reach, reach + 1), repeat=k):
                    matches = [all(t - width <= a < t + width for a, t in zip(x, target, strict=True)) for x in neurons]
                    found = sum(any(network) for network in product(matches, repeat=n))
                    failed += not self.relation.exactly(Fraction(found, len(neurons) ** n), wanted)
                    networks += len(neurons) ** n
        rows = [Comparison.of("settings with another share", failed, Equal(), 0)]
        return Verdict.of(rows, Exact("integers and fractions", f"{networks:,} networks of cells"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "exponent": replace(self, exponent=2),
            "targets near the edge": replace(self, nearest=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = PlantedNeuronExistence()
