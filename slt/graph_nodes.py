"""Nodes of convolutional and residual networks, as plain data: what is computed from what, without any weights.

A network is a tuple of nodes in topological order; node 0 is the input, the last one the output. Nodes name their
sources by index and their parameters by name, so that a target, a ticket's header and a collapsed ticket share them.
Values have shape (count, channels, height, width), or (count, features) behind a Flatten.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

if TYPE_CHECKING:
    import torch

Pair = tuple[int, int]


def whole(value: Any, least: int) -> bool:
    """Is it an integer, no boolean, and at least ``least``?"""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least


def _whole(value: Any, least: int) -> bool:
    # fields of nodes go into files, which know no other integers
    return type(value) is int and value >= least


def _pair(value: Any, least: int) -> bool:
    return type(value) is tuple and len(value) == 2 and all(_whole(v, least) for v in value)


@dataclass(frozen=True)
class Node(ABC):
    """``source``, or ``left`` and ``right``: indices of earlier nodes."""

    kind: ClassVar[str]

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,) if hasattr(self, "source") else ()

    @property
    def fits(self) -> bool:
        """Whether its fields make sense by themselves."""
        return True

    @abstractmethod
    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        """Its value from those of its sources."""

    def entry(self) -> list[Any]:
        """[kind, field, ...] for a header."""
        return [self.kind, *(getattr(self, f.name) for f in fields(self))]


@final
@dataclass(frozen=True)
class Input(Node):
    """The network's inputs."""

    kind: ClassVar[str] = "input"

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        raise InputError("the input of a graph is given, not computed")


