"""The sup error from both sides, the gap closed by splitting the box: branch and bound.

The certificate of a small box is sharper: fewer units have no known sign there, and where all signs are known both
networks are affine. The box with the largest bound is split in two until the largest bound left is within a factor of
the largest error found. Every number is a bound over the reals at any moment, however far it came.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedNetwork
from slt.domains import Box
from slt.errors import InputError
from slt.scoring.ascent import ascend
from slt.scoring.certified import chain_bound, check_chain
from slt.scoring.networks import Collapsed, Collapsible, pair
from slt.scoring.sampled import sampled
from slt.scoring.score import Kind, Score, checked_order
from slt.targets import Target

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]

STARTS = 64  # inputs that the ascent starts from, each time
STEPS = 20
CORNERS = 5  # with at most this many inputs, errors are measured at all corners of every box


@final
@dataclass(frozen=True)
class ClosedGap:
    """The largest error lies in [``lower``, ``upper``].

    ``boxes``    how many were bounded
    ``closed``   whether upper <= ratio * lower was reached; else ``most_boxes`` ended it, or boxes one float wide
    ``inputs``   the input with the largest error found, shape (d,)
    """

    lower: Score
    upper: Score
    boxes: int
    closed: bool
    inputs: FloatArray

    @property
    def ratio(self) -> float:
        """upper / lower: 1 where both are 0, inf where only the lower bound is."""
        if self.upper.value == 0:
            return 1.0
        return float("inf") if self.lower.value == 0 else self.upper.value / self.lower.value


def closed_gap(
    ticket: Collapsible | Collapsed,
    model: nn.Module | Target,
    box: Box,
    ratio: float = 2.0,
    most_boxes: int = 10_000,
    order: float = np.inf,
) -> ClosedGap:
    """Bounds of the largest ||ticket(x) - model(x)|| over ``box`` with upper <= ``ratio`` * lower, over the reals.

    Upper bounds are those of ``slt.certified`` on the boxes of a partition, at most ``most_boxes`` of them; lower ones
    those of ``slt.sampled`` at inputs found by ``slt.ascend`` and in all boxes. For chains of linear layers and ReLUs
    with few inputs, as each halving of all sides takes 2**d boxes. ``order`` as in ``slt.certified``. Deterministic.
    Raises InputError: for other domains and tickets, ``ratio`` <= 1, ``most_boxes`` < 1, and what ``slt.certified``
    refuses.
    """
    from threadpoolctl import threadpool_limits

    order = checked_order(order)
    if not isinstance(box, Box):
        raise InputError(
            f"closing a gap: a {type(box).__name__} was given; a Box can be split, such as slt.Box(-1.0, 1.0)"
        )
    if not 1 < ratio < np.inf:
        raise InputError(f"closing a gap: ratio={ratio!r} was given; a finite number above 1 is needed")
    if isinstance(most_boxes, bool) or not isinstance(most_boxes, (int, np.integer)) or most_boxes < 1:
        raise InputError(f"closing a gap: most_boxes={most_boxes!r} was given; a whole number >= 1 is needed")
    network, target = pair(ticket, model)
    check_chain(network, target, box)
    # one thread, as in ``certified``; set once for all boxes
    with threadpool_limits(limits=1, user_api="blas"):
        search = _Search(network, target, box, order)
        while not search.closed(ratio) and search.boxes + 2 <= most_boxes and search.split():
            pass
        return search.found(ratio)


@final
class _Search:
    """A partition of the box, the largest bound first, and the best input so far."""

    def __init__(self, network: CollapsedNetwork, target: Target, box: Box, order: float) -> None:
        self._network, self._target, self._box, self._order = network, target, box, order
        self._carries = _carries(target)
        self._count = itertools.count()  # between equal bounds, the older box first
        self._heap: list[tuple[float, int, FloatArray, FloatArray]] = []
        self.boxes = 0
        d = target.inputs
        low, high = box.bounds(d)
        self._rng = np.random.default_rng(0)
        self._best, self._lower = (low / 2 + high / 2), Score(0.0, Kind.SAMPLED_LOWER, norm=order)
        self._ascend(np.vstack([self._best[None], box.sample(d, STARTS, self._rng)]))
        self._next_ascent = 32
        self._add(low, high, np.inf)

    def closed(self, ratio: float) -> bool:
        return self._upper <= ratio * self._lower.value

    @property
    def _upper(self) -> float:
        return -self._heap[0][0]

    def split(self) -> bool:
        """Splits the box with the largest bound; False where it has no inner point on any side."""
        negative, _, low, high = heapq.heappop(self._heap)
        cut, point = self._cut(low, high)
        if not low[cut] < point < high[cut]:
            heapq.heappush(self._heap, (negative, next(self._count), low, high))
            return False
        points = []
        for left in (True, False):
            least, most = low.copy(), high.copy()
            (most if left else least)[cut] = point
            self._add(least, most, -negative)
            points.append(self._inside(least, most))
        self._measure(np.concatenate(points))
        if self.boxes >= self._next_ascent:
            self._next_ascent *= 2
            worst = heapq.nsmallest(STARTS, self._heap)
            self._ascend(np.stack([least / 2 + most / 2 for _, _, least, most in worst]))
        return True

    def found(self, ratio: float) -> ClosedGap:
        text = f"certified over {self._box} in {self.boxes:,} boxes"
        upper = Score(self._upper, Kind.CERTIFIED_UPPER, norm=self._order, text=text)
        return ClosedGap(self._lower, upper, self.boxes, self.closed(ratio), self._best)

    def _add(self, low: FloatArray, high: FloatArray, known: float) -> None:
        part = Box(tuple(low.tolist()), tuple(high.tolist()))
        here = chain_bound(self._network, self._target, part, self._order)
        # what holds on a box holds on its parts
        heapq.heappush(self._heap, (-min(here, known), next(self._count), low, high))
        self.boxes += 1

    def _inside(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Centre and corners of a box: the largest error need not be at a corner of the whole."""
        d = len(low)
        if d <= CORNERS:
            corners = np.where((np.arange(2**d)[:, None] >> np.arange(d)) & 1, high, low)
        else:
            corners = np.where(self._rng.random((2**CORNERS, d)) < 0.5, high, low)
        return np.vstack([low / 2 + high / 2, corners])

    def _ascend(self, starts: FloatArray) -> None:
        self._measure(ascend(self._network, self._target, self._box, starts, steps=STEPS, order=self._order))

    def _measure(self, points: FloatArray) -> None:
        score = self._sampled(points)
        if score.value <= self._lower.value:
            return
        while len(points) > 1:  # which of them it is: the better half, and again
            halves = np.array_split(points, 2)
            scores = [self._sampled(half) for half in halves]
            points, score = max(zip(halves, scores, strict=True), key=lambda pair: pair[1].value)
        if score.value > self._lower.value:
            self._best, self._lower = points[0], score

    def _sampled(self, points: FloatArray) -> Score:
        return sampled(self._network, self._target, points, order=self._order)

    def _cut(self, low: FloatArray, high: FloatArray) -> tuple[int, float]:
        """The coordinate to split, and where: at 0 where a side holds it inside, since the ticket's maps of positive
        and negative inputs differ; else in the middle of the side that moves units of unknown sign most."""
        layer = self._target.layers[0]
        reach = np.abs(layer.weight) * (high - low) / 2
        bias = 0.0 if layer.bias is None else layer.bias
        unknown = np.abs(layer.weight @ (low / 2 + high / 2) + bias) < reach.sum(axis=1)
        matters = self._carries[unknown] @ reach[unknown] if layer.relu else np.zeros(len(low))
        straddling = (low < 0) & (high > 0)
        if straddling.any():
            matters = np.where(straddling, high - low, -1.0)
        elif not matters.any():
            matters = high - low
        cut = int(np.argmax(matters))
        return cut, 0.0 if straddling[cut] else float(low[cut] / 2 + high[cut] / 2)


def _carries(target: Target) -> FloatArray:
    """How much of a unit of the first layer reaches the outputs, in absolute values; only to choose sides."""
    weights = np.ones(target.outputs)
    for layer in reversed(target.layers[1:]):
        weights = weights @ np.abs(layer.weight)
    return weights
