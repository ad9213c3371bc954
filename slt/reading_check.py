"""Whether a graph that was read from a module computes what the module does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slt.errors import UnsupportedModuleError
from slt.graph_reader import evaluating

if TYPE_CHECKING:
    import torch
    from torch import nn

COUNT, RELATIVE, ROUNDING = 3, 1e-7, 1e-12


def check_reading(
    model: nn.Module, input_shape: Sequence[int], values: Callable[[Any], Sequence[torch.Tensor]]
) -> None:
    """UnsupportedModuleError unless the last of ``values`` (of all nodes of the graph, in float64) is what the model
    computes in eval mode with its numbers in float64, at a few normal inputs of one seed.

    Equal up to 1e-7 of the largest output, as misread networks are not, plus 1e-12 of the largest value of any node:
    folded batch norms round otherwise than the model does. The model is left as it is.
    """
    inputs = np.random.default_rng(0).normal(size=(COUNT, *input_shape))
    found = values(inputs)
    got = found[-1].numpy()
    expected = _forward(model, inputs)
    name = type(model).__name__
    if got.shape != expected.shape:
        raise UnsupportedModuleError(
            f"reading the target: {name} could not be read faithfully: for inputs of shape {inputs.shape} its outputs "
            f"have shape {expected.shape}, those of the graph {got.shape}. {_REMEDY}"
        )
    rounding = RELATIVE * _largest(expected) + ROUNDING * max(_largest(v.numpy()) for v in found)
    if not np.allclose(got, expected, rtol=0.0, atol=rounding, equal_nan=True):
        with np.errstate(invalid="ignore"):
            difference = np.abs(got - expected).max()
        raise UnsupportedModuleError(
            f"reading the target: {name} could not be read faithfully: at {COUNT} random inputs the largest difference "
            f"between its outputs in eval mode and those of the graph is {difference:.3g}; rounding would explain "
            f"{rounding:.3g}. {_REMEDY}"
        )


_REMEDY = (
    "Write what it does on memory in place, on slices and on shapes in separate values, or use ModuleTree(), which "
    "carries what it does not know"
)


def _forward(model: nn.Module, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import torch

    numbers = {
        name: tensor.detach().to("cpu", torch.float64 if tensor.is_floating_point() else tensor.dtype, copy=True)
        for named in (model.named_parameters(), model.named_buffers())
        for name, tensor in named
    }
    try:
        with evaluating(model), torch.no_grad(), torch.autocast("cpu", enabled=False):
            outputs = torch.func.functional_call(model, numbers, (torch.tensor(inputs),))
            return np.asarray(outputs.numpy())
    except Exception as error:  # somebody's forward may raise anything
        raise UnsupportedModuleError(
            f"reading the target: {type(model).__name__} cannot take inputs of shape {inputs.shape} in float64 on the "
            f"processor, though its graph can: {type(error).__name__}: {error}"
        ) from error


def _largest(values: npt.NDArray[np.float64]) -> float:
    """The largest magnitude among the finite values."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
