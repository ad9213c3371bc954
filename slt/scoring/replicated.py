"""How bounds pass a layer of a ticket that builds every hidden neuron of the target several times.

The ticket's unit neuron * copies + copy stands for the target's neuron. Its values are h'_jc = h_j + e_jc, the target's
value and a difference of its own for every copy. So a row of the ticket, of weights k_jc, differs from the target's by

    sum_j (sum_c k_jc - w_j) h_j + sum_jc k_jc e_jc + b - w_0:

the copies of one neuron share the target's value, and their weights count as one. Nothing is assumed of the ticket: the
bound holds for any matrices of these shapes, and is near only if the units stand as said.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedLayer
from slt.scoring.enclosure import Enclosure, Region, image, total
from slt.scoring.linear_maps import DenseMap
from slt.scoring.relaxation import absolute, relu, relu_difference
from slt.scoring.rounding import UNDERFLOW, UNIT, downward, gamma, product_up, sum_up, upward
from slt.scoring.steps import MapPair, State, equal_inputs_interval, ticket_interval, value_interval
from slt.targets import Layer

FloatArray = npt.NDArray[np.float64]


def copies_of(block: CollapsedLayer, layer: Layer) -> tuple[int, int] | None:
    """How many rows of the block stand for an output of the layer, and how many columns for an input; None where the
    shapes are no multiples."""
    (rows, columns), (outputs, inputs) = block.positive.shape, layer.weight.shape
    if rows == 0 or rows % outputs or columns % inputs:
        return None
    return rows // outputs, columns // inputs


def passed_copies(region: Region, state: State, block: CollapsedLayer, layer: Layer) -> State:
    """Behind a layer. ``state.values`` are the target's, without copies; difference and ticket have one a unit."""
    found = copies_of(block, layer)
    assert found is not None
    rows, columns = found
    values, difference, ticket = state.values, state.difference, state.ticket
    bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
    W = DenseMap(layer.weight)
    z = image(region, [(W, values)], bias, np.zeros(layer.outputs), *value_interval(W, values, bias))
    told = repeated(z, rows)

    wanted, size = np.repeat(layer.weight, rows, axis=0), np.repeat(values.largest, columns)
    P, N = block.positive, block.negative
    up, down = ticket.least >= 0, ticket.most <= 0
    weight = np.where(up, P, np.where(down, N, P / 2 + N / 2))
    bend = np.where(up | down, 0.0, P / 2 - N / 2)
    joined = weight.reshape(len(weight), layer.inputs, columns).sum(axis=2)
    # P and N halved and added, the sum over copies, its difference to the target
    largest = np.maximum(size, ticket.largest)
    slack = upward((4.0 * UNIT + gamma(columns + 2)) * product_up(np.abs(P) + np.abs(N), largest))
    slack = upward(slack + upward(4.0 * UNIT * product_up(np.abs(wanted), values.largest)))
    slack = upward(slack + upward(8.0 * UNDERFLOW * sum_up(largest)))
    if block.rounding:
        spread = min(float(sum_up(ticket.largest)), float(upward(upward(np.sqrt(float(len(largest)))) * ticket.reach)))
        slack = upward(slack + upward(upward(spread + 1.0) * block.rounding))
    slip = block.bias - np.repeat(bias, rows)
    slack = upward(slack + upward(UNIT * np.abs(slip)))

    pair = MapPair(DenseMap(wanted), np.repeat(bias, rows), DenseMap(P), DenseMap(N), block.bias, block.rounding)
    bottom, top = ticket_interval(pair, ticket)
    least, most = downward(bottom - told.most), upward(top - told.least)
    if columns == 1 and not difference.largest.any():
        alone = equal_inputs_interval(pair, values, slip, slack)
        least, most = np.fmax(least, alone[0]), np.fmin(most, alone[1])
    terms = [(DenseMap(joined - wanted), values), (DenseMap(weight), difference)]
    if bend.any():
        terms.append((DenseMap(bend), absolute(region, ticket)))
    delta = image(region, terms, slip, slack, least, most)
    other = total(region, told, delta, bottom, top)
    if not layer.relu:
        return State(z, delta, other)
    behind, gap = relu(region, z), relu_difference(region, delta, told, other)
    ends = np.maximum(other.least, 0.0), np.maximum(other.most, 0.0)
    return State(behind, gap, total(region, repeated(behind, rows), gap, *ends))


def repeated(x: Enclosure, times: int) -> Enclosure:
    """Every coordinate ``times`` times, one after the other."""
    if times == 1:
        return x
    root = float(upward(np.sqrt(float(times))))
    linear, centre, low, high, least, most = (
        np.repeat(a, times, axis=0) for a in (x.linear, x.centre, x.low, x.high, x.least, x.most)
    )
    return Enclosure(
        linear, centre, low, high, float(upward(root * x.radius)), least, most, float(upward(root * x.reach))
    )
