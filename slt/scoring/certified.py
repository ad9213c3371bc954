"""Upper bounds of the sup error over a whole domain, over the reals.

Through the layers go two affine enclosures (``enclosure.py``): one of the target's values h, one of the difference e
between ticket and target. A collapsed layer with matrices P, N and bias b maps the ticket's values h' = h + e to

    P max(h', 0) - N max(-h', 0) + b = W' h' + Q |h'| + b,    W' = (P + N) / 2,  Q = (P - N) / 2,

where for a coordinate of known sign W' is the column of P or of N, and Q is 0. So the difference to the target's
W h + w is (W' - W) h + W' e + Q |h'| + b - w: errors of the weights times values, plus errors of the values. They stay
affine in the input as long as the ReLUs allow, so random errors of weights cancel in the bound as they do in the
network. A plain interval evaluation runs alongside, and every bound is the better of the two.

No solver and no construction is imported: whatever found the ticket, the bound holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.collapsed_transformer import CollapsedTransformer
from slt.domains import Domain
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from slt.merged_rotary import MergedRotary
from slt.scoring.attention import attention_bounds
from slt.scoring.attention_pair import Model
from slt.scoring.enclosure import Enclosure, Region, identity, image, nothing, total
from slt.scoring.networks import Collapsed, Collapsible, checked_domain, collapsed_of, pair
from slt.scoring.relaxation import absolute, relu, relu_difference
from slt.scoring.rotary import rotary_bound
from slt.scoring.rounding import UNDERFLOW, UNIT, downward, interval_product, product_error, product_up, sum_up, upward
from slt.scoring.score import Kind, Score, checked_order
from slt.scoring.transformer import transformer_bound
from slt.targets import Layer, Target

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]


def certified(
    ticket: Collapsible | Collapsed,
    model: nn.Module | Model,
    domain: Domain,
    order: float = np.inf,
) -> Score:
    """An upper bound of the largest ||ticket(x) - model(x)|| over all x of ``domain``, over the reals.

    ``order``: np.inf for the largest output difference, 2 for its Euclidean norm. The value is inf if float64
    overflows. Raises InputError for networks whose layers do not correspond one to one.

    A ticket of attention or of a transformer: the largest error of one output token over all sequences of tokens of
    ``domain``, however long, under any mask; for attention ``slt.scoring.attention_bounds`` gives the bound of the
    paper beside it.
    """
    from threadpoolctl import threadpool_limits

    order = checked_order(order)
    found = collapsed_of(ticket)
    if isinstance(found, MergedAttention):
        return attention_bounds(found, model, domain, order).certified
    if isinstance(found, MergedRotary):
        return rotary_bound(found, model, domain, order)
    if isinstance(found, CollapsedTransformer):
        return transformer_bound(found, model, domain, order)
    network, target = pair(found, model)
    _check(network, target, domain)
    # one thread: the singular values that take most of the time gain nothing from two, and on a busy machine the
    # threads of the linear algebra library wait for each other seven times longer than they work
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        value = _bound(network, target, domain, order)
    value = value if np.isfinite(value) else np.inf
    overflow = "" if np.isfinite(value) else ", float64 overflowed"
    return Score(value, Kind.CERTIFIED_UPPER, norm=order, text=f"certified over {domain}{overflow}")


@final
@dataclass(frozen=True, eq=False)
class _State:
    """Before a layer: the target's values, the difference to the ticket's, and the ticket's values."""

    values: Enclosure
    difference: Enclosure
    ticket: Enclosure


def _bound(network: CollapsedNetwork, target: Target, domain: Domain, order: float) -> float:
    region, state = _start(network, target, domain)
    for block, layer in zip(network.layers, target.layers, strict=True):
        state = _step(region, state, block, layer)
    error = state.difference
    if order == 2:
        return float(np.maximum(error.reach, 0.0))
    return float(np.max(error.largest))


def _start(network: CollapsedNetwork, target: Target, domain: Domain) -> tuple[Region, _State]:
    both = network.input_relu and target.input_relu
    region = Region.of(domain, target.inputs, input_relu=both)
    x = identity(region)
    if both or network.input_relu == target.input_relu or np.all(region.least >= 0):
        return region, _State(x, nothing(region, target.inputs), x)
    bent = relu(region, x)
    values, other = (bent, x) if target.input_relu else (x, bent)
    difference = _minus(region, other, values)
    return region, _State(values, difference, other)


def _minus(region: Region, x: Enclosure, y: Enclosure) -> Enclosure:
    opposite = Enclosure(-y.linear, -y.centre, -y.high, -y.low, y.radius, -y.most, -y.least, y.reach)
    return total(region, x, opposite, downward(x.least - y.most), upward(x.most - y.least))


