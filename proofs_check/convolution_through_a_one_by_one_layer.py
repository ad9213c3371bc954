"""Convolutions from a random 1 x 1 layer and a random convolution: on inputs x >= 0 each tap is a subset sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._channel_sums import convolve, image, pruned


@final
@dataclass(frozen=True)
class ConvolutionThroughAOneByOneLayer(Claim):
    """Random masks on random integer layers; the target is what its taps sum to."""

    title: ClassVar[str] = "A convolution through a 1 x 1 layer"
    setting: ClassVar[str] = (
        "Input X >= 0 with channels t; a 1 x 1 layer whose channel h is pruned to one input channel t(h) with weight "
        "u_h > 0; ReLU; a convolution v, pruned by a mask s."
    )
    statement: ClassVar[str] = (
        "The network is X -> K * X with K[r, t, i, j] = the sum over h with t(h) = t of s v[r, h, i, j] u_h."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "da Cunha, Natale, Viennot 2022 (recalled)"
    checked: ClassVar[tuple[str, ...]] = ("X >= 0", "two channels in and out, 2 x 2 taps")
    unchecked: ClassVar[tuple[str, ...]] = ("other sizes: the identity is that of each tap",)
    measures: ClassVar[str] = "how many outputs differ"

    lowest: int = 0
    positive: bool = True
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        networks = size.choose(smoke=3, full=200)
        differ = 0
        for i in range(networks):
            place = key / str(i)
            ticket, x = pruned(2, place, self.positive), image(2, place, self.lowest)
            differ += int(np.count_nonzero(ticket(x) != convolve(x, ticket.target)))
        rows = [Comparison.of("outputs that differ", differ, self.relation, 0)]
        return Verdict.of(rows, Exact("integers", f"{networks} networks, an image of 2 x 4 x 4 each"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "signed inputs": replace(self, lowest=-9),
            "units of both signs": replace(self, positive=False),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = ConvolutionThroughAOneByOneLayer()
