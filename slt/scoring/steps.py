"""How bounds of target, difference and ticket pass a layer: one linear map, or a ReLU, in both networks at once.

The ticket's map has matrices P on positive and N on negative inputs and a bias b. It takes the ticket's values
h' = h + e to

    P max(h', 0) - N max(-h', 0) + b = W' h' + Q |h'| + b,    W' = (P + N) / 2,  Q = (P - N) / 2,

where for a coordinate of known sign W' is the column of P or of N, and Q is 0. So the difference to the target's
W h + w is (W' - W) h + W' e + Q |h'| + b - w: errors of the weights times values, plus errors of the values. They stay
affine in the input as long as the ReLUs allow, so random errors of weights cancel in the bound as they do in the
network. A plain interval evaluation runs alongside, and every bound is the better of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.scoring.enclosure import Enclosure, Region, image, total
from slt.scoring.linear_maps import LinearMap
from slt.scoring.relaxation import absolute, relu, relu_difference
from slt.scoring.rounding import UNDERFLOW, UNIT, downward, sum_up, upward

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class State:
    """At one place of both networks: the target's values, the difference to the ticket's, and the ticket's values."""

    values: Enclosure
    difference: Enclosure
    ticket: Enclosure


@final
@dataclass(frozen=True, eq=False)
class MapPair:
    """A linear map of the target, ``weight`` and ``bias``, and the ticket's in its place: ``positive`` and ``negative``
    on inputs above and below zero, ``constant`` its bias, each number known up to ``rounding``. Biases (outputs,)."""

    weight: LinearMap
    bias: FloatArray
    positive: LinearMap
    negative: LinearMap
    constant: FloatArray
    rounding: float

    @property
    def size(self) -> FloatArray:
        return np.abs(self.positive.entries) + np.abs(self.negative.entries) + np.abs(self.weight.entries)


def passed_relu(region: Region, state: State) -> State:
    """Behind a ReLU in both networks."""
    values = relu(region, state.values)
    difference = relu_difference(region, state.difference, state.values, state.ticket)
    least, most = np.maximum(state.ticket.least, 0.0), np.maximum(state.ticket.most, 0.0)
    return State(values, difference, total(region, values, difference, least, most))


def passed_map(region: Region, state: State, pair: MapPair) -> State:
    """Behind a linear map."""
    values, difference, ticket = state.values, state.difference, state.ticket
    W, P, N = pair.weight, pair.positive.entries, pair.negative.entries
    zero = np.zeros(len(pair.bias))

    z = image(region, [(W, values)], pair.bias, zero, *value_interval(W, values, pair.bias))

    up, down = W.where(ticket.least >= 0), W.where(ticket.most <= 0)
    weight = np.where(up, P, np.where(down, N, P / 2 + N / 2))
    bend = np.where(up | down, 0.0, P / 2 - N / 2)
    slack = _slack(pair, values, ticket)
    slip = pair.constant - pair.bias
    slack = upward(slack + upward(UNIT * np.abs(slip)))
    bottom, top = ticket_interval(pair, ticket)
    least, most = downward(bottom - z.most), upward(top - z.least)
    if not difference.largest.any():
        alone = equal_inputs_interval(pair, values, slip, slack)
        least, most = np.fmax(least, alone[0]), np.fmin(most, alone[1])
    delta = image(
        region,
        [
            (W.having(weight - W.entries), values),
            (W.having(weight), difference),
            (W.having(bend), absolute(region, ticket)),
        ],
        slip,
        slack,
        least,
        most,
    )
    return State(z, delta, total(region, z, delta, bottom, top))


def _slack(pair: MapPair, values: Enclosure, ticket: Enclosure) -> FloatArray:
    """What the rounded entries of a step leave out of the difference, (outputs,).

    (P + N) / 2, (P - N) / 2 and (P + N) / 2 - W are rounded by at most 3 u (|P| + |N| + |W|) together; the ticket's own
    entries are known up to ``rounding``.
    """
    largest = np.maximum(values.largest, ticket.largest)
    size = pair.weight.having(pair.size)
    rounded = upward(upward(4.0 * UNIT * size.product_up(largest)) + upward(8.0 * UNDERFLOW * sum_up(largest)))
    if pair.rounding == 0:
        return rounded
    spread = min(float(sum_up(ticket.largest)), float(upward(upward(np.sqrt(float(len(largest)))) * ticket.reach)))
    return upward(rounded + upward(upward(spread + 1.0) * pair.rounding))


def value_interval(weight: LinearMap, x: Enclosure, constant: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Interval bounds of a layer's values."""
    bottom, top = weight.interval(x.least, x.most)
    return downward(bottom + constant), upward(top + constant)


def ticket_interval(pair: MapPair, x: Enclosure) -> tuple[FloatArray, FloatArray]:
    """Interval bounds of the ticket's values behind the map."""
    right = pair.positive.interval(np.maximum(x.least, 0.0), np.maximum(x.most, 0.0))
    left = pair.negative.interval(np.maximum(-x.most, 0.0), np.maximum(-x.least, 0.0))
    unknown = upward(upward(sum_up(x.largest) + 1.0) * pair.rounding)
    bottom = downward(downward(downward(right[0] - left[1]) + pair.constant) - unknown)
    return bottom, upward(upward(upward(right[1] - left[0]) + pair.constant) + unknown)


def equal_inputs_interval(
    pair: MapPair, x: Enclosure, slip: FloatArray, slack: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds of the difference of both maps on the same inputs x.

    It is a sum of functions of one coordinate each, (P - W) x for x > 0 and (N - W) x for x < 0, whose extremes over an
    interval lie at its ends or at 0.
    """
    W = pair.weight
    above = W.having(pair.positive.entries - W.entries)
    bottom, top = above.ends(pair.negative.entries - W.entries, x.least, x.most)
    error = W.having(pair.size).product_error(x.largest, 1.0)
    error = upward(upward(4.0 * error) + slack)
    return downward(downward(bottom + slip) - error), upward(upward(top + slip) + error)
