"""Reads modules of any class as chains, where their forward method is one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from slt.errors import InputError, UnsupportedModuleError
from slt.graph_nodes import Flatten, Linear, ReLU
from slt.targets import Layer, Target, checked_chain

if TYPE_CHECKING:
    from torch import nn

    from slt.graph_nodes import Node


def read_chain(model: nn.Module | Target, flat: bool = True) -> Target:
    """``Target.of``, and beyond Sequentials every module that torch.fx traces, in eval mode, as linear layers and ReLUs
    one after the other, inputs flattened first or not, batch norms folded. What was traced is compared with the module
    at a few inputs.

    ``flat``: inputs are (count, coordinates). Of sequences (count, channels, coordinates) a batch norm is over the
    channels, and folding it behind a linear map would be wrong; without ``flat`` only those behind a Flatten are.

    Raises InputError and UnsupportedModuleError as ``Target.of``.
    """
    try:
        return Target.of(model)
    except UnsupportedModuleError:
        chain = _traced(model, flat)
        if chain is None:
            raise
        return chain


def _traced(model: Any, flat: bool) -> Target | None:
    """The chain that the module's forward method is; None where it is none."""
    import torch

    from slt.reading_check import check_reading

    found = _read(model, flat)
    if found is None:
        return None
    nodes, parameters = found
    straight = all(type(n) in (Linear, ReLU, Flatten) and n.sources == (i,) for i, n in enumerate(nodes[1:]))
    linear = [parameters[node.weight].shape for node in nodes if isinstance(node, Linear)]
    # a Flatten between maps of single tokens takes them together: no chain
    fitting = all(before[0] == after[1] for before, after in pairwise(linear))
    if not (straight and linear and fitting):
        return None
    target = _chain(nodes[1:], parameters)
    try:
        check_reading(model, (target.inputs,), lambda x: [torch.from_numpy(target.forward(x))])
    except UnsupportedModuleError:
        return None
    return target


def _read(model: Any, flat: bool) -> tuple[tuple[Node, ...], Any] | None:
    from torch import nn

    from slt.graph_reader import read_graph

    norms = any(isinstance(module, nn.BatchNorm1d) for module in model.modules())
    for dimensions in (None, 1) if norms and flat else (None,):
        try:
            return read_graph(model, dimensions)
        except InputError:
            continue
    return None


def _chain(nodes: tuple[Node, ...], parameters: Any) -> Target:
    numbers: dict[str, int] = {}
    layers: list[Layer] = []
    input_relu = flatten = False
    for i, node in enumerate(nodes):
        if isinstance(node, Linear):
            names = [name for name in (node.weight, node.bias) if name is not None]
            ids = [numbers.setdefault(name, len(numbers)) for name in names]
            layers.append(
                Layer(
                    name=node.weight.removesuffix(".weight"),
                    weight=parameters[node.weight],
                    bias=None if node.bias is None else parameters[node.bias],
                    relu=any(isinstance(later, ReLU) for later in _until_linear(nodes[i + 1 :])),
                    weight_id=ids[0],
                    bias_id=None if node.bias is None else ids[1],
                )
            )
        elif not layers:
            input_relu |= isinstance(node, ReLU)
            flatten |= isinstance(node, Flatten)
    return checked_chain(layers, input_relu, flatten)


def _until_linear(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    ends = [i for i, node in enumerate(nodes) if isinstance(node, Linear)]
    return nodes[: ends[0]] if ends else nodes
