"""What makes a ticket one: its weights are those of a fixed random network where a mask keeps them, and 0 elsewhere.

Other public code draws random numbers until each sum is met, or multiplies by scores: nothing there is a mask over one
stored network. Here the network is drawn once more by an independent generator, and compared integer by integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.constructions import CONSTRUCTIONS
from slt.tickets.ticket import Ticket
from slt.tickets.verification import source_digest
from slt.weights import Key

from ._small_targets import CASES, found


@final
@dataclass(frozen=True)
class TicketsAreMasksOfTheirSource(Claim):
    """Every construction of the package, on two targets of the same architecture in the same random network."""

    title: ClassVar[str] = "A ticket is a mask over a fixed network"
    setting: ClassVar[str] = (
        "A random network drawn from a key; a target; the ticket that a construction finds; its weights in steps of "
        "2**-exponent."
    )
    statement: ClassVar[str] = (
        "Every weight of the ticket is the random network's where the mask is 1 and 0 where it is 0; all else that its "
        "module holds is declared; and the search leaves the network as it was: another target finds the same."
    )
    kind: ClassVar[Kind] = Kind.IDENTITY
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "The invariant of this project"
    checked: ClassVar[tuple[str, ...]] = ("every construction", "draws of the independent, plain generator")
    unchecked: ClassVar[tuple[str, ...]] = ("other targets and widths: ticket.verify() checks any",)
    measures: ClassVar[str] = "weights that differ, tensors not declared, networks that differ between two targets"

    complement: bool = False  # of the mask
    altered: int = 0  # added to one weight of each ticket, in lattice steps
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        seeds = size.choose(smoke=1, full=5)
        weights = different = undeclared = networks = 0
        for seed in range(seeds):
            source = key / f"network {seed}"
            for case in CASES:
                here, there = (found(case, key / f"{name} {seed}", source) for name in ("target", "another target"))
                counts = self._compared(here)
                weights, different, undeclared = weights + counts[0], different + counts[1], undeclared + counts[2]
                networks += source_digest(here.source_network) != source_digest(there.source_network)
        missing = {*CONSTRUCTIONS} - {type(case.construction) for case in CASES}
        rows = [
            Comparison.of(f"weights, of {weights:,}, other than network times mask", different, self.relation, 0),
            Comparison.of("tensors that are not declared", undeclared, Equal(), 0),
            Comparison.of("networks that depend on the target", networks, Equal(), 0),
            Comparison.of("constructions without a target here", len(missing), Equal(), 0),
        ]
        return Verdict.of(rows, Exact("integers", f"{seeds * len(CASES)} tickets, {len(CASES)} constructions"))

    def _compared(self, ticket: Ticket) -> tuple[int, int, int]:
        """How many weights there are, how many differ, and how many tensors are not declared."""
        source = ticket.source_network
        state = ticket.module().state_dict()
        weights = different = 0
        for index, name in enumerate(source.tensor_shapes):
            drawn = source.draw_plain(name, slice(None)).astype(np.int64)
            mask = source.dense_mask(name, ticket.mask) ^ self.complement
            # an exact multiplication by a power of two; a weight off the lattice differs from every integer
            steps = np.ldexp(state[name].numpy().astype(np.float64), source.law.exponent)
            got = np.where(steps == np.rint(steps), steps, 2**60).astype(np.int64)
            if index == 0:
                got.flat[0] += self.altered
            different += int(np.count_nonzero(got != drawn * mask))
            weights += drawn.size
        declared = {*source.tensor_shapes, *(c.name for c in source.carried), *(c.name for c in source.constants)}
        return weights, different, len(set(state) - declared)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "the other weights": replace(self, complement=True),
            "one weight moved by a step": replace(self, altered=1),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = TicketsAreMasksOfTheirSource()
