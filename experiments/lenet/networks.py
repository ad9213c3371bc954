"""The trained LeNet-5, its tickets, and what both answer on the test images."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import nn

from slt import search
from slt.architectures.initial import quietly
from slt.data import digits, mnist
from slt.errors import InputError
from slt.search import Batches, Parts
from slt.tolerance_sweep import TrainedTarget


@cache
def parts(data: str) -> Parts:
    """Training and test images in [0, 1], (1, side, side); none are held out, as nothing is chosen by them."""
    if data not in ("mnist", "digits"):
        raise InputError(f"experiment lenet: data={data!r} was given; mnist or digits is needed")
    images = mnist() if data == "mnist" else digits()
    side = math.isqrt(images.pixels)
    train, test = (
        (torch.tensor(x).reshape(-1, 1, side, side), torch.tensor(y))
        for x, y in ((images.train_x, images.train_y), (images.test_x, images.test_y))
    )
    return Parts(train, test, test)


def lenet(side: int) -> nn.Sequential:
    """LeNet-5 as it is usually written (after LeCun et al. 1998), with ReLUs and max-pools; biases throughout.

    61,706 weights for images of 28 x 28 pixels. Smaller ones are padded before the second convolution too.
    """
    inner = 2 * (side < 20)
    left = (side // 2 + 2 * inner - 4) // 2
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, padding=inner), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * left * left, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


@cache
def trained(data: str, epochs: int, seed: int) -> nn.Module:
    x, y = parts(data).train
    model = quietly(lambda: lenet(x.shape[-1]))
    found = search.train_dense(model, Batches(x, y, batch=128, seed=seed), epochs, seed, optimiser=search.Adam(2e-3))
    return found.module.eval()


@cache
def target_of(data: str, epochs: int, seed: int) -> TrainedTarget:
    """The trained network and what it answers on the test images."""
    x, labels = parts(data).test
    return TrainedTarget.of(trained(data, epochs, seed), x.double(), labels)
