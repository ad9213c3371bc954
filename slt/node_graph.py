"""Graphs of nodes: whether they are networks, what they compute, of which shapes and signs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from slt.errors import InputError
from slt.graph_nodes import (
    AdaptiveAveragePool,
    Affine,
    AveragePool,
    Convolution,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Node,
    ReLU,
    Sum,
    ZeroPad,
    whole,
)

if TYPE_CHECKING:
    import torch

KINDS: Mapping[str, type[Node]] = {
    kind.kind: kind
    for kind in (
        Input,
        Convolution,
        Linear,
        ReLU,
        MaxPool,
        AveragePool,
        AdaptiveAveragePool,
        Sum,
        ZeroPad,
        Flatten,
    )
}


def node_of(entry: Any) -> Node:
    """The node of a header's ``entry``. InputError for what is none."""
    if not isinstance(entry, (list, tuple)) or not entry or entry[0] not in KINDS:
        raise InputError(f"{entry!r} is no node of a graph; its kind must be one of {', '.join(KINDS)}")
    values = [tuple(v) if isinstance(v, list) else v for v in entry[1:]]
    kind = KINDS[entry[0]]
    if len(values) != len(fields(kind)):
        raise InputError(f"{entry!r} is no node of a graph; {kind.kind} has {len(fields(kind))} fields")
    return kind(*values)


def check_graph(nodes: Sequence[Node]) -> None:
    """InputError unless the nodes are a network: one input, first; sources earlier; every node used; fields that fit;
    nodes that share a weight alike in all but their source and bias."""
    if not nodes or not isinstance(nodes[0], Input):
        raise InputError("the first node of a graph must be its input")
    used: set[int] = set()
    by_weight: dict[str, tuple[Any, ...]] = {}
    by_bias: dict[str, int] = {}
    for i, node in enumerate(nodes):
        if i and (isinstance(node, Input) or not all(type(s) is int and 0 <= s < i for s in node.sources)):
            raise InputError(f"node {i}, {node!r}, must compute something from earlier nodes")
        if not node.fits:
            raise InputError(f"node {i}, {node!r}, has fields that do not make sense")
        used.update(node.sources)
        if isinstance(node, Affine):
            alike = (node.kind, *node.entry()[4:])
            if by_weight.setdefault(node.weight, alike) != alike or (
                node.bias is not None and by_bias.setdefault(node.bias, node.outputs) != node.outputs
            ):
                raise InputError(f"node {i}, {node!r}, shares a parameter with a node of another shape or stride")
    if set(by_weight) & set(by_bias):
        raise InputError(f"the parameters {sorted(set(by_weight) & set(by_bias))} are both weight and bias")
    if not by_weight:
        raise InputError("a graph needs at least one convolution or linear layer; this one has none")
    if used != set(range(len(nodes) - 1)):
        raise InputError(f"nodes {sorted(set(range(len(nodes) - 1)) - used)} are used by no other node")


def run(
    nodes: Sequence[Node], x: torch.Tensor, affine: Callable[[int, Affine, torch.Tensor], torch.Tensor]
) -> list[torch.Tensor]:
    """The values of all nodes at inputs ``x``; ``affine`` (index, node, value of its source) computes the affine ones.

    InputError, which names the node, where shapes do not fit.
    """
    values: list[torch.Tensor] = []
    for i, node in enumerate(nodes):
        if isinstance(node, Input):
            values.append(x)
            continue
        given = [values[s] for s in node.sources]
        try:
            values.append(affine(i, node, given[0]) if isinstance(node, Affine) else node.compute(*given))
        except (RuntimeError, InputError) as error:
            shapes = ", ".join(str(tuple(v.shape)) for v in given)
            raise InputError(
                f"node {i} of the graph, {node!r}, cannot take values of shape {shapes}: {error}"
            ) from None
    return values


def whole_shape(input_shape: Any) -> tuple[int, ...]:
    """An input's shape, (channels, height, width) or (features,), as integers. InputError for anything else."""
    shape = tuple(input_shape) if isinstance(input_shape, Iterable) else ()
    if len(shape) not in (1, 3) or not all(whole(n, 1) for n in shape):
        raise InputError(
            "an input shape is (channels, height, width) or (features,), without the number of inputs; "
            f"{input_shape!r} was given"
        )
    return tuple(map(int, shape))


def shapes_of(nodes: Sequence[Node], input_shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Shape of every node's value, without the batch dimension, for inputs of shape (channels, height, width) or
    (features,). InputError as for ``run``, and for an ``input_shape`` that is none."""
    import torch

    shape = whole_shape(input_shape)

    def affine(_: int, node: Affine, x: torch.Tensor) -> torch.Tensor:
        if isinstance(node, Linear) and x.ndim != 2:
            raise InputError("a linear layer needs flat values here; put a Flatten before it")
        return node.apply(x, torch.empty(node.weight_shape, device="meta"))

    values = run(nodes, torch.empty((1, *shape), device="meta"), affine)
    return tuple(tuple(v.shape[1:]) for v in values)


def known_nonnegative(nodes: Sequence[Node], inputs: bool) -> tuple[bool, ...]:
    """For every node whether its values can never be below zero, whatever the weights; ``inputs``: the inputs cannot.

    ReLUs are; pools, flattening, padding pass it on; sums need it of both; affine maps lose it.
    """
    known: list[bool] = []
    for node in nodes:
        if isinstance(node, Input):
            known.append(inputs)
        else:
            passed = not isinstance(node, Affine) and all(known[s] for s in node.sources)
            known.append(isinstance(node, ReLU) or passed)
    return tuple(known)
