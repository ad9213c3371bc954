"""The trained residual network, its tickets, and what both answer on the test images."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from slt import search
from slt.architectures.initial import quietly
from slt.architectures.residual import ResidualNetwork
from slt.cifar10 import cifar10_binary, cifar10_jpeg
from slt.data import digits
from slt.errors import InputError
from slt.search import Batches, CropAndFlip, Parts, Standardise
from slt.tolerance_sweep import TrainedTarget


@cache
def parts(data: str) -> Parts:
    """Training and test images as bytes, (channels, side, side); none are held out, as nothing is chosen by them."""
    if data in ("cifar10-jpeg", "cifar10-binary"):
        images: Any = cifar10_jpeg() if data == "cifar10-jpeg" else cifar10_binary()
        x, test_x = images.train_x, images.test_x
    elif data == "digits":
        images = digits()
        x, test_x = (np.rint(255 * x).astype(np.uint8).reshape(-1, 1, 8, 8) for x in (images.train_x, images.test_x))
    else:
        raise InputError(
            f"experiment resnet8: data={data!r} was given; cifar10-jpeg, cifar10-binary or digits is needed"
        )
    train, test = ((torch.tensor(x), torch.tensor(y)) for x, y in ((x, images.train_y), (test_x, images.test_y)))
    return Parts(train, test, test)


@cache
def trained(data: str, stages: tuple[int, ...], epochs: int, seed: int) -> nn.Module:
    """One block a stage, so 8 layers for three stages; projections as shortcuts, batch norms; inputs in [0, 1]."""
    images = parts(data)
    channels = images.train[0].shape[1]
    unit = Standardise((0.0,) * channels, (255.0,) * channels)  # bytes to [0, 1]
    training = Batches(*images.train, batch=128, seed=seed, augment=(CropAndFlip(4 if data != "digits" else 1), unit))
    model = quietly(lambda: ResidualNetwork(channels, stages, 1, 10, nn.BatchNorm2d, projection=True))
    found = search.train_dense(model, training, epochs, seed, optimiser=search.SGD(0.05, decay=5e-4))
    return found.module.eval()


@cache
def target_of(data: str, stages: tuple[int, ...], epochs: int, seed: int) -> TrainedTarget:
    """The trained network and what it answers on the test images."""
    x, labels = parts(data).test
    return TrainedTarget.of(trained(data, stages, epochs, seed), (x.float() / 255).double(), labels)
