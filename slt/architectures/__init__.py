"""The networks of the supermask literature, without biases unless asked, drawn from generators of their own.

``lenet`` and ``conv`` are those of Frankle and Carbin (2019) and Zhou et al. (2019), ``resnet20`` that of He et al.
(2016) for CIFAR-10, ``gpt`` a small decoder in the manner of Radford et al. (2019). A search ignores the weights and
takes the architecture alone; trained for comparison, they start from these. Global random state is left as it was.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from slt.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from slt.architectures.decoder import Decoder
    from slt.architectures.residual import ResidualNetwork

    Norm = Callable[[int], nn.Module]  # of so many channels

__all__ = ["conv", "gpt", "lenet", "resnet20"]

STAGES = (64, 128, 256, 512)  # channels of conv, two layers of each
HIDDEN = 256  # both hidden widths after the convolutions
RESIDUAL_STAGES = (16, 32, 64)


def lenet(*hidden: int, inputs: int = 784, classes: int = 10, bias: bool = False, seed: int = 0) -> nn.Sequential:
    """Linear layers with ReLUs between: LeNet-300-100 (266,200 weights) unless other hidden widths are given.

    Inputs of shape (batch, ``inputs``), outputs (batch, ``classes``). Weights are normal with variance 2 / inputs of
    the layer (He et al. 2015), biases 0.
    """
    from torch import nn

    from slt.architectures.initial import he_normal, quietly

    widths = [inputs, *(hidden or (300, 100)), classes]
    _whole("widths", *widths)

    def build() -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Linear(a, b, bias=bias), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return he_normal(quietly(build), seed)


def conv(
    depth: int,
    width: float = 1.0,
    channels: int = 3,
    side: int = 32,
    classes: int = 10,
    bias: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Conv2, Conv4, Conv6 or Conv8: pairs of 3 x 3 convolutions with a pooling after each, then three linear layers.

    Channels 64, 64 | 128, 128 | 256, 256 | 512, 512 up to ``depth`` layers, hidden widths 256 and 256, all times
    ``width``, rounded, at least 1. Images of shape (batch, ``channels``, ``side``, ``side``); no normalisation.
    Conv4 has 2,425,024 weights. Drawn as in ``lenet``.
    """
    from torch import nn

    from slt.architectures.initial import he_normal, quietly

    if depth not in (2, 4, 6, 8):
        raise InputError(f"the networks Conv2, Conv4, Conv6 and Conv8 exist; depth {depth!r} was given")
    pairs = int(depth) // 2
    _whole("channels, classes and side", channels, classes, side)
    if side < 2**pairs:
        raise InputError(f"Conv{depth} halves its images {pairs} times; a side of {2**pairs} is needed, not {side}")
    stages, hidden = [scaled(c, width) for c in STAGES[:pairs]], scaled(HIDDEN, width)

    def build() -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise([channels, *stages]):
            layers += [nn.Conv2d(a, b, 3, padding=1, bias=bias), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, padding=1, bias=bias), nn.ReLU(), nn.MaxPool2d(2)]
        layers.append(nn.Flatten())
        for a, b in itertools.pairwise([stages[-1] * (side >> pairs) ** 2, hidden, hidden, classes]):
            layers += [nn.Linear(a, b, bias=bias), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return he_normal(quietly(build), seed)


def resnet20(
    width: float = 1.0,
    norm: Norm | None = None,
    projection: bool = False,
    channels: int = 3,
    classes: int = 10,
    bias: bool = False,
    seed: int = 0,
) -> ResidualNetwork:
    """ResNet-20 for small images: 16, 32 and 64 channels times ``width``, three blocks of two convolutions each.

    ``norm``: a function of the number of channels that makes the normalisation after a convolution; by default
    ``nn.BatchNorm2d(channels, affine=False)``: no weights, but running statistics, which are learned state.
    ``projection``: 1 x 1 convolutions with ``norm`` where the shape changes (option B of the paper), else the input
    subsampled and padded with zeros (option A). Drawn as in ``lenet``; 268,336 weights by default.
    """
    from slt.architectures.initial import he_normal, quietly
    from slt.architectures.residual import ResidualNetwork, fixed_norm

    _whole("channels and classes", channels, classes)
    stages = [scaled(c, width) for c in RESIDUAL_STAGES]
    made = fixed_norm if norm is None else norm
    return he_normal(quietly(lambda: ResidualNetwork(channels, stages, 3, classes, made, projection, bias)), seed)


def gpt(
    vocabulary: int,
    context: int,
    width: int = 128,
    heads: int = 4,
    layers: int = 4,
    bias: bool = False,
    tied: bool = False,
    logit_scale: float | None = None,
    seed: int = 0,
) -> Decoder:
    """A causal transformer over tokens: learned positions, LayerNorm before each part, GELU, 4 * ``width`` between.

    Tokens (batch, length up to ``context``), int64, to logits (batch, length, ``vocabulary``). Queries, keys and
    values have a Linear each. ``logit_scale``: what the products of queries and keys are multiplied by, 1 /
    sqrt(width / heads) by default. ``tied``: the head is the embedding. ``bias``: in linear layers and norms. Weights
    are normal with deviation 0.02, those into the residual stream smaller by sqrt(2 * ``layers``).
    """
    from slt.architectures.decoder import Decoder, drawn
    from slt.architectures.initial import quietly

    _whole("vocabulary, context, width, heads and layers", vocabulary, context, width, heads, layers)
    if width % heads:
        raise InputError(f"the heads share the width: {width} is no multiple of {heads}")
    scale = 1 / math.sqrt(width // heads) if logit_scale is None else float(logit_scale)
    if not math.isfinite(scale):
        raise InputError(f"a finite scale of the logits is needed; {logit_scale!r} was given")
    return drawn(quietly(lambda: Decoder(vocabulary, context, width, heads, layers, bias, tied, scale)), layers, seed)


def scaled(channels: int, width: float) -> int:
    """``channels`` times ``width``, rounded, at least 1."""
    if not 0 < width < math.inf:
        raise InputError(f"a width factor is a positive number, 1.0 for the published network; {width!r} was given")
    return max(1, round(channels * width))


def _whole(what: str, *numbers: int) -> None:
    if not all(type(n) is int and n >= 1 for n in numbers):
        raise InputError(
            f"a network needs {what} that are whole numbers of at least 1; {', '.join(map(repr, numbers))} was given"
        )
