"""Which branches a target needs: positive and negative inputs of a coordinate are served by different random units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.domains import Domain
from slt.targets import Target

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Wanted:
    """One distinct parameter of the target: ``matrix`` (outputs, coordinates) float64, and for each coordinate whether
    it can be positive and whether it can be negative, (coordinates,) each, over all its uses."""

    matrix: FloatArray
    positive: BoolArray
    negative: BoolArray


def wanted_parts(target: Target, domain: Domain) -> dict[str, Wanted]:
    """Every distinct parameter by the name of its ``Part``.

    Signs come from the domain for the first layer, and from a ReLU before it for the others; a bias is the column of
    a coordinate that is always 1.
    """
    found: dict[str, Wanted] = {}
    first_use: dict[int, int] = {}
    positive, negative = domain.positive(target.inputs), domain.negative(target.inputs)
    if target.input_relu:
        negative = np.zeros_like(negative)
    for i, layer in enumerate(target.layers):
        first = first_use.setdefault(layer.weight_id, i)
        name = f"layer {first}/weight"
        before = found.get(name)
        found[name] = Wanted(
            layer.weight,
            positive | before.positive if before else positive,
            negative | before.negative if before else negative,
        )
        if layer.bias is not None and layer.bias_id is not None:
            first = first_use.setdefault(layer.bias_id, i)
            one = np.ones(1, dtype=np.bool_)
            found[f"layer {first}/bias"] = Wanted(layer.bias[:, None], one, ~one)
        positive = np.ones(layer.outputs, dtype=np.bool_)
        negative = np.full(layer.outputs, not layer.relu)
    return found
