"""Saliencies: what a weight is worth to a network, as the classical pruners at initialisation measure it.

A saliency looks at weights that are kept, gives every one a number, and the highest are kept. Data may be looked at,
weights are not changed. ``slt.search.prune`` makes masks of them, at once or in rounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from slt.errors import InputError, SltError
from slt.search.draws import FanIn, RandomTensors
from slt.search.maskable import Maskable
from slt.search.objectives import Loss
from slt.weights import Key, Uniform

Tensors = dict[str, torch.Tensor]


@final
@dataclass(frozen=True, eq=False)
class Looked:
    """What a saliency sees. ``weights``: the kept ones by name, 0 elsewhere; ``call(inputs, weights)``: the network's
    outputs, in eval mode and in the dtype of the weights given; ``batches``: an iterable that gives the same (inputs,
    targets) each time; ``key``: for random saliencies.
    """

    weights: Mapping[str, torch.Tensor]
    call: Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]
    batches: Iterable[tuple[Any, torch.Tensor]]
    loss: Loss
    key: Key

    def gradient(self) -> Tensors:
        """Of the mean loss over all examples."""
        return self._summed(lambda value, leaves: torch.autograd.grad(value, leaves, allow_unused=True))

    def curvature(self, direction: Tensors) -> Tensors:
        """The Hessian of the mean loss times ``direction``."""

        def product(value: torch.Tensor, leaves: list[torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
            first = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
            parts = [(g * d).sum() for g, d in zip(first, direction.values(), strict=True) if g is not None]
            along = torch.stack(parts).sum()
            if not along.requires_grad:  # the loss is linear in the weights
                return tuple(None for _ in leaves)
            return torch.autograd.grad(along, leaves, allow_unused=True)

        # fused attention has no second derivative
        with sdpa_kernel(SDPBackend.MATH):
            return self._summed(product)

    def _summed(self, differentiate: Callable[[torch.Tensor, list[torch.Tensor]], Any]) -> Tensors:
        names = list(self.weights)
        total = {name: torch.zeros_like(w) for name, w in self.weights.items()}
        examples = 0
        for inputs, targets in self.batches:
            leaves = [self.weights[name].detach().clone().requires_grad_() for name in names]
            value = self.loss(self.call(inputs, dict(zip(names, leaves, strict=True))), targets)
            for name, part in zip(names, differentiate(value, leaves), strict=True):
                if part is not None:
                    total[name] += part.detach() * len(targets)
            examples += len(targets)
        return {name: t / examples for name, t in total.items()}


class Saliency(ABC):
    """``name`` for people; ``data``: whether it looks at the data."""

    name: ClassVar[str]
    data: ClassVar[bool] = True

    @abstractmethod
    def scores(self, looked: Looked) -> Tensors:
        """A number for every weight, by name and of its shape; the highest are kept, those of removed weights never."""


@final
@dataclass(frozen=True)
class Magnitude(Saliency):
    """|w|."""

    name: ClassVar[str] = "magnitude"
    data: ClassVar[bool] = False

    def scores(self, looked: Looked) -> Tensors:
        return {name: w.abs() for name, w in looked.weights.items()}


@final
@dataclass(frozen=True)
class Snip(Saliency):
    """|w dL/dw| (Lee, Ajanthan, Torr 2019), the gradient of the mean over all examples given."""

    name: ClassVar[str] = "snip"

    def scores(self, looked: Looked) -> Tensors:
        return {name: (looked.weights[name] * g).abs() for name, g in looked.gradient().items()}


@final
@dataclass(frozen=True)
class Grasp(Saliency):
    """w (H g), H the Hessian and g the gradient of the mean loss: minus the published score -w (H g), of which the
    largest are removed (Wang, Zhang, Grosse 2020). No temperature: outputs are taken as they are."""

    name: ClassVar[str] = "grasp"

    def scores(self, looked: Looked) -> Tensors:
        product = looked.curvature(looked.gradient())
        return {name: looked.weights[name] * h for name, h in product.items()}


@final
@dataclass(frozen=True)
class SynFlow(Saliency):
    """|w| dR/d|w| with R the sum of the outputs of the network with |w| for its weights on an input of ones (Tanaka,
    Kunin, Yamins, Ganguli 2020); in float64. Looks at the shape of the inputs alone.

    Without biases the scores into a hidden unit add up to those out of it, so no layer is emptied when few are removed
    at a time. That holds for the networks that are pruned here: biases are 0, norms have weights of 1 and compute in
    eval mode with running statistics, 0 and 1 until weights are
    trained between rounds, so that a batch norm divides by sqrt(1 + eps) alone. The
    published code takes sizes of all parameters and buffers (recalled); here biases and norms are part of the network
    as they are, cast to float64 like the rest, and have no score. A norm that has no running statistics normalises the
    ones by themselves.

    InputError for networks that cannot be called on ones in float64, such as those that take tokens.
    """

    name: ClassVar[str] = "synflow"
    data: ClassVar[bool] = False

    def scores(self, looked: Looked) -> Tensors:
        inputs = next(iter(looked.batches))[0]
        ones = (
            tuple(torch.ones_like(x[:1], dtype=torch.float64) for x in inputs)
            if isinstance(inputs, tuple)
            else torch.ones_like(inputs[:1], dtype=torch.float64)
        )
        leaves = {name: w.abs().double().requires_grad_() for name, w in looked.weights.items()}
        try:
            flow = looked.call(ones, leaves).sum()
        except SltError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise InputError(
                "pruning by synflow: the network is called on one input of ones in float64, and failed with "
                f"{type(error).__name__}: {error}. Give a network that takes such inputs, or another saliency"
            ) from error
        gradients = torch.autograd.grad(flow, list(leaves.values()), allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if g is None else (leaf * g).detach()
            for (name, leaf), g in zip(leaves.items(), gradients, strict=True)
        }


@final
@dataclass(frozen=True)
class RandomSaliency(Saliency):
    """A draw at ``key / name``: the same at every round, so what is removed stays removed."""

    name: ClassVar[str] = "random"
    data: ClassVar[bool] = False

    def scores(self, looked: Looked) -> Tensors:
        draws = RandomTensors(Uniform(), FanIn(1 / 3))
        return {
            name: draws.tensor(looked.key / name, Maskable(name, tuple(w.shape), 1, 1))
            for name, w in looked.weights.items()
        }
