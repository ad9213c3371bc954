"""What is done to a batch of inputs before the network sees it: pure functions of the inputs and given random bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch.nn import functional

from slt.errors import InputError

_AT_ONCE = 1000  # images whose float64 copy is alive at one time


class Transform(ABC):
    """A function of a batch of inputs. It draws nothing: ``bits`` are given."""

    random = True  # whether the bits are wanted

    @abstractmethod
    def __call__(self, x: torch.Tensor, bits: torch.Tensor | None) -> torch.Tensor:
        """The inputs, transformed; ``bits``: int64 uniform on [0, 2**52), one for each input, on the same device, or
        None where ``random`` is false."""


@final
@dataclass(frozen=True)
class CropAndFlip(Transform):
    """Zeros on all sides, a window of the old size cut out at random, then mirrored left to right every other time.

    The usual augmentation of CIFAR-10 (He et al. 2016: ``padding`` 4). Inputs (batch, channels, height, width), of any
    type; put it before ``Standardise`` to have the zeros mean black. The draw is uniform up to 2**-43.
    """

    padding: int = 4

    def __post_init__(self) -> None:
        if type(self.padding) is not int or not 0 <= self.padding <= 255:
            raise InputError(f"cropping needs a padding of 0 to 255 pixels; {self.padding!r} was given")

    def __call__(self, x: torch.Tensor, bits: torch.Tensor | None) -> torch.Tensor:
        if x.dim() != 4 or bits is None or bits.shape != x.shape[:1]:
            raise InputError(
                "cropping images needs inputs of shape (batch, channels, height, width) and random bits of shape "
                f"(batch,); {tuple(x.shape)} and {None if bits is None else tuple(bits.shape)} were given"
            )
        count, channels, height, width = x.shape
        offsets = 2 * self.padding + 1
        number = bits % (2 * offsets * offsets)
        top, left, mirrored = number // (2 * offsets), number // 2 % offsets, number % 2 == 1
        rows = torch.arange(height, device=x.device) + top[:, None]
        columns = torch.arange(width, device=x.device) + left[:, None]
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        padded = functional.pad(x, [self.padding] * 4)
        pixels = (rows[:, :, None] * padded.shape[3] + columns[:, None, :]).reshape(count, 1, height * width)
        return padded.flatten(2).gather(2, pixels.expand(-1, channels, -1)).reshape(x.shape)


@final
@dataclass(frozen=True)
class Standardise(Transform):
    """(x - mean) / deviation for each channel, as float32; both in the units of the inputs (bytes: 0 to 255)."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    random = False

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.deviation) or not all(0 < d < float("inf") for d in self.deviation):
            raise InputError(
                "standardising needs a mean and a positive deviation for each channel; "
                f"{self.mean} and {self.deviation} were given"
            )

    @classmethod
    def of(cls, x: torch.Tensor) -> Standardise:
        """That of inputs (count, channels, ...): take the training part alone."""
        if x.dim() < 2 or not x.numel():
            raise InputError(f"standardising needs inputs of shape (count, channels, ...); {tuple(x.shape)} was given")
        axes, count = [axis for axis in range(x.dim()) if axis != 1], x.numel() // x.shape[1]
        total = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
        for start in range(0, len(x), _AT_ONCE):
            total += x[start : start + _AT_ONCE].double().sum(axes)
        mean = total / count
        square, shaped = torch.zeros_like(mean), mean.reshape(1, -1, *[1] * (x.dim() - 2))
        for start in range(0, len(x), _AT_ONCE):
            square += ((x[start : start + _AT_ONCE].double() - shaped) ** 2).sum(axes)
        deviation = (square / count).sqrt()
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    def __call__(self, x: torch.Tensor, bits: torch.Tensor | None = None) -> torch.Tensor:
        if x.dim() < 2 or x.shape[1] != len(self.mean):
            raise InputError(f"standardising {len(self.mean)} channels: inputs of shape {tuple(x.shape)} were given")
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, deviation = (x.new_tensor(v, dtype=torch.float32).reshape(shape) for v in (self.mean, self.deviation))
        return (x.float() - mean) / deviation
