"""Lower bounds of the sup error, from inputs.

Both networks are evaluated in float64 with a running error analysis beside them (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd edition, sections 3.1 and 3.3): for every value an a-priori bound of its distance to the real
number is carried from layer to layer. What remains of the difference of two outputs after both bounds are taken off is
a lower bound of the real error at that input, so of the sup error over every domain that holds the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from slt.collapsed_graph import CollapsedGraph
from slt.collapsed_transformer import CollapsedTransformer
from slt.dense_chain import DenseChain
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from slt.merged_rotary import MergedRotary
from slt.scoring.activation_sampled import sampled_activation
from slt.scoring.attention_pair import AttentionPair, Model
from slt.scoring.attention_sampled import sampled_attention
from slt.scoring.evaluation import Network, device_of, points_of
from slt.scoring.graph_sampled import sampled_graph
from slt.scoring.networks import Collapsed, Collapsible, collapsed_of, pair
from slt.scoring.rotary import sampled_rotary
from slt.scoring.score import Kind, Score, checked_order, shown
from slt.scoring.sure import Sure, sure_difference
from slt.scoring.transformer_sampled import sampled_transformer

if TYPE_CHECKING:
    import torch
    from torch import nn


def sampled(
    ticket: Collapsible | Collapsed,
    model: nn.Module | Model,
    inputs: Any,
    device: str | torch.device | None = None,
    batch: int = 4096,
    order: float = np.inf,
    keys: Any = None,
    values: Any = None,
    mask: Any = None,
) -> Score:
    """A lower bound of the sup over x of ||ticket(x) - model(x)||, over the reals, from ``inputs``.

    ``inputs``: array or tensor of shape (count, ...), finite; cast to float64, and the cast numbers are the inputs that
    the bound speaks of. ``device``: where torch evaluates, by default the processor. ``order``: np.inf for the largest
    output difference, 2 for its Euclidean norm.

    For a ticket of attention, ``inputs`` are sequences of queries, shape (count, T, d); ``keys`` (count, S, d_k), by
    default the queries; ``values`` (count, S, d_v), by default the keys; ``mask`` (T, S) or (count, T, S) bool, True
    where a query may attend; the error is of one output token. The same for a transformer and for rotary attention,
    whose keys and values are their own. For a convolutional ticket ``inputs`` are (count, channels, height, width),
    and the error is of all outputs of one input. Raises InputError.
    """
    import torch

    order = checked_order(order)
    if batch < 1:
        raise InputError(f"sampling the error: batch={batch!r} was given; at least 1 input at a time is needed")
    found = collapsed_of(ticket)
    if isinstance(found, MergedAttention):
        pair_of_attentions = AttentionPair.of(found, model)
        return sampled_attention(pair_of_attentions, (inputs, keys, values), mask, device, batch, order)
    self_attention = isinstance(found, (MergedRotary, CollapsedTransformer))
    if not (keys is None and values is None and (mask is None or self_attention)):
        given = "keys and values" if self_attention else "keys, values and a mask"
        raise InputError(f"sampling the error: {given} are of attention; this ticket has none")
    if isinstance(found, MergedRotary):
        return sampled_rotary(found, model, inputs, mask, device, batch, order)
    if isinstance(found, CollapsedTransformer):
        return sampled_transformer(found, model, inputs, mask, device, batch, order)
    if isinstance(found, DenseChain):
        return sampled_activation(found, model, inputs, device, batch, order)
    if isinstance(found, CollapsedGraph):
        return sampled_graph(found, model, inputs, device, batch, order)
    network, target = pair(found, model)
    points = points_of(inputs, target.inputs)
    place = device_of(device)
    left, right = Network.of(network, place), Network.of(target, place)
    best = Sure(0.0, 0.0)
    for start in range(0, len(points), batch):
        x = torch.tensor(points[start : start + batch], device=place)
        here = sure_difference(*left.forward_with_error(x), *right.forward_with_error(x), order)
        best = here if start == 0 or here.value > best.value else best
    text = f"sampled on {len(points):,} inputs, float64, minus a rounding bound of {shown(best.paid)}"
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)
