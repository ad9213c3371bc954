"""Batches of data in memory, in an order that is a pure function of (seed, epoch).

Torch's own loaders draw their order from a generator whose state must be saved to go on where a run stopped. Here the
number of the epoch is all there is to save. The random bits are Philox words, so the order is the same on every device.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import SupportsIndex, final

import numpy as np
import numpy.typing as npt
import torch

from slt.errors import InputError
from slt.search.transforms import Transform
from slt.weights import Key, Uniform

Batch = tuple[torch.Tensor, torch.Tensor]
Data = torch.Tensor | npt.NDArray

_BITS = Uniform(52)


def random_bits(key: Key, count: int) -> torch.Tensor:
    """``count`` integers uniform on [0, 2**52), int64, shape (count,): the first ones of an endless row."""
    k = _BITS.draw(key, (1, 1, count)).reshape(count).astype(np.int64)
    return torch.from_numpy((k + (2**52 - 1)) >> 1)


def order(key: Key, count: int) -> torch.Tensor:
    """A random permutation of 0 .. count - 1, int64: the numbers in the order of their random bits."""
    return torch.argsort(random_bits(key, count), stable=True)


class EpochLoader(ABC):
    """Batches whose every epoch is a pure function of its number.

    Iterating draws epoch ``epoch`` and counts it up when the pass begins, also if the pass is then left early. Setting
    ``epoch`` goes to any place; ``seed`` belongs to the loader for good.
    """

    def __init__(self, seed: int, epoch: int = 0) -> None:
        self.key = Key(seed) / "batches"
        self.epoch = epoch

    @property
    def seed(self) -> int:
        return self.key.seed

    @property
    def epoch(self) -> int:
        """The number of the epoch that the next pass draws, from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: SupportsIndex) -> None:
        self._epoch = whole("the epoch of a loader", epoch, least=0)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch
        self._epoch += 1
        return self.batches(epoch)

    @abstractmethod
    def __len__(self) -> int:
        """Batches in an epoch."""

    @abstractmethod
    def batches(self, epoch: int) -> Iterator[Batch]:
        """The (inputs, targets) of that epoch, without counting."""


@final
class Batches(EpochLoader):
    """Labelled data in memory: ``x`` and ``y`` with one common first axis, tensors (any device) or arrays.

    ``batch``: rows at once; the last batch is smaller, or left out with ``drop_last``. ``shuffle=False`` keeps the
    order and hands out views of the data. ``augment``: transforms of the inputs, applied in turn; their random bits
    belong to (seed, epoch, row), so they depend neither on the batch nor on the order. Tensors stay on their device.
    """

    def __init__(
        self,
        x: Data,
        y: Data,
        batch: int = 128,
        seed: int = 0,
        shuffle: bool = True,
        augment: Transform | Sequence[Transform] | None = None,
        drop_last: bool = False,
    ) -> None:
        super().__init__(seed)
        self.x, self.y = as_tensor("x", x), as_tensor("y", y)
        if len(self.x) != len(self.y) or not len(self.x):
            raise InputError(
                f"batches need as many targets as inputs, at least one; {len(self.x)} inputs and {len(self.y)} targets "
                "were given"
            )
        if self.x.device != self.y.device:
            raise InputError(f"inputs on {self.x.device} and targets on {self.y.device} were given; move one of them")
        self.batch = whole("the batch size", batch, least=1)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        given = () if augment is None else tuple(augment) if isinstance(augment, Sequence) else (augment,)
        for transform in given:
            if not isinstance(transform, Transform):
                raise InputError(
                    f"batches are augmented by transforms, as CropAndFlip(padding=4); {transform!r} was given"
                )
        self.augment: tuple[Transform, ...] = given
        if not len(self):
            raise InputError(
                f"batches of {self.batch} out of {len(self.x)} rows, the last smaller one left out: none remains. "
                "Give a smaller batch or drop_last=False"
            )

    def __len__(self) -> int:
        full, rest = divmod(len(self.x), self.batch)
        return full + bool(rest and not self.drop_last)

    def batches(self, epoch: int) -> Iterator[Batch]:
        key, count, device = self.key / str(epoch), len(self.x), self.x.device
        rows = order(key / "order", count).to(device) if self.shuffle else None
        bits = [
            random_bits(key / "transform" / str(i), count).to(device) if transform.random else None
            for i, transform in enumerate(self.augment)
        ]
        for start in range(0, len(self) * self.batch, self.batch):
            some = slice(start, start + self.batch) if rows is None else rows[start : start + self.batch]
            x = self.x[some]
            for transform, drawn in zip(self.augment, bits, strict=True):
                x = transform(x, None if drawn is None else drawn[some])
            yield x, self.y[some]


def whole(what: str, value: SupportsIndex, least: int) -> int:
    """``value`` as an int of at least ``least``; InputError if it is none."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InputError(f"{what} must be a whole number of at least {least}; {value!r} was given")
    return number


def as_tensor(name: str, data: Data) -> torch.Tensor:
    """The data as a tensor with an axis of rows, without a copy where they may be written to; InputError if none."""
    tensor = data
    if isinstance(data, np.ndarray) and data.dtype != object:
        tensor = torch.from_numpy(data if data.flags.writeable else data.copy())
    if not isinstance(tensor, torch.Tensor) or not tensor.dim():
        raise InputError(
            f"batches are made of tensors or arrays with an axis of rows; {name} is of type {type(data).__name__}"
            + (" and has no axis" if isinstance(tensor, torch.Tensor) else "")
        )
    return tensor.detach()
