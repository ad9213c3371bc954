"""The trained LeNet-5, its tickets, and what both answer on the test images."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import slt
from slt import search
from slt.architectures.initial import quietly
from slt.data import digits, mnist
from slt.errors import InputError
from slt.search import Batches, Parts

Array = NDArray[np.float64]
EVALUATED = 250  # images at once
CHECKED = 20  # images that the random network itself answers, which is as many times wider as its width says


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
def target_of(data: str, epochs: int, seed: int) -> tuple[slt.GraphTarget, Array, float]:
    """The network in float64, its answers to the test images, and the accuracy of the model in float32."""
    model = trained(data, epochs, seed)
    x = images(data)
    target = slt.GraphTarget.of(model, tuple(x.shape[1:]))
    wanted = _answers(lambda y: torch.from_numpy(target.forward(y)), x)
    return target, wanted, _accuracy(_answers(model, x.float()), parts(data).test[1])


def images(data: str) -> torch.Tensor:
    """The test images in [0, 1], float64."""
    return parts(data).test[0].double()


def measured(unit: Mapping[str, Any]) -> dict[str, Any]:
    """A ticket for the trained network, verified, and both on all test images."""
    network = (unit["data"], unit["epochs"], unit["seed"])
    target, wanted, model_accuracy = target_of(*network)
    x, labels = images(unit["data"]), parts(unit["data"]).test[1]
    ticket = slt.find_ticket(
        target,
        width=unit["width"],
        seed=slt.Key(unit["seed"]) / "lenet",
        inputs=slt.Box(0.0, 1.0),
        tolerance=unit["tolerance"],
    )
    ticket.verify()
    with tempfile.TemporaryDirectory() as folder:
        file_bytes = ticket.save(Path(folder) / "found.slt").stat().st_size
    got = _answers(ticket.collapsed_module(torch.float64), x)
    materialised = _answers(ticket.module(), x[:CHECKED].float())
    residuals = ticket.residuals()
    errors = residuals.errors
    return {
        "target_weights": target.weights,
        "largest_weight": max(float(np.abs(v).max()) for v in target.parameters.values()),
        "model_accuracy": model_accuracy,
        "target_accuracy": _accuracy(wanted, labels),
        "ticket_accuracy": _accuracy(got, labels),
        "same_class": float(np.mean(wanted.argmax(1) == got.argmax(1))),
        "largest_output": float(np.abs(wanted).max()),
        "output_errors": np.quantile(np.abs(wanted - got).max(axis=1), (0.5, 0.9, 1.0)).tolist(),
        "materialised_from_collapsed": float(np.abs(materialised - got[:CHECKED]).max()),
        "sums": int(errors.size),
        "beyond": int(np.count_nonzero(errors > unit["tolerance"])),
        "median_residual": float(np.median(errors)),
        "largest_residual": float(errors.max()),
        "random_weights": ticket.source_network.weights,
        "kept": ticket.kept,
        "carried": ticket.carried_count,
        "entropy_bytes": ticket.entropy_bits / 8,
        "file_bytes": file_bytes,
        "verified": True,  # or an error above
    }


@torch.no_grad()
def _answers(network: Any, x: torch.Tensor) -> Array:
    return np.concatenate([network(y).numpy() for y in x.split(EVALUATED)]).astype(np.float64)


def _accuracy(answers: Array, labels: torch.Tensor) -> float:
    return float(np.mean(answers.argmax(axis=1) == labels.numpy()))
