"""The networks, as functions of their weights; no biases, no normalisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH = 128


class Network(ABC):
    name: str
    shapes: tuple[tuple[int, ...], ...]
    input: tuple[int, ...]

    @abstractmethod
    def __call__(self, weights: list[Tensor], x: Tensor) -> Tensor:
        """The logits (N, 10)."""

    def module(self) -> nn.Module:
        """The layers alone, in this order."""
        return nn.Sequential(
            *(
                nn.Linear(shape[1], shape[0], bias=False)
                if len(shape) == 2
                else nn.Conv2d(shape[1], shape[0], shape[2:], bias=False)
                for shape in self.shapes
            )
        )

    def draw(self) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        """Weights +-sqrt(2 / fan in), scores uniform on +-1/sqrt(fan in), images and labels."""
        random = torch.Generator().manual_seed(0)
        signs = [torch.randint(0, 2, shape, generator=random) * 2.0 - 1.0 for shape in self.shapes]
        fans = [shape[1:].numel() for shape in map(torch.Size, self.shapes)]
        weights = [sign * (2.0 / fan) ** 0.5 for sign, fan in zip(signs, fans, strict=True)]
        scores = [
            (torch.rand(shape, generator=random) * 2 - 1) / fan**0.5
            for shape, fan in zip(self.shapes, fans, strict=True)
        ]
        x = torch.randn(BATCH, *self.input, generator=random)
        return weights, scores, x, torch.randint(0, 10, (BATCH,), generator=random)


@final
class Perceptron(Network):
    name = "784-500-500-10"
    shapes = ((500, 784), (500, 500), (10, 500))
    input = (784,)

    def __call__(self, weights: list[Tensor], x: Tensor) -> Tensor:
        for weight in weights[:-1]:
            x = functional.linear(x, weight).relu()
        return functional.linear(x, weights[-1])


@final
class Conv4(Network):
    name = "Conv4"
    shapes = ((64, 3, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3), (128, 128, 3, 3), (256, 8192), (256, 256), (10, 256))
    input = (3, 32, 32)

    def __call__(self, weights: list[Tensor], x: Tensor) -> Tensor:
        for i, weight in enumerate(weights[:4]):
            x = functional.conv2d(x, weight, padding=1).relu()
            if i % 2:
                x = functional.max_pool2d(x, 2)
        x = x.flatten(1)
        for weight in weights[4:-1]:
            x = functional.linear(x, weight).relu()
        return functional.linear(x, weights[-1])
