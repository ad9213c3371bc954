"""A random network of depth 2 whose neurons are kept or removed whole."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.arguments import is_number, numbers
from slt.errors import InputError
from slt.tickets.blocks import whole
from slt.tickets.search_source import SearchSource
from slt.tickets.search_tensor import SearchTensor
from slt.weights import Key, Uniform, WeightLaw

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
FIRST, BIAS, SECOND, SCALE = "first.weight", "first.bias", "second.weight", "scale.factor"
SPREAD = 2.0


@final
@dataclass(frozen=True)
class RandomNeurons:
    """x -> sum over neurons i of v_i relu(w_i . x + b_i), v_i = +1 or -1, all drawn at ``key``.

    ``inputs``   d, the size of x
    ``neurons``  k; the neurons of a smaller k are the first of a larger one
    ``law``      of w and b: w_i has entries sqrt(3 / d) times a draw, so that for uniform draws E |w_i|^2 = 1
    ``spread``   b_i is ``spread`` times a draw
    """

    key: Key
    inputs: int
    neurons: int
    law: WeightLaw = field(default_factory=Uniform)
    spread: float = SPREAD

    def __post_init__(self) -> None:
        for name, kind, told in (("key", Key, "Key(0)"), ("law", WeightLaw, "Uniform()")):
            if not isinstance(getattr(self, name), kind):
                raise InputError(
                    f"random neurons: {name} must be an object such as {told}; {getattr(self, name)!r} was given"
                )
        if not (is_number(self.spread) and 2.0**-60 <= self.spread <= 2.0**60):
            raise InputError(f"random neurons: spread must be a number in 2**-60 .. 2**60; {self.spread!r} was given")
        for name in ("inputs", "neurons"):
            if not whole(getattr(self, name), 1):
                raise InputError(
                    f"random neurons: {name} must be a whole number >= 1; {getattr(self, name)!r} was given"
                )
            object.__setattr__(self, name, int(getattr(self, name)))

    def source(self, scale: float = 1.0) -> SearchSource:
        """The random network with a declared factor behind it, which a ticket carries; exact in float32."""
        import torch

        from slt.carried import CarriedTensor
        from slt.tree_checks import outline

        skeleton = self._skeleton()
        return SearchSource(
            key=self.key,
            law=self.law,
            tensors=(
                SearchTensor(FIRST, (self.neurons, self.inputs), math.sqrt(3 / self.inputs)),
                SearchTensor(BIAS, (self.neurons,), self.spread),
                SearchTensor(SECOND, (1, self.neurons), 1.0, binarised=True),
            ),
            state=(CarriedTensor.of(SCALE, torch.tensor(scale, dtype=torch.float32)),),
            outline=outline(skeleton),
            method="neuron-subnetwork",
            skeleton=skeleton,
        )

    def _skeleton(self) -> nn.Module:
        import torch
        from torch import nn

        from slt.tickets.two_layer_module import Scale, frozen_linear

        modules: OrderedDict[str, nn.Module] = OrderedDict(
            first=frozen_linear(torch.zeros(self.neurons, self.inputs), torch.zeros(self.neurons)),
            relu=nn.ReLU(),
            second=frozen_linear(torch.zeros(1, self.neurons), None),
            scale=Scale(1.0, torch.float32),
        )
        return nn.Sequential(modules)

    def features(self, points: Any) -> FloatArray:
        """v_i relu(w_i . x + b_i) in float64, shape (count, neurons), for points (count, inputs). The first factors are
        the ticket's float32 weights. InputError for points of another shape, or not finite."""
        x = numbers(points, "features of random neurons: points")
        if x.ndim != 2 or x.shape[1] != self.inputs or not len(x) or not np.isfinite(x).all():
            raise InputError(
                f"features of random neurons: finite points of shape (count, {self.inputs}) are needed; shape "
                f"{x.shape} with {int(np.count_nonzero(~np.isfinite(x)))} numbers that are not finite was given"
            )
        source = self.source()
        first, bias, second = (source.source_values(n).astype(np.float64) for n in (FIRST, BIAS, SECOND))
        return np.asarray(np.maximum(x @ first.T + bias, 0.0) * second[0])
