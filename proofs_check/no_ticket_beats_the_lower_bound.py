"""P28's companion: 2**m subnetworks serve few targets, and no construction here does better than that.

The bound is a theorem (`few_subnetworks_cover_few_targets`); an error below it would be a bug in a construction or in
the count of what it decides. Tickets for uniform targets, every quantile of their errors above its bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

import slt
from slt import laws
from slt.claims import AtLeast, Claim, Kind, Origin, Relation, Size
from slt.constructions import Construction
from slt.subset_sum import solve
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Sample
from ._samples import LATTICE, random_items, random_targets


@final
@dataclass(frozen=True)
class NoTicketBeatsTheBound(LawClaim):
    """m counts what the sums choose from, all units of the second layer: a ticket's weights are made by that choice."""

    title: ClassVar[str] = "No ticket beats the lower bound of pruning"
    setting: ClassVar[str] = (
        "D weights uniform on [-1, 1], subset sums of m random weights or products in all: bare sums, two-layer sums, "
        "mirrored pairs, single products; error = the largest of the D."
    )
    statement: ClassVar[str] = (
        "With probability p the error is below no less than 2**(-(m + log2(1/p)) / D), for every p."
    )
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.pruning_error_bound, prediction P28 (Pensia et al. 2020, theorem 2, recalled)"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "targets uniform on the cube, D = 1 and 4")
    unchecked: ClassVar[tuple[str, ...]] = (
        "single targets, of which the bound says nothing",
        "how near tickets come to it: bare sums of m items miss it by a factor of order sqrt(m), by P1",
    )
    measures: ClassVar[str] = "10 % and 50 %, at full size 1 % quantiles of the largest error"

    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=2000, full=40_000)
        n = 12
        items, targets = random_items(key / "bare", count, n), random_targets(key / "bare", count)
        samples = {"bare sums": solve(items, targets, lattice=LATTICE).error}
        for construction in (slt.LooksLinear(), slt.TwoLayerSum(), slt.SingleMatch()):
            name = type(construction).__name__
            samples[name] = _errors(construction, key / name, count, 2 * n)
        found: list[Row] = []
        for name, errors in samples.items():
            for d in (1, 4):
                worst = errors.reshape(-1, d).max(axis=1)
                for p in size.choose(smoke=(0.1, 0.5), full=(0.01, 0.1, 0.5)):
                    bits = n if name == "bare sums" else 2 * n
                    bound = float(laws.pruning_error_bound(bits * d, d, p))
                    found.append(Quantile(f"{name}, D = {d}, {p:.0%} quantile", worst, bound, 0.0, p))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "three bits fewer": replace(self, factor=8.0),
        }


def _errors(construction: Construction, key: Key, count: int, width: int) -> Sample:
    weights = np.ldexp(random_targets(key / "targets", count).astype(np.float64), -LATTICE)[None]
    target = slt.Target.from_arrays([weights])
    ticket = slt.find_ticket(target, width, key, slt.Box(0.0, 1.0), max_items=width, construction=construction)
    return np.asarray(ticket.residuals().errors)


CLAIM = NoTicketBeatsTheBound()
