"""Networks that look linear: with mirrored blocks a ReLU network is a chain of affine maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

Integers = NDArray[np.int64]
WIDTHS = (3, 4, 2, 3)


@final
@dataclass(frozen=True)
class LooksLinearIdentity(Claim):
    """Random integer networks, so that equal means equal."""

    title: ClassVar[str] = "Mirrored ReLU blocks are linear"
    setting: ClassVar[str] = (
        "Matrices M_l and vectors b_l, l = 1 .. L. First layer [M_1; -M_1] with biases [b_1; -b_1]; between ReLUs "
        "[[M_l, -M_l], [-M_l, M_l]] with [b_l; -b_l]; last layer [M_L, -M_L] with b_L."
    )
    statement: ClassVar[str] = (
        "The network is x -> M_L (... (M_1 x + b_1) ...) + b_L on all inputs; so relu(M x) - relu(-M x) = M x."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Fischer, Gadhikar, Burkholz 2021, looks-linear initialisation (recalled)"
    checked: ClassVar[tuple[str, ...]] = ("L = 3, with biases", "inputs of both signs")
    unchecked: ClassVar[tuple[str, ...]] = ("other depths: relu(y) - relu(-y) = y layer by layer",)
    measures: ClassVar[str] = "how many outputs of random networks differ from the affine map"

    mirror: int = -1  # sign of the mirrored block
    mirrored_biases: int = -1
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        networks = size.choose(smoke=20, full=2000)
        differ = 0
        for i in range(networks):
            place = key / str(i)
            x = self._drawn(place / "input", 1, WIDTHS[0])[0]
            wanted, doubled = x, x
            for layer, (n, m) in enumerate(pairwise(WIDTHS)):
                matrix, bias = self._drawn(place / f"M {layer}", m, n), self._drawn(place / f"b {layer}", 1, m)[0]
                wanted = matrix @ wanted + bias
                first, last = layer == 0, layer == len(WIDTHS) - 2
                if not first:
                    doubled = np.maximum(doubled, 0)
                side = matrix if first else np.hstack([matrix, self.mirror * matrix])
                block = side if last else np.vstack([side, -side])
                offset = bias if last else np.concatenate([bias, self.mirrored_biases * bias])
                doubled = block @ doubled + offset
            differ += sum(not self.relation.exactly(int(a), int(b)) for a, b in zip(doubled, wanted, strict=True))
        rows = [Comparison.of("outputs that differ", differ, Equal(), 0)]
        return Verdict.of(rows, Exact("integers", f"{networks} random networks {WIDTHS}, three outputs each"))

    @staticmethod
    def _drawn(key: Key, rows: int, columns: int) -> Integers:
        return Uniform(10).draw(key, (1, rows, columns))[0]

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "sign of the mirror": replace(self, mirror=1),
            "biases not mirrored": replace(self, mirrored_biases=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = LooksLinearIdentity()
