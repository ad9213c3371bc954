"""Signed inputs for convolutions: give the network relu(X) and relu(-X), and want K and -K of them."""

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
class ConvolutionWithDoubledChannels(Claim):
    """Masks by brute force, so that both branches of a tap hit the same number with opposite signs."""

    title: ClassVar[str] = "A convolution of doubled channels, on signed inputs"
    setting: ClassVar[str] = (
        "Input X of any sign, doubled to relu(X), relu(-X); a 1 x 1 layer whose channels h are pruned to one of these "
        "with weight u_h > 0; ReLU; a convolution v, pruned by a mask s that sums to K on relu(X), to -K on relu(-X)."
    )
    statement: ClassVar[str] = "The network is X -> K * X."
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "derived here from the identity for X >= 0"
    checked: ClassVar[tuple[str, ...]] = ("inputs of both signs", "masks that exist, found by brute force")
    unchecked: ClassVar[tuple[str, ...]] = ("other sizes: the identity is that of each tap",)
    measures: ClassVar[str] = "how many outputs differ"

    mirror: int = -1  # what the second channel of a pair wants, over the first
    doubled: bool = True
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        networks = size.choose(smoke=3, full=100)
        differ, taps, empty = 0, 0, 0
        for i in range(networks):
            place = key / str(i)
            ticket, x = pruned(2, place, mirror=self.mirror), image(1, place, -9)
            pair = np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)]) if self.doubled else np.concatenate([x, x])
            taps += ticket.target.size
            empty += int(np.count_nonzero(ticket.target == 0))
            differ += int(np.count_nonzero(ticket(pair) != convolve(x, ticket.target[:, :1])))
        rows = [Comparison.of("outputs that differ", differ, self.relation, 0)]
        cases = f"{networks} networks, an image of 4 x 4 each; {taps - empty:,} of {taps:,} taps are not 0"
        return Verdict.of(rows, Exact("integers", cases))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "K twice": replace(self, mirror=1),
            "channels not split by sign": replace(self, doubled=False),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = ConvolutionWithDoubledChannels()
