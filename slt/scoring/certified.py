"""Upper bounds of the sup error over a whole domain, over the reals.

Through the layers go two affine enclosures (``enclosure.py``), one of the target's values, one of the difference
between ticket and target; ``steps.py`` says how they pass a layer.

No solver and no construction is imported: whatever found the ticket, the bound holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.collapsed_graph import CollapsedGraph
from slt.collapsed_transformer import CollapsedTransformer
from slt.domains import Domain
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from slt.merged_rotary import MergedRotary
from slt.scoring.attention import attention_bounds
from slt.scoring.attention_pair import Model
from slt.scoring.enclosure import Enclosure, Region, identity, nothing, total
from slt.scoring.graph import graph_bound
from slt.scoring.linear_maps import DenseMap
from slt.scoring.networks import Collapsed, Collapsible, checked_domain, collapsed_of, pair
from slt.scoring.relaxation import relu
from slt.scoring.replicated import copies_of, passed_copies
from slt.scoring.rotary import rotary_bound
from slt.scoring.rounding import downward, upward
from slt.scoring.score import Kind, Score, checked_order
from slt.scoring.steps import MapPair, State, passed_map, passed_relu
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
    overflows. Raises InputError for networks whose layers do not correspond one to one; hidden units of the ticket may
    be copies of the model's, unit neuron * copies + copy.

    A ticket of attention or of a transformer: the largest error of one output token over all sequences of tokens of
    ``domain``, however long, under any mask; for attention ``slt.scoring.attention_bounds`` gives the bound of the
    paper beside it. A convolutional or residual ticket: the domain speaks of the flattened inputs, the error is of all
    outputs, and the shape of an input has to be known (``GraphTarget.of(model, input_shape)``).
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
    if isinstance(found, CollapsedGraph):
        return graph_bound(found, model, domain, order)
    network, target = pair(found, model)
    check_chain(network, target, domain)
    # one thread: the singular values that take most of the time gain nothing from two, and on a busy machine the
    # threads of the linear algebra library wait for each other seven times longer than they work
    with threadpool_limits(limits=1, user_api="blas"):
        value = chain_bound(network, target, domain, order)
    overflow = "" if np.isfinite(value) else ", float64 overflowed"
    return Score(value, Kind.CERTIFIED_UPPER, norm=order, text=f"certified over {domain}{overflow}")


def chain_bound(network: CollapsedNetwork, target: Target, domain: Domain, order: float) -> float:
    """The bound of ``certified`` for a pair that ``check_chain`` has passed; inf where float64 overflows."""
    with np.errstate(all="ignore"):
        region, state = _start(network, target, domain)
        for block, layer in zip(network.layers, target.layers, strict=True):
            state = _step(region, state, block, layer)
        error = state.difference
        value = float(np.maximum(error.reach, 0.0) if order == 2 else np.max(error.largest))
    return value if np.isfinite(value) else np.inf


def _start(network: CollapsedNetwork, target: Target, domain: Domain) -> tuple[Region, State]:
    both = network.input_relu and target.input_relu
    region = Region.of(domain, target.inputs, input_relu=both)
    x = identity(region)
    if both or network.input_relu == target.input_relu or np.all(region.least >= 0):
        return region, State(x, nothing(region, target.inputs), x)
    bent = relu(region, x)
    values, other = (bent, x) if target.input_relu else (x, bent)
    difference = _minus(region, other, values)
    return region, State(values, difference, other)


def _minus(region: Region, x: Enclosure, y: Enclosure) -> Enclosure:
    opposite = Enclosure(-y.linear, -y.centre, -y.high, -y.low, y.radius, -y.most, -y.least, y.reach)
    return total(region, x, opposite, downward(x.least - y.most), upward(x.most - y.least))


def _step(region: Region, state: State, block: CollapsedLayer, layer: Layer) -> State:
    if block.positive.shape != layer.weight.shape:
        return passed_copies(region, state, block, layer)
    bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
    P, N = DenseMap(block.positive), DenseMap(block.negative)
    state = passed_map(region, state, MapPair(DenseMap(layer.weight), bias, P, N, block.bias, block.rounding))
    return passed_relu(region, state) if layer.relu else state


def check_chain(network: CollapsedNetwork, target: Target, domain: Domain) -> None:
    """Raises InputError for networks whose layers do not correspond, and for anything that is not a domain."""
    checked_domain(domain, "certifying a ticket")
    if len(network.layers) != len(target.layers):
        raise InputError(
            f"certifying a ticket: it has {len(network.layers)} blocks, the model has {len(target.layers)} linear "
            "layers; one block a layer is needed. Sampling compares networks of any depth"
        )
    for i, (block, layer) in enumerate(zip(network.layers, target.layers, strict=True)):
        if copies_of(block, layer) is None or block.relu != layer.relu:
            raise InputError(
                f"certifying a ticket: block {i} has matrices of shape {block.positive.shape} and relu={block.relu}, "
                f"the model's {layer.name} has {layer.weight.shape} and relu={layer.relu}; they must agree, "
                "hidden units of the ticket up to a whole number of copies of each of the model's. Sampling compares "
                "any networks"
            )
