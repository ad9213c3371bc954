"""Why both signs of random units are needed: units of one sign are silent on half of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

UNIT = 2**6  # first-layer weights and targets are multiples of 1 / UNIT, products of 1 / UNIT**2


@final
@dataclass(frozen=True)
class OneBranchMissesSignedInputs(Claim):
    """All subsets of small random blocks. Both sides are linear on either side of 0: the error is largest at an end."""

    title: ClassVar[str] = "One branch cannot serve signed inputs"
    setting: ClassVar[str] = "x in [-1, 1]; random v_i, and u_i > 0, i = 1 .. n; a weight w; subsets S of the units."
    statement: ClassVar[str] = "min over S of sup over x of |sum_S v_i relu(u_i x) - w x| = |w|, as with none."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "The sign split of Pensia et al. 2020, lemma 1, is needed"
    checked: ClassVar[tuple[str, ...]] = ("every subset of n units", "v_i of both signs")
    unchecked: ClassVar[tuple[str, ...]] = ("other n: the sum is 0 at x = -1, whatever the subset",)
    measures: ClassVar[str] = "how many blocks have a least error other than |w|"

    one_sided: bool = True  # all u_i > 0
    lowest: int = -1  # of the inputs
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        n, blocks = size.choose(smoke=(6, 50), full=(12, 2000))
        u, v = (Uniform(6).draw(key / name, (1, blocks, n))[0].astype(np.int64) for name in ("first", "second"))
        w = Uniform(6).draw(key / "target", (1, 1, blocks))[0, 0].astype(np.int64) * UNIT
        if self.one_sided:
            u = np.abs(u)
        taken = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        failed = 0
        for units, outer, weight in zip(u, v, w, strict=True):
            error = np.zeros(2**n, dtype=np.int64)
            for x in (self.lowest, 1):
                error = np.maximum(error, np.abs(taken @ (outer * np.maximum(units * x, 0)) - weight * x))
            failed += not self.relation.exactly(int(error.min()), abs(int(weight)))
        rows = [Comparison.of("blocks with another least error", failed, Equal(), 0)]
        return Verdict.of(rows, Exact("integers", f"{blocks} blocks of {n} units, all subsets"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "units of both signs": replace(self, one_sided=False),
            "inputs x >= 0": replace(self, lowest=0),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = OneBranchMissesSignedInputs()
