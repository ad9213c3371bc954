"""A function of one variable from two random layers twice, inner errors absorbed by interpolating again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.arguments import is_number
from slt.constructions.construction import Construction, Request
from slt.constructions.interpolant import PiecewiseLinear
from slt.constructions.part_masks import part_mask
from slt.constructions.selections import LIMIT, FewestItems, NearestItem, NearestSum, Selection
from slt.constructions.splits import SignOptimal
from slt.constructions.sums import Tally, scale_of
from slt.errors import AssumptionError, InputError, NoUsableItemError
from slt.masks import Mask
from slt.subset_sum import Problem
from slt.targets import Target
from slt.tickets import Block, Part, Ticket, TwoLayerSource
from slt.tickets.branches import Wanted

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

INNER = 0.5  # the largest error of an inner weight, relative to it
SMALLEST = 1 / 8  # inner weights are planned no smaller than this share of the largest
CLOSEST = 1e-6  # knots nearer than this share of the interval to the last count as one


@final
@dataclass(frozen=True)
class Univariate(Construction):
    """Burkholz, Laha, Mukherjee, Gotovos, "On the existence of universal lottery tickets" (ICLR 2022): univariate
    blocks, as described from their released code; the theorem's constants are unverified and not used.

    The target is a ``PiecewiseLinear`` on [low, high], low >= 0. Errors of the inner layer are not errors of the
    function, so it is cheap: an inner weight w_i > 0 is the first single random product within 50 % of the planned one
    (a sum of few products where none is), its bias the shortest sum that puts the knot -b_i / w_i within
    ``knot_error`` of the planned one. From the exact integers of that layer come the realised knots; the function is
    interpolated there again, and the outer sums aim at the coefficients that this gives. One unit without a bias
    carries the first slope, since relu(w x) is linear on x >= 0. Nothing is re-drawn.

    knot_error  the largest error of a knot, as a share of the interval beside it. It lengthens intervals by up to
                2 * knot_error, and so the error of interpolation by up to twice that share
    selection   which units the outer sums keep: ``NearestSum()``; ``FewestItems()``, as few as the tolerance allows

    The ticket's ``target`` is the network that the outer sums aimed at: the realised inner layer, exactly, and the
    function interpolated at its knots. ``slt.certified(ticket, ticket.target, domain)`` is the subset-sum part of the
    error; the rest is the law of interpolation. A tolerance is that of the outer sums alone; ``max_items`` also caps
    the items of an inner sum. A unit that no sum gives an inner weight is left out, and the others stand in for it.
    """

    theorem: ClassVar[str] = "Burkholz et al. 2022, univariate tickets"
    depth: ClassVar[str] = "4"
    law: ClassVar[str] = "slt.laws.interpolation"
    status: ClassVar[str] = "sums exact, function interpolated"

    knot_error: float = 0.01
    selection: Selection = field(default_factory=NearestSum)

    def __post_init__(self) -> None:
        if not isinstance(self.selection, Selection):
            raise InputError(
                f"Univariate: selection must be an object such as NearestSum(); {self.selection!r} was given"
            )
        if not (is_number(self.knot_error) and 0 < self.knot_error <= 0.25):
            raise InputError(f"Univariate: knot_error must lie in (0, 1/4]; {self.knot_error!r} was given")

    def read(self, model: Any) -> PiecewiseLinear:
        if not isinstance(model, PiecewiseLinear):
            raise InputError(
                f"find_ticket: Univariate takes a function of one variable, as PiecewiseLinear.of(f, low, high, knots);"
                f" {type(model).__name__} was given. TwoLayerSum takes networks"
            )
        return model

    def find(self, request: Request) -> Ticket:
        self.selection.check(request.tolerance, request.max_items)
        function: PiecewiseLinear = request.target
        _check_domain(function, request)
        planned, knots = _plan(function)
        scale = scale_of("the inner layer", float(max(planned.max(), (planned * knots).max())))
        source = _source(request, function, scale, 0)
        weights, biases = (source.distinct_parts[f"layer 0/{name}"] for name in ("weight", "bias"))

        inner = self._weights(source, weights, planned, request)
        found = source.sums(weights, inner)[0][:, 0]
        if found[0] <= 0:
            raise NoUsableItemError(
                f"find_ticket: at width {request.width} with {request.key} no sum of random products above 0 makes the "
                "unit that carries the first slope. Raise width"
            )
        shift = self._biases(source, biases, knots, found, request)
        exponent = 2 * source.law.exponent
        weight, bias = (
            np.ldexp(sums.astype(np.float64), scale - exponent) for sums in (found, source.sums(biases, shift)[0][:, 0])
        )
        outer, constant = _refit(function, weight, bias)

        # half of the reach: one bit coarser, but the tail of sums out of reach is what limits small widths
        outer_scale = scale_of("the outer layer", 2 * float(max(np.abs(outer).max(), np.abs(constant).max())))
        source = _source(request, function, scale, outer_scale)
        one = np.ones(1, dtype=np.bool_)
        tally = Tally(outer.size + constant.size, request, self.selection)
        masks = {inner_part.name: mask for inner_part, mask in ((weights, inner), (biases, shift))}
        for name, wanted in (
            ("layer 1/weight", Wanted(outer, np.ones(weight.size, dtype=np.bool_), np.zeros(weight.size, np.bool_))),
            ("layer 1/bias", Wanted(constant[:, None], one, ~one)),
        ):
            part = source.distinct_parts[name]
            masks[name] = Mask.of(part_mask(source, part, wanted, SignOptimal(), tally, name))
        findings = tally.findings()
        findings = replace(
            findings,
            sums=findings.sums + weight.size + bias.size - 1,
            needed_width=None,  # another width realises other knots, so widths do not compare sum by sum
            kept=findings.kept + inner.kept + shift.kept,
        )
        aimed = Target.from_arrays([weight[:, None], outer], [bias, constant])
        return Ticket(source, masks, request.domain, aimed, findings)

    def _weights(self, source: TwoLayerSource, part: Part, planned: FloatArray, request: Request) -> Mask:
        wanted = np.rint(np.ldexp(planned, 2 * source.law.exponent - part.scale)).astype(np.int64)
        allowed = np.floor(INNER * wanted).astype(np.int64)
        problem = _problem(source, part, wanted, request)
        result = NearestItem().solve(problem, allowed)
        mask = result.mask.copy()
        rest = np.flatnonzero(np.abs(result.residual_lattice) > allowed)
        if rest.size:
            several = FewestItems().solve(problem.rows(rest), allowed[rest])
            near = np.abs(several.residual_lattice) <= allowed[rest]
            # the first slope has no stand-in: the best there is will do
            mask[rest] = several.mask & (near | (rest == 0))[:, None]
        return Mask.of(mask[:, None, :])

    def _biases(
        self, source: TwoLayerSource, part: Part, knots: FloatArray, found: Int64Array, request: Request
    ) -> Mask:
        """``found``: the realised inner weights, as integers."""
        wanted = -np.rint(knots * found).astype(np.int64)
        gaps = np.diff(np.append(knots, request.target.high))
        gaps[1:] = np.minimum(gaps[1:], gaps[:-1])
        allowed = np.floor(self.knot_error * gaps * found).astype(np.int64)
        result = FewestItems().solve(_problem(source, part, wanted, request), allowed)
        return Mask.of((result.mask & (wanted != 0)[:, None])[:, None, :])


def _problem(source: TwoLayerSource, part: Part, wanted: Int64Array, request: Request) -> Problem:
    """The sums of a part with one coordinate, over the first units that answer positive inputs."""
    first = source.first(part)
    items = (source.second(part, slice(None)) * first)[:, 0]
    usable = first > 0
    usable &= np.cumsum(usable, axis=1) <= min(request.max_items, LIMIT)
    return Problem.of(items, wanted, usable, lattice=2 * source.law.exponent)


def _source(request: Request, function: PiecewiseLinear, inner: int, outer: int) -> TwoLayerSource:
    """The same random network whatever the scales are."""
    units = len(function.knots) - 1
    blocks = (Block(1, units, 0, 0, True, inner), Block(units, function.outputs, 1, 1, False, outer))
    return TwoLayerSource(request.key, request.law, request.width, blocks)


def _plan(function: PiecewiseLinear) -> tuple[FloatArray, FloatArray]:
    """Inner weights and knots of the units, (N,) each; the first one has its knot at 0."""
    changes = function.slopes
    changes[:, 1:] -= function.slopes[:, :-1]
    planned = np.sqrt(np.abs(changes).max(axis=0))
    largest = float(planned.max()) or 1.0
    return np.maximum(planned, SMALLEST * largest), np.concatenate([[0.0], function.knots[1:-1]])


def _refit(function: PiecewiseLinear, weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Outer weights (outputs, N) and constants (outputs,) that interpolate the function at the realised knots.

    Units without a weight, with a knot outside the interval or at another's get 0."""
    low, high = function.low, function.high
    knots = np.where(weight > 0, -bias / np.where(weight > 0, weight, 1.0), -1.0)
    order = np.argsort(knots[1:], kind="stable") + 1
    inside, last = [], low
    for i in order.tolist():
        if low < knots[i] < high and min(knots[i] - last, high - knots[i]) > CLOSEST * (high - low):
            inside.append(i)
            last = knots[i]
    points = np.concatenate([[low], knots[inside], [high]])
    values = function.at(points)
    slopes = np.diff(values, axis=1) / np.diff(points)
    outer = np.zeros((function.outputs, weight.size))
    outer[:, 0] = slopes[:, 0] / weight[0]
    outer[:, inside] = np.diff(slopes, axis=1) / weight[inside]
    return outer, np.asarray(values[:, 0] - slopes[:, 0] * low)


def _check_domain(function: PiecewiseLinear, request: Request) -> None:
    low, high = (float(bound[0]) for bound in request.domain.bounds(1))
    if function.low < 0:
        raise AssumptionError(
            f"find_ticket: Univariate assumes an interval of x >= 0, where one sign of random units serves; it is "
            f"[{function.low:.6g}, {function.high:.6g}]. Shift the variable, f(u + {function.low:.6g}) on "
            f"[0, {function.high - function.low:.6g}], or take TwoLayerSum for PiecewiseLinear.target()"
        )
    if low < function.low or high > function.high:
        raise AssumptionError(
            f"find_ticket: Univariate interpolates on [{function.low:.6g}, {function.high:.6g}], inputs from "
            f"{low:.6g} to {high:.6g} were asked for. Give inputs=Box({function.low:.6g}, {function.high:.6g}), or a "
            "PiecewiseLinear on the larger interval"
        )