def _step(region: Region, state: _State, block: CollapsedLayer, layer: Layer) -> _State:
    values, difference, ticket = state.values, state.difference, state.ticket
    bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
    zero = np.zeros(layer.outputs)

    z = image(region, [(layer.weight, values)], bias, zero, *_interval(layer.weight, values, bias))

    up, down = ticket.least >= 0, ticket.most <= 0
    P, N = block.positive, block.negative
    weight = np.where(up, P, np.where(down, N, P / 2 + N / 2))
    bend = np.where(up | down, 0.0, P / 2 - N / 2)
    slack = _slack(block, layer, values, ticket)
    slip = block.bias - bias
    slack = upward(slack + upward(UNIT * np.abs(slip)))
    bottom, top = _ticket_interval(block, ticket)
    least, most = downward(bottom - z.most), upward(top - z.least)
    if not difference.largest.any():
        alone = _equal_inputs_interval(block, layer, values, slip, slack)
        least, most = np.fmax(least, alone[0]), np.fmin(most, alone[1])
    delta = image(
        region,
        [(weight - layer.weight, values), (weight, difference), (bend, absolute(region, ticket))],
        slip,
        slack,
        least,
        most,
    )
    other = total(region, z, delta, bottom, top)
    if not layer.relu:
        return _State(z, delta, other)
    values, difference = relu(region, z), relu_difference(region, delta, z, other)
    least, most = np.maximum(other.least, 0.0), np.maximum(other.most, 0.0)
    return _State(values, difference, total(region, values, difference, least, most))


def _slack(block: CollapsedLayer, layer: Layer, values: Enclosure, ticket: Enclosure) -> FloatArray:
    """What the rounded matrices of a step leave out of the difference, (outputs,).

    (P + N) / 2, (P - N) / 2 and (P + N) / 2 - W are rounded by at most 3 u (|P| + |N| + |W|) together; the block's own
    entries are known up to ``block.rounding``.
    """
    largest = np.maximum(values.largest, ticket.largest)
    size = np.abs(block.positive) + np.abs(block.negative) + np.abs(layer.weight)
    rounded = upward(upward(4.0 * UNIT * product_up(size, largest)) + upward(8.0 * UNDERFLOW * sum_up(largest)))
    if block.rounding == 0:
        return rounded
    spread = min(float(sum_up(ticket.largest)), float(upward(upward(np.sqrt(float(len(largest)))) * ticket.reach)))
    return upward(rounded + upward(upward(spread + 1.0) * block.rounding))


def _interval(weight: FloatArray, x: Enclosure, constant: FloatArray) -> tuple[FloatArray, FloatArray]:
    bottom, top = interval_product(weight, x.least, x.most)
    return downward(bottom + constant), upward(top + constant)


def _ticket_interval(block: CollapsedLayer, x: Enclosure) -> tuple[FloatArray, FloatArray]:
    """Interval bounds of the ticket's values behind a block."""
    right = interval_product(block.positive, np.maximum(x.least, 0.0), np.maximum(x.most, 0.0))
    left = interval_product(block.negative, np.maximum(-x.most, 0.0), np.maximum(-x.least, 0.0))
    unknown = upward(upward(sum_up(x.largest) + 1.0) * block.rounding)
    bottom = downward(downward(downward(right[0] - left[1]) + block.bias) - unknown)
    return bottom, upward(upward(upward(right[1] - left[0]) + block.bias) + unknown)


def _equal_inputs_interval(
    block: CollapsedLayer, layer: Layer, x: Enclosure, slip: FloatArray, slack: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds of the difference of a block and a layer on the same inputs x.

    It is a sum of functions of one coordinate each, (P - W) x for x > 0 and (N - W) x for x < 0, whose extremes over an
    interval lie at its ends or at 0.
    """
    above, below = block.positive - layer.weight, block.negative - layer.weight
    ends = [np.where(end > 0, above, below) * end for end in (x.least, x.most)]
    zero = np.where((x.least < 0) & (x.most > 0), 0.0, ends[0])
    bottom = np.minimum(zero, np.minimum(*ends)).sum(axis=1)
    top = np.maximum(zero, np.maximum(*ends)).sum(axis=1)
    size = np.abs(block.positive) + np.abs(block.negative) + np.abs(layer.weight)
    error = product_error(size, x.largest, 1.0)
    error = upward(upward(4.0 * error) + slack)
    return downward(downward(bottom + slip) - error), upward(upward(top + slip) + error)


def _check(network: CollapsedNetwork, target: Target, domain: Domain) -> None:
    checked_domain(domain, "certifying a ticket")
    if len(network.layers) != len(target.layers):
        raise InputError(
            f"certifying a ticket: it has {len(network.layers)} blocks, the model has {len(target.layers)} linear "
            "layers; one block a layer is needed. Sampling compares networks of any depth"
        )
    for i, (block, layer) in enumerate(zip(network.layers, target.layers, strict=True)):
        if block.positive.shape != layer.weight.shape or block.relu != layer.relu:
            raise InputError(
                f"certifying a ticket: block {i} has matrices of shape {block.positive.shape} and relu={block.relu}, "
                f"the model's {layer.name} has {layer.weight.shape} and relu={layer.relu}; they must agree. "
                "Sampling compares any networks"
            )
