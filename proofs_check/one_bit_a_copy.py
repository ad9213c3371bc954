"""P14: behind its first block a network of L + 1 layers sums single weights, one a copy: one bit a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

import slt
from slt import laws
from slt.claims import Kind, Origin, Size
from slt.weights import Key

from ._rows import LawClaim, Quantile, Row, Sample, Slope

WEIGHT = 0.3
HIDDEN = 40


@final
@dataclass(frozen=True)
class OneBitACopy(LawClaim):
    """The sums of the last layer alone; its rows share no random weight."""

    title: ClassVar[str] = "Bits a copy of replicated rows"
    setting: ClassVar[str] = (
        "A target of two layers and a ticket of three, each hidden neuron built r times; error of a weight 0.3 of the "
        "last layer = min over subsets of the copies of |sum v - 0.3|, v uniform on [-1, 1]."
    )
    statement: ClassVar[str] = "The median error falls by one bit a copy, and is that of r uniform items."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.replicated_rows, error_quantile; prediction P14"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "sums of distinct random weights")
    unchecked: ClassVar[tuple[str, ...]] = (
        "the first block, whose products lose half of the units to their signs (halves-of-units-by-sign)",
        "more than 20 copies, where the lattice 2**-23 of the weights shows",
    )
    measures: ClassVar[str] = "medians within 15 % of the law, bits a copy within 12 % of one"

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        outputs = size.choose(smoke=50, full=300)
        copies = size.choose(smoke=(8, 16), full=(8, 16))
        found: list[Row] = []
        samples = []
        for r in copies:
            samples.append(_last_layer(key / f"{r} copies", outputs, r))
            law = float(laws.error_quantile(0.5, r, WEIGHT))
            found.append(Quantile(f"median, {r} copies", samples[-1], law, 0.15))
        # uniform items without a sign: every one serves
        bits, steps = laws.block_error_slope(laws.EVERY_UNIT), copies[1] - copies[0]
        return [*found, Slope(f"bits a copy, {copies[0]} to {copies[1]}", samples[0], samples[1], steps, bits, 0.12)]


def _last_layer(key: Key, outputs: int, copies: int) -> Sample:
    """Errors of ``outputs`` x HIDDEN weights."""
    target = slt.Target.from_arrays([np.full((HIDDEN, 1), 0.5), np.full((outputs, HIDDEN), WEIGHT)])
    construction = slt.ReplicatedRows(first_factor=4)
    ticket = slt.find_ticket(target, copies, key, slt.Box(0.0, 1.0), max_items=24, construction=construction)
    parts = ticket.residuals().parts
    (last,) = (part for part in parts.values() if part.wanted.size == outputs * HIDDEN)
    (branch,) = last.branches
    return np.abs(branch.residual).ravel()


CLAIM = OneBitACopy()
