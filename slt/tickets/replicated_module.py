"""The source of replicated rows as a torch module: ordinary Linear and activation modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from slt.tickets.two_layer_module import Scale, frozen_linear

if TYPE_CHECKING:
    from slt.tickets.replicated_source import ReplicatedSource


class NeuronScale(nn.Module):
    """Multiplies the first ``neurons`` coordinates by one declared number, a power of two; the others, the constant
    units, stay as they are."""

    factor: torch.Tensor

    def __init__(self, factor: float, neurons: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.neurons = neurons
        self.register_buffer("factor", torch.tensor(factor, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[..., : self.neurons] * self.factor, x[..., self.neurons :]], dim=-1)


def build(source: ReplicatedSource, weights: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """``weights``: every tensor of ``source.tensor_shapes``, in one floating dtype. Parameters are frozen."""
    activation, dtype = source.activation, weights["first.weight"].dtype
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    if source.flatten:
        modules["flatten"] = nn.Flatten()
    if source.input_relu:
        modules["input_relu"] = nn.ReLU()
    modules["first"] = frozen_linear(weights["first.weight"], weights.get("first.bias"))
    if source.constants:
        modules["first_scale"] = Scale(activation.scale, dtype)
    modules["first_activation"] = activation.module()
    for i, layer in enumerate(source.layers):
        neurons = layer.outputs * source.copies(i)
        modules[f"layer{i}"] = frozen_linear(weights[f"layer{i}.weight"], weights.get(f"layer{i}.bias"))
        if i == 0 and source.constants:
            modules["gain"] = NeuronScale(activation.gain, neurons, dtype)
        if layer.scale:
            modules[f"scale{i}"] = NeuronScale(2.0**layer.scale, neurons, dtype)
        if layer.active:
            modules[f"activation{i}"] = activation.module()
    return nn.Sequential(modules).eval()
