"""Residual networks for small images (He et al. 2016)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import nn
from torch.nn import functional

Norm = Callable[[int], nn.Module]


def fixed_norm(channels: int) -> nn.Module:
    """Batch normalisation without weights: what the supermask literature uses where it uses any."""
    return nn.BatchNorm2d(channels, affine=False)


@final
class Padded(nn.Module):
    """Every ``stride``-th pixel, and channels of zeros put after the others: a shortcut without weights."""

    def __init__(self, more: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


@final
class Block(nn.Module):
    """Two convolutions with norms, and a shortcut around both."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm, projection: bool, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
        self.norm1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        self.norm2 = norm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            if projection or outputs < inputs:
                self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=bias), norm(outputs))
            else:
                self.shortcut = Padded(outputs - inputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


@final
class ResidualNetwork(nn.Module):
    """Images (batch, ``channels``, height, width) to (batch, ``classes``): ``blocks`` blocks at each of ``stages``."""

    def __init__(
        self,
        channels: int,
        stages: Sequence[int],
        blocks: int,
        classes: int,
        norm: Norm,
        projection: bool = False,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, stages[0], 3, padding=1, bias=bias)
        self.norm = norm(stages[0])
        widths = [stages[0], *(width for width in stages for _ in range(blocks))]
        self.blocks = nn.Sequential(
            *(
                Block(a, b, 2 if i and i % blocks == 0 else 1, norm, projection, bias)
                for i, (a, b) in enumerate(itertools.pairwise(widths))
            )
        )
        self.head = nn.Linear(stages[-1], classes, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.blocks(functional.relu(self.norm(self.conv(x))))
        logits: torch.Tensor = self.head(features.mean((2, 3)))
        return logits
