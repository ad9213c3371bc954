"""The graph source as a torch module: ordinary Conv2d, Linear and ReLU modules, called in the order of the nodes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from slt.graph_nodes import Affine, Convolution, Node
from slt.node_graph import run
from slt.tickets.two_layer_module import Scale, frozen_linear

if TYPE_CHECKING:
    from slt.collapsed_graph import CollapsedGraph, CollapsedMap
    from slt.tickets.graph_source import GraphSource, GraphUnit


class GraphNetwork(nn.Module):
    """A network of nodes. The children are the random networks of its parameters, by their names with "/" for "."; a
    bias is what its network answers to the constant 1."""

    def __init__(self, nodes: tuple[Node, ...], units: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.nodes = nodes
        for name, unit in units.items():
            self._modules[name] = unit  # add_module refuses names such as "nodes"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.nodes, x, self._affine)[-1]

    def _affine(self, _: int, node: Affine, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self._modules[node.weight.replace(".", "/")](x)  # type: ignore[misc]
        if node.bias is None:
            return y
        bias: torch.Tensor = self._modules[node.bias.replace(".", "/")](x.new_ones(1))  # type: ignore[misc]
        return y + node.spread(bias)

    def extra_repr(self) -> str:
        return "\n".join(f"{i}: {node}" for i, node in enumerate(self.nodes))


def build(source: GraphSource, weights: Mapping[str, torch.Tensor]) -> GraphNetwork:
    """``weights``: every tensor of ``source.tensor_shapes``, in one floating dtype. Parameters are frozen."""
    units = {unit.tensor: _random(unit, weights) for unit in source.units}
    return GraphNetwork(source.nodes, units).eval()


def _random(unit: GraphUnit, weights: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """Two random layers and the ReLU between."""
    first, second = (weights[f"{unit.tensor}.{layer}.weight"] for layer in ("first", "second"))
    inner: OrderedDict[str, nn.Module] = OrderedDict(relu=nn.ReLU())
    if unit.taps and isinstance(unit.node, Convolution):
        inner["first"] = _frozen_convolution(first, (1, 1), (0, 0), (1, 1), 1)
        inner["second"] = _frozen_convolution(second, *unit.node.geometry)
    else:
        inner["first"], inner["second"] = frozen_linear(first, None), frozen_linear(second, None)
    inner.move_to_end("relu")
    inner.move_to_end("second")
    if unit.scale:
        inner["scale"] = Scale(2.0**unit.scale, second.dtype)
    return nn.Sequential(inner)


def _frozen_convolution(
    weight: torch.Tensor, stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], groups: int
) -> nn.Conv2d:
    outputs, inputs, *kernel = weight.shape
    # meta: no memory and no random numbers are spent on weights that are replaced at once
    module = nn.Conv2d(
        inputs * groups,
        outputs,
        (kernel[0], kernel[1]),
        stride,
        padding,
        dilation,
        groups,
        bias=False,
        device="meta",
    )
    module.weight = nn.Parameter(weight, requires_grad=False)
    return module


class CollapsedAffine(nn.Module):
    """``x -> positive(max(x, 0)) - negative(max(-x, 0)) + bias``; without ``negative`` the inputs are never below
    zero."""

    def __init__(self, node: Affine, collapsed: CollapsedMap, dtype: torch.dtype) -> None:
        super().__init__()
        self.node = node
        self.positive = nn.Parameter(torch.tensor(collapsed.positive, dtype=dtype), requires_grad=False)
        self.bias = nn.Parameter(torch.tensor(collapsed.bias, dtype=dtype), requires_grad=False)
        self.negative = (
            None
            if collapsed.negative is None or not collapsed.negative.any()
            else nn.Parameter(torch.tensor(collapsed.negative, dtype=dtype), requires_grad=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.node.apply(x.relu(), self.positive)
        if self.negative is not None:
            y = y - self.node.apply((-x).relu(), self.negative)
        return y + self.node.spread(self.bias)


class CollapsedGraphNetwork(nn.Module):
    """A network of nodes whose affine ones are collapsed; child ``node<i>`` is node i."""

    def __init__(self, nodes: tuple[Node, ...], affine: Mapping[int, nn.Module]) -> None:
        super().__init__()
        self.nodes = nodes
        for i, module in affine.items():
            self.add_module(f"node{i}", module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.nodes, x, lambda i, _, y: self._modules[f"node{i}"](y))[-1]  # type: ignore[misc]


def build_collapsed(network: CollapsedGraph, dtype: torch.dtype) -> CollapsedGraphNetwork:
    """A collapsed ticket as a module, frozen."""
    affine = {
        i: CollapsedAffine(node, network.maps[i], dtype)
        for i, node in enumerate(network.nodes)
        if isinstance(node, Affine)
    }
    return CollapsedGraphNetwork(network.nodes, affine).eval()
