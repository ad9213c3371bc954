"""The pair of graphs that a score compares: a ticket's collapsed graph and its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from slt.collapsed_graph import CollapsedGraph, CollapsedMap
from slt.errors import InputError
from slt.graph_nodes import Affine, Node
from slt.graph_target import GraphTarget
from slt.node_graph import shapes_of
from slt.scoring.attention_pair import Model

if TYPE_CHECKING:
    from torch import nn


@final
@dataclass(frozen=True, eq=False)
class GraphPair:
    """``shape``: of one input of both; ``ticket_shapes`` and ``target_shapes``: of the values of all nodes."""

    ticket: CollapsedGraph
    target: GraphTarget
    shape: tuple[int, ...]
    ticket_shapes: tuple[tuple[int, ...], ...]
    target_shapes: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(ticket: CollapsedGraph, model: nn.Module | Model, shape: Sequence[int] | None = None) -> GraphPair:
        """Both graphs, checked; ``shape`` of an input where neither of them knows it. Raises InputError."""
        target = graph_target(model, ticket.input_shape)
        known = target.input_shape or ticket.input_shape or shape
        if known is None:
            raise InputError(
                "scoring a ticket of a graph: the shape of the inputs is not known; find the ticket with "
                "Convolution(input_shape=...), or give GraphTarget.of(model, input_shape=...): channels, height and "
                "width, for example (1, 28, 28), or (64,) for vectors of 64 numbers"
            )
        for i, node in enumerate(ticket.nodes):
            if isinstance(node, Affine):
                _check(i, node, ticket.maps.get(i))
        shapes = shapes_of(ticket.nodes, known), shapes_of(target.nodes, known)
        if shapes[0][-1] != shapes[1][-1]:
            raise InputError(
                f"scoring a ticket of a graph: on inputs of shape {tuple(known)} its outputs have shape "
                f"{shapes[0][-1]}, the model's {shapes[1][-1]}; give the model that the ticket is for"
            )
        return GraphPair(ticket, target, tuple(known), *shapes)


def graph_target(model: nn.Module | Model, input_shape: Sequence[int] | None = None) -> GraphTarget:
    """A model as a graph; ``input_shape`` of a module, a GraphTarget keeps its own. Raises InputError and
    UnsupportedModuleError."""
    if isinstance(model, Model) and not isinstance(model, GraphTarget):
        raise InputError(
            f"scoring a ticket of a graph: the model is a {type(model).__name__}; give the network that the ticket is "
            "for, or its GraphTarget"
        )
    return GraphTarget.of(model, None if isinstance(model, GraphTarget) else input_shape)


def check_alike(ticket: CollapsedGraph, target: GraphTarget) -> None:
    """InputError unless both graphs have the same nodes, names of parameters aside."""
    if len(ticket.nodes) != len(target.nodes):
        raise InputError(
            f"certifying a ticket of a graph: it has {len(ticket.nodes)} nodes, the model {len(target.nodes)}; the "
            "same nodes are needed. Sampling compares any networks"
        )
    for i, (one, other) in enumerate(zip(ticket.nodes, target.nodes, strict=True)):
        if _unnamed(one) != _unnamed(other):
            raise InputError(
                f"certifying a ticket of a graph: its node {i} is {one!r}, the model's {other!r}; the same nodes are "
                "needed. Sampling compares any networks"
            )


def _unnamed(node: Node) -> Node:
    return replace(node, weight="", bias=None) if isinstance(node, Affine) else node


def _check(i: int, node: Affine, found: CollapsedMap | None) -> None:
    start = f"scoring a ticket of a graph: node {i}, a {node.kind},"
    if found is None:
        raise InputError(f"{start} has no collapsed map; one for each affine node is needed")
    arrays = [found.positive, found.bias] if found.negative is None else [found.positive, found.negative, found.bias]
    shapes = [array.shape for array in arrays]
    needed = [node.weight_shape] * (len(arrays) - 1) + [(node.outputs,)]
    if shapes != needed:
        raise InputError(f"{start} has weights and a bias of shapes {shapes}; {needed} are needed")
    bad = sum(int(np.count_nonzero(~np.isfinite(array))) for array in arrays)
    if bad:
        raise InputError(f"{start} has {bad} NaN or infinite weights; finite ones are needed, verify the ticket")
    if not 0 <= found.rounding < np.inf:
        raise InputError(f"{start} states a rounding of {found.rounding}; at least 0 is needed")
