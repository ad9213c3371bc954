"""A collapsed chain of layers as a torch module."""

from __future__ import annotations

import torch
from torch import nn

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.tickets.tree_module import CollapsedMap


class CollapsedStep(nn.Module):
    """One layer: its two matrices and its bias, frozen."""

    def __init__(self, layer: CollapsedLayer, dtype: torch.dtype) -> None:
        super().__init__()
        positive, negative, bias = (torch.tensor(m, dtype=dtype) for m in (layer.positive, layer.negative, layer.bias))
        self.map = CollapsedMap(positive, negative)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.map(x) + self.bias
        return y


def collapsed_chain(network: CollapsedNetwork, dtype: torch.dtype, flatten: bool = False) -> nn.Sequential:
    """The network as a torch module, in eval mode; with ``flatten`` it flattens its inputs first."""
    modules: list[nn.Module] = [nn.Flatten()] if flatten else []
    modules += [nn.ReLU()] if network.input_relu else []
    for layer in network.layers:
        modules += [CollapsedStep(layer, dtype), *([nn.ReLU()] if layer.relu else [])]
    return nn.Sequential(*modules).eval()
