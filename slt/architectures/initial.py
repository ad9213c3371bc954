"""First weights, from a generator of their own: what a model is trained from, never what a ticket is made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def quietly(build: Callable[[], M]) -> M:
    """A module as ``build`` makes it, on the CPU in float32; the draws that torch makes meanwhile leave no trace."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return build().to(torch.float32)


@torch.no_grad()
def he_normal(model: M, seed: int) -> M:
    """Draws all linear and convolutional weights: normal, variance 2 / fan_in (He et al. 2015). Biases become 0."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            fan_in = module.weight[0].numel()
            module.weight.normal_(std=math.sqrt(2 / fan_in), generator=generator)
            if module.bias is not None:
                module.bias.zero_()
    return model
