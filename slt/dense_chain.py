"""Chains of dense layers with one activation, in float64: what a ticket of another activation than ReLU computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.activations import Activation

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class DenseLayer:
    """``x -> weight @ x + bias``, then the chain's activation if ``active``; shapes (outputs, inputs), (outputs,).

    Both hold exact numbers: random weights times masks and powers of two.
    """

    weight: FloatArray
    bias: FloatArray
    active: bool


@final
@dataclass(frozen=True, eq=False)
class DenseChain:
    """The function that a ticket computes over the reals: its own masked layers, one by one."""

    layers: tuple[DenseLayer, ...]
    activation: Activation

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Outputs in float64, shape (count, outputs), for inputs of shape (count, inputs) or (count, ...)."""
        x = np.asarray(inputs, dtype=np.float64)
        x = x.reshape(len(x), -1)
        for layer in self.layers:
            x = x @ layer.weight.T + layer.bias
            x = self.activation.apply(x) if layer.active else x
        return x