@dataclass(frozen=True)
class Affine(Node):
    """A linear map plus a bias; ``weight`` and ``bias`` name its parameters, ``bias`` may be None."""

    source: int
    weight: str
    bias: str | None
    outputs: int
    inputs: int

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weight as torch's module has it."""

    @abstractmethod
    def apply(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The linear map with that weight, without bias."""

    @abstractmethod
    def to_matrix(self, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The weight as a matrix (rows, inputs): a column holds all that is multiplied by one input channel."""

    @abstractmethod
    def from_matrix(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The inverse of ``to_matrix``, also for a multiple of the inputs, several columns to each channel."""

    @property
    def rows(self) -> int:
        """Rows of ``to_matrix``."""
        return math.prod(self.weight_shape) // self.inputs

    @abstractmethod
    def spread(self, bias: torch.Tensor) -> torch.Tensor:
        """A bias (outputs,) in the shape that broadcasts over the outputs."""

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        raise InputError(f"{self.kind} needs its weights; give ``run`` a function for affine nodes")

    @property
    def fits(self) -> bool:
        named = isinstance(self.weight, str) and self.weight and (self.bias is None or isinstance(self.bias, str))
        return bool(named) and _whole(self.outputs, 1) and _whole(self.inputs, 1)


@final
@dataclass(frozen=True)
class Convolution(Affine):
    """``torch.nn.Conv2d`` with zero padding: weight (outputs, inputs / groups, *kernel); pairs are (height, width)."""

    kind: ClassVar[str] = "convolution"

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def fits(self) -> bool:
        return (
            super().fits
            and all(_pair(p, 1) for p in (self.kernel, self.stride, self.dilation))
            and _pair(self.padding, 0)
            and _whole(self.groups, 1)
            and self.inputs % self.groups == 0
            and self.outputs % self.groups == 0
        )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.outputs, self.inputs // self.groups, *self.kernel)

    @property
    def geometry(self) -> tuple[Any, ...]:
        """All that ``torch.nn.functional.conv2d`` takes besides tensors: stride, padding, dilation, groups."""
        return self.stride, self.padding, self.dilation, self.groups

    def apply(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        y: torch.Tensor = functional.conv2d(x, weight, None, *self.geometry)
        return y

    def to_matrix(self, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        # rows: (output within its group, tap); columns: (group, input within it)
        grouped = weight.reshape(self.groups, self.outputs // self.groups, -1, *self.kernel)
        return np.ascontiguousarray(grouped.transpose(1, 3, 4, 0, 2)).reshape(self.rows, -1)

    def from_matrix(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        grouped = matrix.reshape(len(matrix) // math.prod(self.kernel), *self.kernel, self.groups, -1)
        taps = np.ascontiguousarray(grouped.transpose(3, 0, 4, 1, 2))
        return taps.reshape(-1, taps.shape[2], *self.kernel)

    def spread(self, bias: torch.Tensor) -> torch.Tensor:
        return bias[:, None, None]


@final
@dataclass(frozen=True)
class Linear(Affine):
    """``torch.nn.Linear`` on the last dimension: weight (outputs, inputs)."""

    kind: ClassVar[str] = "linear"

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.outputs, self.inputs

    def apply(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x @ weight.T

    def to_matrix(self, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return weight

    def from_matrix(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return matrix

    def spread(self, bias: torch.Tensor) -> torch.Tensor:
        return bias


@final
@dataclass(frozen=True)
class ReLU(Node):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"

    source: int

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        return values[0].relu()


@final
@dataclass(frozen=True)
class MaxPool(Node):
    """``torch.nn.MaxPool2d``; with kernel (1, 1) every stride-th pixel."""

    kind: ClassVar[str] = "max-pool"

    source: int
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil: bool = False

    @property
    def fits(self) -> bool:
        return (
            all(_pair(p, 1) for p in (self.kernel, self.stride, self.dilation))
            and _pair(self.padding, 0)
            and all(2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True))
            and type(self.ceil) is bool
        )

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        pooled: torch.Tensor = functional.max_pool2d(
            values[0], self.kernel, self.stride, self.padding, self.dilation, self.ceil
        )
        return pooled


@final
@dataclass(frozen=True)
class AveragePool(Node):
    """``torch.nn.AvgPool2d``; ``include_padding``: the zeros of the padding count in the mean."""

    kind: ClassVar[str] = "average-pool"

    source: int
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil: bool = False
    include_padding: bool = True

    @property
    def fits(self) -> bool:
        return (
            all(_pair(p, 1) for p in (self.kernel, self.stride))
            and _pair(self.padding, 0)
            and all(2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True))
            and type(self.ceil) is type(self.include_padding) is bool
        )

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        pooled: torch.Tensor = functional.avg_pool2d(
            values[0], self.kernel, self.stride, self.padding, self.ceil, self.include_padding
        )
        return pooled


@final
@dataclass(frozen=True)
class AdaptiveAveragePool(Node):
    """``torch.nn.AdaptiveAvgPool2d``: means over ``size`` windows that cover the image; (1, 1) is the global mean."""

    kind: ClassVar[str] = "adaptive-average-pool"

    source: int
    size: Pair

    @property
    def fits(self) -> bool:
        return _pair(self.size, 1)

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        pooled: torch.Tensor = functional.adaptive_avg_pool2d(values[0], self.size)
        return pooled


@final
@dataclass(frozen=True)
class Sum(Node):
    """left + right, of one shape: a skip connection."""

    kind: ClassVar[str] = "sum"

    left: int
    right: int

    @property
    def sources(self) -> tuple[int, ...]:
        return self.left, self.right

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        left, right = values
        if left.shape != right.shape:
            raise InputError(
                f"a sum of values of shapes {tuple(left.shape)} and {tuple(right.shape)}; equal shapes are needed, "
                "nothing is broadcast. Is the input of the size that the network was made for?"
            )
        return left + right


@final
@dataclass(frozen=True)
class ZeroPad(Node):
    """Zeros around the image and channels of zeros: ``channels`` (before, after), ``rows`` (above, below), ``columns``
    (left, right)."""

    kind: ClassVar[str] = "zero-pad"

    source: int
    channels: Pair
    rows: Pair
    columns: Pair

    @property
    def fits(self) -> bool:
        return all(_pair(p, 0) for p in (self.channels, self.rows, self.columns))

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        return functional.pad(values[0], (*self.columns, *self.rows, *self.channels))


@final
@dataclass(frozen=True)
class Flatten(Node):
    """(count, channels, height, width) to (count, channels * height * width)."""

    kind: ClassVar[str] = "flatten"

    source: int

    def compute(self, *values: torch.Tensor) -> torch.Tensor:
        return values[0].flatten(1)
