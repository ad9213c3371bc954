"""Training, validation and test part of labelled images: what a search chooses by is held out of the training part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, final

import torch

from slt.errors import InputError
from slt.search.batches import Batch, as_tensor, order, whole
from slt.weights import Key


class LabelledImages(Protocol):
    """``slt.data.Images`` and ``slt.cifar10.ColourImages``."""

    @property
    def train_x(self) -> Any: ...
    @property
    def train_y(self) -> Any: ...
    @property
    def test_x(self) -> Any: ...
    @property
    def test_y(self) -> Any: ...


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """Three pairs of (inputs, labels) as tensors: ``Batches(*parts.train)``."""

    train: Batch
    validation: Batch
    test: Batch

    def to(self, device: torch.device | str) -> Parts:
        """All of it on that device."""
        train, validation, test = ((x.to(device), y.to(device)) for x, y in (self.train, self.validation, self.test))
        return Parts(train, validation, test)


def split(images: LabelledImages, held: int = 5000, seed: int = 0) -> Parts:
    """Hold out ``held`` random images of the training part as validation part; the rest keeps its order.

    Which ones depends only on their number, ``held`` and ``seed``; a smaller ``held`` takes a subset.
    """
    x, y = as_tensor("train_x", images.train_x), as_tensor("train_y", images.train_y)
    held = whole("the number of images held out", held, least=1)
    if held >= len(x):
        raise InputError(
            f"holding out {held} images for validation: there are {len(x)} training images; hold out fewer"
        )
    apart = torch.zeros(len(x), dtype=torch.bool)
    apart[order(Key(seed) / "validation", len(x))[:held]] = True
    test = as_tensor("test_x", images.test_x), as_tensor("test_y", images.test_y)
    return Parts((x[~apart], y[~apart]), (x[apart], y[apart]), test)
