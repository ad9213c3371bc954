"""The identity of convolutions without its assumption X >= 0: units u_h > 0 are silent where X < 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key

from ._channel_sums import Integers, Pruned, convolve, image, pruned


@final
@dataclass(frozen=True)
class ConvolutionOnSignedInputs(Claim):
    """The paper assumes X >= 0: this says that it has to."""

    title: ClassVar[str] = "A convolution through a 1 x 1 layer, on signed inputs"
    setting: ClassVar[str] = (
        "Input X of any sign with channels t; a 1 x 1 layer whose channel h is pruned to one input channel t(h) with "
        "weight u_h > 0; ReLU; a convolution v, pruned by a mask s."
    )
    statement: ClassVar[str] = (
        "The network is X -> K * X with K[r, t, i, j] = the sum over h with t(h) = t of s v[r, h, i, j] u_h."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "da Cunha, Natale, Viennot 2022 (recalled), without the assumption that they make"
    checked: ClassVar[tuple[str, ...]] = ("two channels in and out, 2 x 2 taps",)
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "how many outputs differ"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "convolution-with-doubled-channels"

    lowest: int = -9
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        places = [key / str(i) for i in range(size.choose(smoke=3, full=200))]
        return self._verdict([(pruned(2, place), image(2, place, self.lowest)) for place in places])

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([(Pruned.of(counterexample), np.array(counterexample["image"], dtype=np.int64))])

    def _verdict(self, cases: list[tuple[Pruned, Integers]]) -> Verdict:
        counts = [int(np.count_nonzero(ticket(x) != convolve(x, ticket.target))) for ticket, x in cases]
        rows = [Comparison.of("outputs that differ", sum(counts), self.relation, 0)]
        stored = None
        if any(counts):
            ticket, x = cases[int(np.argmax(counts))]
            stored = {**ticket.plain(), "image": x.tolist()}
        return Verdict.of(rows, Exact("integers", f"{len(cases)} networks, an image of 2 x 4 x 4 each"), stored)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inputs x >= 0": replace(self, lowest=0),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = ConvolutionOnSignedInputs()
