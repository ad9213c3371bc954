"""Collapsed maps: the matrices that a two-layer ticket computes, worked out exactly from its source and mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class CollapsedLayer:
    """``x -> positive @ max(x, 0) - negative @ max(-x, 0) + bias``, then a ReLU if ``relu``.

    ``positive`` and ``negative`` have shape (outputs, inputs), ``bias`` (outputs,). Each entry is the exact real
    number up to ``rounding`` (0.0 when all of them fit float64, which they do while they stay below 2**7).
    """

    positive: FloatArray
    negative: FloatArray
    bias: FloatArray
    relu: bool
    rounding: float = 0.0


@final
@dataclass(frozen=True, eq=False)
class CollapsedNetwork:
    """The function that a ticket computes over the reals, as a chain of collapsed layers."""

    layers: tuple[CollapsedLayer, ...]
    input_relu: bool = False

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Outputs in float64, shape (count, outputs), for inputs of shape (count, inputs) or (count, ...)."""
        x = np.asarray(inputs, dtype=np.float64)
        x = x.reshape(len(x), -1)
        if self.input_relu:
            x = np.maximum(x, 0.0)
        for layer in self.layers:
            x = np.maximum(x, 0.0) @ layer.positive.T - np.maximum(-x, 0.0) @ layer.negative.T + layer.bias
            if layer.relu:
                x = np.maximum(x, 0.0)
        return x
