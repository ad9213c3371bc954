"""Both networks of a score as torch tensors in float64, evaluated with a bound of every rounding error beside them.

Running error analysis: Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, sections 3.1 and 3.3. The
bounds hold for any order of summation, with or without fused multiply-add, so on any device with IEEE float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedNetwork
from slt.errors import InputError
from slt.scoring.rounding import UNDERFLOW, UNIT, gamma
from slt.targets import Target

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Block:
    """x -> positive @ max(x, 0) - negative @ max(-x, 0) + bias, then a ReLU if ``relu``; float64 on one device.

    negative   None: the same as ``positive``, a linear layer
    size       max(|positive|, |negative|): how far an error of an input can carry
    floor      what underflow can add to the error of an output, (outputs,)
    rounding   how far each entry may be from the real one
    """

    positive: torch.Tensor
    negative: torch.Tensor | None
    bias: torch.Tensor
    size: torch.Tensor
    floor: torch.Tensor
    relu: bool
    rounding: float

    def before_relu(self, x: torch.Tensor) -> torch.Tensor:
        """(count, outputs) for x (count, inputs)."""
        if self.negative is None:
            return x @ self.positive.T + self.bias
        return x.clamp(min=0.0) @ self.positive.T - (-x).clamp(min=0.0) @ self.negative.T + self.bias

    def error(self, x: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        """At least |computed - real| of each output, where ``error`` is at least that of x; both (count, .)."""
        k = x.shape[1]
        relative = gamma(k + 4)  # k products and sums of them, the difference of two, the bias; two to spare
        size = relative * x.abs()
        if self.negative is None:
            bound = (size + error) @ self.size.T
        else:
            right, left = size * (x > 0), size * (x < 0)
            bound = right @ self.positive.abs().T + left @ self.negative.abs().T + error @ self.size.T
        bound = bound + relative * self.bias.abs() + self.floor
        if self.rounding:
            bound = bound + self.rounding * (x.abs() + error).sum(dim=1, keepdim=True) + self.rounding
        # the bound is itself a sum of non-negative numbers in float64
        return bound * (1 + 4 * (k + 16) * UNIT)


@final
@dataclass(frozen=True, eq=False)
class Network:
    """A chain of blocks on one device."""

    blocks: tuple[Block, ...]
    input_relu: bool

    @staticmethod
    def of(network: CollapsedNetwork | Target, device: torch.device) -> Network:
        """Either network of a pair."""
        if isinstance(network, CollapsedNetwork):
            made = [block_of(b.positive, b.negative, b.bias, b.relu, b.rounding, device) for b in network.layers]
        else:
            made = [block_of(a.weight, None, a.bias, a.relu, 0.0, device) for a in network.layers]
        return Network(tuple(made), network.input_relu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (count, outputs) for inputs (count, inputs)."""
        x = x.clamp(min=0.0) if self.input_relu else x
        for block in self.blocks:
            x = block.before_relu(x)
            x = x.clamp(min=0.0) if block.relu else x
        return x

    def forward_with_error(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs, and at least their distances to the real outputs (inf or NaN: no bound); (count, outputs) each."""
        import torch

        x = x.clamp(min=0.0) if self.input_relu else x
        error = torch.zeros_like(x)
        for block in self.blocks:
            y = block.before_relu(x)
            # an overflow shows before the ReLU, which can hide it
            error = torch.where(y.isfinite(), block.error(x, error), torch.inf)
            x = y.clamp(min=0.0) if block.relu else y
        return x, error


def block_of(
    positive: FloatArray, negative: FloatArray | None, bias: FloatArray | None, relu: bool, rounding: float, device: Any
) -> Block:
    """A block's arrays as tensors; ``negative`` None for a linear layer."""
    import torch

    def sent(array: FloatArray) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float64, device=device)

    outputs, k = positive.shape
    size = np.abs(positive) if negative is None else np.maximum(np.abs(positive), np.abs(negative))
    with np.errstate(over="ignore"):
        floor = UNDERFLOW * (8.0 * k + 8.0 * size.sum(axis=1))
    return Block(
        positive=sent(positive),
        negative=None if negative is None else sent(negative),
        bias=sent(np.zeros(outputs) if bias is None else bias),
        size=sent(size),
        floor=sent(floor),
        relu=relu,
        rounding=rounding,
    )


def points_of(inputs: Any, width: int) -> FloatArray:
    """Inputs as float64 of shape (count, width). Raises InputError (NaN, a wrong width, no input)."""
    import torch

    if isinstance(inputs, torch.Tensor):
        inputs = inputs.detach().to("cpu")
        inputs = inputs.numpy() if not inputs.is_floating_point() else inputs.to(torch.float64).numpy()
    array = np.asarray(inputs)
    if array.dtype.kind not in "biuf":
        raise InputError(f"sampling the error: inputs of dtype {array.dtype} were given; real numbers are needed")
    if array.ndim == 0 or array.size == 0:
        raise InputError(
            f"sampling the error: inputs of shape {array.shape} were given; at least one input is needed, "
            "shape (count, ...)"
        )
    points = np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float64)
    if points.shape[1] != width:
        raise InputError(
            f"sampling the error: inputs of shape {array.shape} have {points.shape[1]} numbers each, the model takes "
            f"{width}; give shape (count, {width}) or (count, ...) that flattens to it"
        )
    bad = int(np.count_nonzero(~np.isfinite(points)))
    if bad:
        raise InputError(
            f"sampling the error: {bad} of {points.size} numbers of the inputs are NaN or infinite; "
            "finite ones are needed"
        )
    return points


def device_of(device: Any) -> torch.device:
    """A torch device with float64, the processor for None. Raises InputError."""
    import torch

    try:
        place = torch.device("cpu" if device is None else device)
        torch.zeros(1, dtype=torch.float64, device=place)
    except (RuntimeError, TypeError, AssertionError, ValueError) as error:
        raise InputError(
            f"sampling the error: device {device!r} cannot hold float64 tensors here ({error}); "
            "give None for the processor, or a device that torch sees and that has float64"
        ) from error
    return place
