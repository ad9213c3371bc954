"""How bounds of target, difference and ticket pass what has no weights: pools, sums of two values, padding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.scoring.enclosure import Enclosure, Region, enclose, image, total
from slt.scoring.rounding import UNDERFLOW, UNIT, downward, norm_up, product_up, upward
from slt.scoring.steps import State
from slt.scoring.window_map import WindowMap

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def passed_sum(region: Region, left: State, right: State) -> State:
    """Behind the sum of two values."""
    return State(
        _sum(region, left.values, right.values),
        _sum(region, left.difference, right.difference),
        _sum(region, left.ticket, right.ticket),
    )


def passed_padding(state: State, index: IntArray) -> State:
    """Behind a choice of coordinates, (outputs,): each at most once, zeros where the index is their number."""
    return State(_chosen(state.values, index), _chosen(state.difference, index), _chosen(state.ticket, index))


def passed_mean(region: Region, state: State, index: IntArray, counts: FloatArray) -> State:
    """Behind means over windows: ``index`` (pixels, windows) as ``windows`` makes it, the sums of the window over
    ``counts`` (windows,)."""
    ones = WindowMap(np.ones((1, 1, len(index))), index[None], len(state.values.centre))

    def ends(x: Enclosure) -> tuple[FloatArray, FloatArray]:
        least, most = ones.interval(x.least, x.most)
        return _kept_above(least, np.append(x.least, 0.0)[index].min(axis=0)), most

    def mean(x: Enclosure) -> Enclosure:
        nothing = np.zeros(index.shape[1])
        return _over(region, image(region, [(ones, x)], nothing, nothing, *ends(x)), counts)

    values, difference = mean(state.values), mean(state.difference)
    least, most = ends(state.ticket)
    least, most = _kept_above(downward(least / counts), least), upward(most / counts)
    return State(values, difference, total(region, values, difference, least, most))


def passed_max(region: Region, state: State, index: IntArray) -> State:
    """Behind maxima over windows; ``index`` (pixels, windows) as ``windows`` makes it.

    A maximum is one of the values that can be it, plus what the others may exceed it by. The maxima of target and
    ticket differ by at most the largest difference of a value that can be the ticket's maximum, and by at least the
    smallest of one that can be the target's: at its own maximum either network is no farther below the other.
    """
    m, count = len(state.values.centre), index.shape[1]
    if np.any((index == m).all(axis=0)):
        raise InputError("certifying a ticket of a graph: a window of a max-pool sees no pixel at all")
    target, ticket = _Race(state.values, index), _Race(state.ticket, index)
    windows = np.arange(count)
    pick = np.argmax(target.middle, axis=0)
    chosen = index[pick, windows]
    often = float(np.bincount(index.reshape(-1), minlength=m + 1)[:m].max())  # windows that share a pixel
    shared = upward(np.sqrt(float(np.bincount(chosen).max())))
    reach = upward(np.sqrt(often))

    best = _chosen(state.values, chosen)
    others = target.most.copy()
    others[pick, windows] = -np.inf
    excess = np.maximum(upward(others.max(axis=0) - best.least), 0.0)
    values = enclose(
        region,
        best.linear,
        best.centre,
        best.low,
        upward(best.high + excess),
        float(upward(upward(shared * best.radius) + norm_up(excess))),
        target.least.max(axis=0),
        target.most.max(axis=0),
        float(upward(reach * state.values.reach)),
    )

    e = state.difference
    least, most = np.append(e.least, np.inf)[index], np.append(e.most, -np.inf)[index]
    bottom = np.where(target.candidates, least, np.inf).min(axis=0)
    top = np.where(ticket.candidates, most, -np.inf).max(axis=0)
    alone = target.candidates & ticket.candidates
    sure = (target.candidates | ticket.candidates).sum(axis=0) == 1
    same = _chosen(e, np.where(sure, index[np.argmax(alone, axis=0), windows], m))
    open_ends = np.where(sure, 0.0, np.maximum(np.abs(bottom), np.abs(top)))
    once = upward(np.sqrt(float(np.bincount(chosen[sure], minlength=1).max())))
    difference = enclose(
        region,
        same.linear,
        same.centre,
        np.where(sure, same.low, bottom),
        np.where(sure, same.high, top),
        float(upward(upward(once * same.radius) + min(norm_up(open_ends), upward(reach * e.reach)))),
        np.fmax(bottom, downward(ticket.least.max(axis=0) - target.most.max(axis=0))),
        np.fmin(top, upward(ticket.most.max(axis=0) - target.least.max(axis=0))),
        float(upward(reach * e.reach)),
    )
    return State(
        values,
        difference,
        total(region, values, difference, ticket.least.max(axis=0), ticket.most.max(axis=0)),
    )


class _Race:
    """Which values of each window can be its maximum; (pixels, windows), -inf outside the image."""

    def __init__(self, x: Enclosure, index: IntArray) -> None:
        # a bound that overflowed says nothing
        least, most = np.where(np.isnan(x.least), -np.inf, x.least), np.where(np.isnan(x.most), np.inf, x.most)
        self.least, self.most = np.append(least, -np.inf)[index], np.append(most, -np.inf)[index]
        inside = index < len(x.centre)
        self.candidates = inside & (self.most >= self.least.max(axis=0))
        middle = np.nan_to_num(self.least / 2 + self.most / 2, nan=0.0, neginf=-1e300, posinf=1e300)
        self.middle = np.where(inside, middle, -np.inf)


def _sum(region: Region, x: Enclosure, y: Enclosure) -> Enclosure:
    least = _kept_above(downward(x.least + y.least), np.minimum(x.least, y.least))
    return total(region, x, y, least, upward(x.most + y.most))


def _kept_above(least: FloatArray, of: FloatArray) -> FloatArray:
    """Sums of numbers that are not below zero are not either, though rounding outward makes them a hair less: the next
    layer has to know the sign."""
    return np.where(of >= 0, np.maximum(least, 0.0), least)


def _chosen(x: Enclosure, index: IntArray) -> Enclosure:
    """The coordinates of an index, zero for their number; norms are those of each coordinate once."""

    def taken(a: FloatArray) -> FloatArray:
        return np.asarray(np.concatenate([a, np.zeros((1, *a.shape[1:]))])[index])

    return Enclosure(
        taken(x.linear),
        taken(x.centre),
        taken(x.low),
        taken(x.high),
        x.radius,
        taken(x.least),
        taken(x.most),
        x.reach,
    )


def _over(region: Region, x: Enclosure, counts: FloatArray) -> Enclosure:
    """Each value over a whole number."""
    linear, centre = x.linear / counts[:, None], x.centre / counts
    size = upward(product_up(np.abs(linear), region.half) + np.abs(centre))
    error = upward(upward(2.0 * UNIT * size) + upward(2.0 * UNDERFLOW * upward(region.spread + 1.0)))
    fewest = float(counts.min())
    return enclose(
        region,
        linear,
        centre,
        downward(downward(x.low / counts) - error),
        upward(upward(x.high / counts) + error),
        float(upward(upward(x.radius / fewest) + norm_up(error))),
        _kept_above(downward(x.least / counts), x.least),
        upward(x.most / counts),
        float(upward(x.reach / fewest)),
    )
