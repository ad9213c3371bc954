"""The two-layer source as a torch module: ordinary Linear and ReLU modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from slt.tickets.two_layer_source import TwoLayerSource


class Scale(nn.Module):
    """Multiplies by one declared number, a power of two, which the ticket carries."""

    factor: torch.Tensor

    def __init__(self, factor: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("factor", torch.tensor(factor, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def build(source: TwoLayerSource, weights: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """``weights``: every tensor of ``source.tensor_shapes``, in one floating dtype. Parameters are frozen."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    if source.flatten:
        modules["flatten"] = nn.Flatten()
    if source.input_relu:
        modules["input_relu"] = nn.ReLU()
    for i, block in enumerate(source.blocks):
        first = frozen_linear(weights[f"block{i}.first.weight"], weights.get(f"block{i}.first.bias"))
        second = frozen_linear(weights[f"block{i}.second.weight"], None)
        inner: OrderedDict[str, nn.Module] = OrderedDict(first=first, relu=nn.ReLU(), second=second)
        if block.scale:
            inner["scale"] = Scale(2.0**block.scale, second.weight.dtype)
        modules[f"block{i}"] = nn.Sequential(inner)
        if block.relu:
            modules[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(modules).eval()


def frozen_linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    """A Linear with these frozen parameters."""
    outputs, inputs = weight.shape
    # meta: no memory and no random numbers are spent on weights that are replaced at once
    module = nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias, requires_grad=False)
    return module
