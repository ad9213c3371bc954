"""The pair of networks that a score compares: a ticket's collapsed map and its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from slt.chain_target import read_chain
from slt.collapsed import CollapsedNetwork
from slt.collapsed_graph import CollapsedGraph
from slt.collapsed_transformer import CollapsedTransformer
from slt.dense_chain import DenseChain
from slt.domains import Domain
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from slt.merged_rotary import MergedRotary
from slt.scoring.attention_pair import Model
from slt.targets import Target

if TYPE_CHECKING:
    from torch import nn

Collapsed = CollapsedNetwork | CollapsedGraph | DenseChain | MergedAttention | MergedRotary | CollapsedTransformer


class Collapsible(Protocol):
    """A ticket, as far as scoring looks at it."""

    def collapsed(self) -> Collapsed: ...


def collapsed_of(ticket: Collapsible | Collapsed) -> Collapsed:
    """What a ticket computes, worked out once. Raises InputError for anything else."""
    if isinstance(ticket, Collapsed):
        return ticket
    if not callable(getattr(ticket, "collapsed", None)):
        raise InputError(
            f"scoring a ticket: {type(ticket).__name__} was given; a CollapsedNetwork, a CollapsedGraph, a "
            "MergedAttention, a MergedRotary, a CollapsedTransformer or an object whose collapsed() returns one is "
            "needed"
        )
    network = ticket.collapsed()
    if not isinstance(network, Collapsed):
        raise InputError(
            f"scoring a ticket: its collapsed() returned a {type(network).__name__}, and nothing is proved of what a "
            "module tree answers, which is somebody's code: slt.difference(ticket, model, inputs) measures it. Its "
            "weights are proved by ticket.verify(), and how far each is from the model's is ticket.residuals(). Scored "
            "are chains of Linear and ReLU, graphs of convolutions and sums, attention, transformers without norms; a "
            "network of Linear and ReLU with skip connections is such a graph to "
            "construction=slt.Convolution(input_shape=...)"
        )
    return network


def pair(ticket: Collapsible | Collapsed, model: nn.Module | Model) -> tuple[CollapsedNetwork, Target]:
    """Both networks, checked: finite, layers that fit each other, equal numbers of inputs and of outputs.

    Raises InputError.
    """
    network = collapsed_of(ticket)
    if isinstance(network, DenseChain):
        raise InputError(
            f"scoring a ticket: its activation is {network.activation.torch_name}, and bounds are known here for ReLU "
            "alone; slt.sampled and slt.ascend take it"
        )
    if not isinstance(network, CollapsedNetwork):
        raise InputError(
            f"scoring a ticket: a chain of layers is needed here, the ticket is a {type(network).__name__}; "
            "slt.sampled and slt.certified score it"
        )
    if isinstance(model, Model) and not isinstance(model, Target):
        raise InputError(
            f"scoring a ticket: the model is a {type(model).__name__}, the ticket a chain of layers; give the model "
            "that the ticket is for"
        )
    target = read_chain(model)
    _check(network)
    for name, given, needed in (
        ("inputs", network.layers[0].positive.shape[1], target.inputs),
        ("outputs", network.layers[-1].positive.shape[0], target.outputs),
    ):
        if given != needed:
            raise InputError(
                f"scoring a ticket: it has {given} {name}, the model has {needed}; "
                "give the model that the ticket is for"
            )
    return network, target


def _check(network: CollapsedNetwork) -> None:
    if not network.layers:
        raise InputError("scoring a ticket: its collapsed network has no layer; at least one is needed")
    inputs = network.layers[0].positive.shape[-1]
    for i, layer in enumerate(network.layers):
        shape = layer.positive.shape
        if len(shape) != 2 or layer.negative.shape != shape or layer.bias.shape != shape[:1] or shape[1] != inputs:
            raise InputError(
                f"scoring a ticket: layer {i} has matrices of shape {shape} and {layer.negative.shape} and a bias of "
                f"shape {layer.bias.shape}; (outputs, {inputs}) twice and (outputs,) are needed"
            )
        inputs = shape[0]
        arrays = (layer.positive, layer.negative, layer.bias)
        bad = sum(int(np.count_nonzero(~np.isfinite(a))) for a in arrays)
        if bad:
            raise InputError(
                f"scoring a ticket: layer {i} has {bad} NaN or infinite weights; "
                "finite ones are needed, verify the ticket"
            )
        if not 0 <= layer.rounding < np.inf:
            raise InputError(f"scoring a ticket: layer {i} states a rounding of {layer.rounding}; at least 0 is needed")


def checked_domain(domain: Domain, doing: str) -> None:
    """Raises InputError for anything that is not a Domain."""
    if not isinstance(domain, Domain):
        raise InputError(f"{doing}: a {type(domain).__name__} was given; a domain such as slt.Box(0.0, 1.0) is needed")
