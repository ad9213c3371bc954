"""Bases: networks of fixed features that serve a whole family of functions, with a linear map on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.domains import Box
from slt.errors import AssumptionError, InputError
from slt.targets import Layer, Target

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Basis:
    """F functions of d variables on a box, and one sparse ReLU network that answers all of them.

    A ticket for ``target`` on ``domain`` is a basis in a masked random network (Burkholz, Laha, Mukherjee, Gotovos,
    "On the existence of universal lottery tickets", ICLR 2022, strong universality; statement recalled, unverified):
    every function of the family is one linear map of the same features.

    ``names``     of the features, (F,)
    ``law``       (F,): an upper bound of the error of each feature of ``target`` on the domain, interpolation alone
    ``function``  the features themselves: takes (count, d), returns (count, F)
    """

    target: Target
    names: tuple[str, ...]
    domain: Box
    law: FloatArray
    function: Callable[[FloatArray], FloatArray]

    @property
    def inputs(self) -> int:
        return self.target.inputs

    @property
    def count(self) -> int:
        """F, how many features."""
        return len(self.names)

    def exact(self, inputs: Any) -> FloatArray:
        """The features themselves at inputs (count, d): (count, F). AssumptionError outside the domain."""
        return self.function(self.checked(inputs))

    def ideal(self, inputs: Any) -> FloatArray:
        """What ``target`` answers, (count, F): the features, interpolated. AssumptionError outside the domain."""
        return self.target.forward(self.checked(inputs))

    def checked(self, inputs: Any) -> FloatArray:
        """``inputs`` as float64 (count, d); AssumptionError unless all of them lie in the domain."""
        x = np.asarray(inputs, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise InputError(
                f"evaluating a basis of {self.inputs} variables: inputs have shape {x.shape}, (count, {self.inputs}) "
                "is needed"
            )
        low, high = self.domain.bounds(self.inputs)
        outside = ~((x >= low) & (x <= high)).all(axis=1)
        if outside.any():
            raise AssumptionError(
                f"evaluating a basis: it was made for the box from {self.domain.low} to {self.domain.high}; "
                f"{int(outside.sum())} of {len(x)} inputs lie outside, such as {x[outside][0].tolist()}. Scale the "
                "inputs, or make the basis for a larger box"
            )
        return x

    def combination(self, coefficients: Any, constants: Any = 0.0) -> Target:
        """The network whose outputs are linear combinations of the features, (outputs, F) ``coefficients`` merged into
        the last layer, plus ``constants`` (outputs,). Such as a polynomial."""
        c = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
        if c.shape[1] != self.count or not np.all(np.isfinite(c)):
            raise InputError(
                f"combining {self.count} features: coefficients have shape {c.shape}; finite ones of shape (outputs, "
                f"{self.count}) are needed"
            )
        last = self.target.layers[-1]
        bias = np.zeros(self.count) if last.bias is None else last.bias
        merged: Layer = replace(last, weight=c @ last.weight, bias=c @ bias + np.broadcast_to(constants, len(c)))
        layers = [*self.target.layers[:-1], merged]
        return Target.from_arrays([layer.weight for layer in layers], [layer.bias for layer in layers])
