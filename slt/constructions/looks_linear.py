"""Every target layer from two random layers of mirrored pairs: one subset sum a weight, on both signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from slt import laws
from slt.constructions.assumptions import chain_of
from slt.constructions.construction import Construction, Request
from slt.constructions.sums import BATCH, Tally, check_items, solve_batch
from slt.constructions.two_layer_sum import TwoLayerSum
from slt.domains import Domain
from slt.errors import LimitError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets import LooksLinearSource, Part, Ticket
from slt.tickets.branches import Wanted, wanted_parts
from slt.tickets.residuals import on_lattice
from slt.weights import Uniform

BoolArray = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True)
class LooksLinear(Construction):
    """Fischer, Gadhikar, Burkholz, "Lottery tickets with nonzero biases" (arXiv 2110.11150, 2021), with the
    looks-linear initialisation (theorem recalled, its constants unverified). Their M is orthogonal; here M and N have
    independent weights of the law.

    A pair of hidden units, u and -u with read-outs v and -v, computes u v x for every x, so a target weight is the sum
    of the products u v over a subset of pairs: every pair can serve, whatever its sign, and one sum does for both signs
    of the input. A bias is such a sum of random biases b and -b. A target weight beyond 1 is divided by a power of two,
    as in ``TwoLayerSum``.

    ``width`` counts pairs, so a coordinate has twice as many hidden units; compare sources by ``source.weights``.
    Error: one bit a pair, half a bit a hidden unit. That is the rate of ``TwoLayerSum``, without its scatter in the
    number of usable units and with half as many sums where both signs occur. The second halves of both layers are no
    draws of their own: the source holds half as many independent numbers as weights.

    The masks of the first layers prune the half of a pair that is silent where inputs are never negative (behind a
    ReLU, at the constant); all else is kept or removed in pairs.
    """

    theorem: ClassVar[str] = "Fischer, Gadhikar, Burkholz 2021"
    depth: ClassVar[str] = "2L"
    law: ClassVar[str] = "slt.laws.networks"
    status: ClassVar[str] = "sums exact, network certified"

    def read(self, model: object) -> Target:
        return chain_of(model, "LooksLinear")

    def lay_out(self, request: Request) -> LooksLinearSource:
        """The source network for a target: its architecture, weight law and key."""
        return LooksLinearSource(TwoLayerSum().lay_out(request))

    def find(self, request: Request) -> Ticket:
        check_items(request)
        source = self.lay_out(request)
        wanted = wanted_parts(request.target, request.domain)
        total = sum(w.matrix.shape[0] * int((w.positive | w.negative).sum()) for w in wanted.values())
        tally = Tally(total, request)
        masks = {
            name: Mask.of(_pair_mask(source, part, wanted[name], tally)) for name, part in source.distinct_parts.items()
        }
        return Ticket(source, masks, request.domain, request.target, tally.findings())

    def law_layers(self, target: Target, domain: Domain) -> list[laws.LayerSums]:
        """The sums that a target poses on a domain, for the functions of ``slt.laws.networks`` with
        ``slt.laws.EVERY_UNIT``; as ``TwoLayerSum.law_layers``."""
        return TwoLayerSum().law_layers(target, domain)

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        # the smallest resolution of any layer for all of them
        scale = max(block.scale for block in self.lay_out(request).half.blocks)
        sums = self.law_layers(request.target, request.domain)
        try:
            return laws.needed_width_quantile(0.5, tolerance / 2.0**scale, sums, laws.EVERY_UNIT)
        except LimitError:
            return None


def _pair_mask(source: LooksLinearSource, part: Part, wanted: Wanted, tally: Tally) -> BoolArray:
    """The mask of one part, shape (outputs, coordinates, width)."""
    half, request = source.half, tally.request
    needed = np.flatnonzero(wanted.positive | wanted.negative)
    first = half.first(part)[needed]
    usable = np.ones(first.shape, dtype=np.bool_)
    if request.tolerance is None:
        usable[:, request.max_items :] = False
    targets, rounding = on_lattice(wanted.matrix[:, needed], 2 * source.law.exponent - part.scale)
    mask = np.zeros((part.outputs, part.coordinates, source.width), dtype=np.bool_)
    step = max(1, BATCH // (part.coordinates * source.width))
    for start in range(0, part.outputs if needed.size else 0, step):
        rows = slice(start, min(start + step, part.outputs))
        items = half.second(part, rows)[:, needed] * first
        mask[rows, needed] = solve_batch(items, targets[rows], rounding[rows], usable, part.scale, tally)
    return mask
