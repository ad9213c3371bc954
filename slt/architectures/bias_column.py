"""Linear layers whose biases are the last column of their weight: drawn, masked and searched as all weights are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from slt.architectures.initial import quietly
from slt.errors import InputError


class BiasColumn(nn.Module):
    """``x -> weight[:, :-1] @ x + constant * weight[:, -1]``; ``weight`` has shape (outputs, inputs + 1).

    A search sets biases of torch's own layers to 0 and masks none of them. Here the bias of a unit is the weight of one
    more input that always has the value ``constant``, so a mask decides over it as over the others. Where few weights
    are kept signals shrink from layer to layer, and a constant that shrinks with them keeps biases of the size that
    they matter at: the products of standard deviations by which Fischer, Gadhikar, Burkholz (arXiv 2110.11150) draw
    biases. It is a buffer, so tickets declare it.
    """

    constant: Tensor

    def __init__(self, inputs: int, outputs: int, constant: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs + 1))
        self.register_buffer("constant", torch.tensor(float(constant)))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight[:, :-1], self.constant * self.weight[:, -1])

    def extra_repr(self) -> str:
        outputs, columns = self.weight.shape
        return f"{columns - 1}, {outputs}"


def biased(*widths: int, constants: Sequence[float] | None = None, seed: int = 0) -> nn.Sequential:
    """A network of ``BiasColumn`` layers between these widths, inputs first, with ReLUs between.

    ``constants``: one a layer, all 1 by default. Layers are called "0", "2", "4" ...; weights are normal with variance
    2 / (inputs + 1).
    """
    if len(widths) < 2 or not all(type(n) is int and n >= 1 for n in widths):
        raise InputError(f"a network needs two widths or more, whole numbers of at least 1; {widths} were given")
    given = [1.0] * (len(widths) - 1) if constants is None else list(constants)
    if len(given) != len(widths) - 1:
        raise InputError(f"a network of {len(widths) - 1} layers needs as many constants; {len(given)} were given")

    def build() -> nn.Sequential:
        layers: list[nn.Module] = []
        for (a, b), constant in zip(itertools.pairwise(widths), given, strict=True):
            layers += [BiasColumn(a, b, constant), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    model = quietly(build)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=math.sqrt(2 / weight.shape[1]), generator=generator)
    return model
