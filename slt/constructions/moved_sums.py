"""Sums whose second-layer weights may be moved a little: masks and declared moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.constructions.construction import Findings, Request
from slt.constructions.part_masks import batches, unpruned
from slt.constructions.selections import NearestSum
from slt.constructions.splits import Split
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.masks import Mask
from slt.subset_sum import Problem, stepped
from slt.tickets import Part, PerturbedSource, Ticket, TwoLayerSource
from slt.tickets.branches import Wanted, wanted_parts
from slt.tickets.moves import Moves
from slt.tickets.perturbation import Perturbation
from slt.tickets.residuals import allowed

BoolArray = npt.NDArray[np.bool_]


def moved_ticket(construction: TwoLayerConstruction, perturbation: Perturbation, request: Request) -> Ticket:
    """The ticket of a two-layer construction whose kept second-layer weights may be moved."""
    NearestSum().check(None, request.max_items)  # searches are exhaustive, with a tolerance too
    base = construction.lay_out(request)
    wanted = wanted_parts(request.target, request.domain)
    total = sum(w.matrix.shape[0] * (int(w.positive.sum()) + int(w.negative.sum())) for w in wanted.values())
    search = _Search(perturbation, request, total)
    masks = {
        name: Mask.of(search.mask(base, part, wanted[name], construction.units, name))
        for name, part in base.distinct_parts.items()
    }
    source = PerturbedSource(base, perturbation, tuple(search.moves))
    missed = None if request.tolerance is None else search.missed
    return Ticket(source, masks, request.domain, request.target, Findings(total, missed, None, search.kept))


class _Search:
    """Goes through the parts; gathers moves and counts."""

    def __init__(self, perturbation: Perturbation, request: Request, total: int) -> None:
        self.perturbation, self.request, self.total = perturbation, request, total
        self.moves: list[Moves] = []
        self.done = self.missed = self.kept = 0

    def mask(self, source: TwoLayerSource, part: Part, wanted: Wanted, split: Split, name: str) -> BoolArray:
        """The mask of one part, (outputs, coordinates, width); its moves are kept for the source."""
        request, exponent = self.request, source.law.exponent
        mask = unpruned(source, part)
        moved = np.zeros(mask.shape, dtype=np.int64)
        for batch in batches(source, part, wanted, split, request, name, capped=True):
            shape, width = batch.items.shape, source.width
            flat = tuple(
                np.broadcast_to(array, shape).reshape(-1, width)
                for array in (batch.items, batch.usable, batch.first, batch.second)
            )
            locked = None if batch.locked is None else batch.locked.reshape(-1, width)
            problem = Problem.of(flat[0], batch.targets.ravel(), flat[1], lattice=2 * exponent, locked=locked)
            # a step of a second-layer weight moves its product by the weight of the first
            most = np.where(flat[1], self.perturbation.most_steps(flat[3], exponent), 0)
            found = stepped(problem, flat[2].astype(np.int64), most)
            mask[batch.rows, batch.here] |= found.mask.reshape(shape)
            # a unit serves one sign only, so the other branch has no moves of it
            moved[batch.rows, batch.here] += found.steps.reshape(shape)
            self.done += problem.count
            self.kept += int(np.count_nonzero(found.mask))
            if request.tolerance is not None:
                within = allowed(request.tolerance, batch.rounding.ravel(), 2 * exponent - part.scale)
                self.missed += int(np.count_nonzero(np.abs(found.residual_lattice) > within))
            if request.progress is not None:
                request.progress(self.done, self.total)
        places = np.flatnonzero(moved)
        if places.size:
            self.moves.append(Moves(name, places, moved.reshape(-1)[places]))
        return mask
