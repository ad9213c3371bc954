"""A small target for every construction, with numbers drawn at a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

import slt
from slt.constructions import (
    Attention,
    Construction,
    Convolution,
    ErdosRenyi,
    Logarithmic,
    LooksLinear,
    ModuleTree,
    ReplicatedRows,
    Rotary,
    SingleMatch,
    Transformer,
    TwoLayerSum,
    Univariate,
)
from slt.weights import Key, Uniform

Draw = Callable[..., NDArray[np.float64]]


@final
@dataclass(frozen=True)
class Case:
    """A construction, what it is given, and at which width."""

    construction: Construction
    model: Callable[[Draw], Any]
    width: int
    inputs: Any = None


@lru_cache(maxsize=64)
def found(case: Case, target: Key, source: Key) -> slt.Ticket:
    """The ticket for the numbers of ``target`` in the network of ``source``; found once."""
    counts = iter(range(1000))

    def draw(*shape: int) -> NDArray[np.float64]:
        numbers = Uniform(10).draw(target / str(next(counts)), (1, 1, int(np.prod(shape))))
        return numbers.reshape(shape) / 2.0**11  # up to 1/2 in size

    return slt.find_ticket(
        case.model(draw), width=case.width, seed=source, inputs=case.inputs, max_items=8, construction=case.construction
    )


def chain(draw: Draw) -> Any:
    return slt.Target.from_arrays([draw(3, 2), draw(2, 3)], [draw(3), draw(2)])


def tree(draw: Draw) -> Any:
    from torch import nn

    return _filled(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 2)), draw)


def convolutions(draw: Draw) -> Any:
    from torch import nn

    return _filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Conv2d(2, 1, 2)), draw)


def attention(draw: Draw) -> Any:
    return slt.AttentionTarget.from_arrays(draw(2, 2, 2), draw(2, 2, 2), draw(2, 2, 2), draw(2, 2, 2))


def rotary(draw: Draw) -> Any:
    from slt.rotary_target import RotaryTarget

    return RotaryTarget(draw(2, 2, 4), draw(1, 2, 4), draw(1, 2, 2), draw(2, 2, 2), np.array([1.0, 0.25]), causal=True)


def transformer(draw: Draw) -> Any:
    from slt.transformer_target import TransformerTarget

    feed = slt.Target.from_arrays([draw(3, 2), draw(2, 3)], [draw(3), draw(2)])
    return TransformerTarget.from_parts([attention(draw)], [feed], True)


def bend(draw: Draw) -> Any:
    from slt.constructions import PiecewiseLinear

    numbers = draw(6)
    return PiecewiseLinear.of(lambda x: np.interp(x, np.linspace(0, 1, 6), numbers), 0.0, 1.0, 5)


def _filled(module: Any, draw: Draw) -> Any:
    import torch

    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(draw(*parameter.shape)))
    return module.requires_grad_(False).eval()


CASES = (
    Case(SingleMatch(), chain, 8),
    Case(Logarithmic(), chain, 40),
    Case(TwoLayerSum(), chain, 8),
    Case(LooksLinear(), chain, 8),
    Case(ErdosRenyi(0.7), chain, 24),
    Case(ReplicatedRows(), chain, 8),
    Case(Univariate(), bend, 16, slt.Box(0.0, 1.0)),
    Case(Convolution((1, 4, 3)), convolutions, 16),
    Case(ModuleTree(), tree, 16),
    Case(Attention(), attention, 8),
    Case(Rotary(), rotary, 16),
    Case(Transformer(), transformer, 16),
)
