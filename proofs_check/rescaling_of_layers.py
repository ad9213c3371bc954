"""The scale of each layer's random weights is a matter of one factor behind the network, if biases follow.

ReLU is positively homogeneous: relu(a x) = a relu(x) for a > 0. By induction over layers, dividing the weights of layer
l by s_l and its biases by s_1 ... s_l divides its output by s_1 ... s_l.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

WIDTHS = (2, 3, 3, 2)
Layer = tuple[list[list[Fraction]], list[Fraction]]


def forward(layers: list[Layer], x: list[Fraction]) -> list[Fraction]:
    """A chain of affine layers, ReLU between them."""
    for index, (weights, biases) in enumerate(layers):
        if index:
            x = [max(a, Fraction(0)) for a in x]
        x = [sum((w * a for w, a in zip(row, x, strict=True)), b) for row, b in zip(weights, biases, strict=True)]
    return x


@final
@dataclass(frozen=True)
class RescalingOfLayers(Claim):
    """Random networks with three layers, in fractions."""

    title: ClassVar[str] = "Scales of layers are one factor"
    setting: ClassVar[str] = (
        "A ReLU network f with weights W_l and biases b_l, l = 1 .. L; scales s_l > 0; g the network with weights "
        "W_l / s_l and biases b_l / (s_1 ... s_l)."
    )
    statement: ClassVar[str] = "f = s_1 ... s_L g."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "Fischer, Gadhikar, Burkholz 2021, nonzero biases (recalled); lambda of Plant'n'Seek"
    checked: ClassVar[tuple[str, ...]] = ("L = 3 with biases", "inputs of both signs")
    unchecked: ClassVar[tuple[str, ...]] = ("other depths: induction over layers, in the file",)
    measures: ClassVar[str] = "how many outputs of random networks differ"

    biases_follow_products: bool = True
    sign: int = 1  # of the scales
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        networks = size.choose(smoke=8, full=200)
        differ = sum(self._differs(key / str(i)) for i in range(networks))
        rows = [Comparison.of("outputs that differ", differ, Equal(), 0)]
        return Verdict.of(
            rows, Exact("fractions", f"{networks} random networks {WIDTHS}, an input and two outputs each")
        )

    def _differs(self, key: Key) -> int:
        def drawn(name: str, *shape: int) -> list[Fraction]:
            return [Fraction(int(a), 2**12) for a in Uniform(12).draw(key / name, (1, *shape))[0].ravel()]

        sigmas = [self.sign * Fraction(k) for k in ("1/3", "5/2", "7/4")]
        plain, scaled = [], []
        for layer, (n, m) in enumerate(pairwise(WIDTHS)):
            flat, bias = drawn(f"weights {layer}", m, n), drawn(f"biases {layer}", 1, m)
            rows = [flat[i * n : i * n + n] for i in range(m)]
            under = prod(sigmas[: layer + 1]) if self.biases_follow_products else sigmas[layer]
            plain.append((rows, bias))
            scaled.append(([[w / sigmas[layer] for w in row] for row in rows], [b / under for b in bias]))
        x = drawn("input", 1, WIDTHS[0])
        factor = prod(sigmas)
        pairs = zip(forward(plain, x), forward(scaled, x), strict=True)
        return sum(not self.relation.exactly(a, factor * b) for a, b in pairs)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "biases by the scale of their layer alone": replace(self, biases_follow_products=False),
            "negative scales": replace(self, sign=-1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = RescalingOfLayers()
