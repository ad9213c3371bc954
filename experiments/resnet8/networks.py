"""The trained residual network, its tickets, and what both answer on the test images."""

from __future__ import annotations

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
from slt.architectures.residual import ResidualNetwork
from slt.cifar10 import cifar10
from slt.data import digits
from slt.errors import InputError
from slt.search import Batches, CropAndFlip, Parts, Standardise

Array = NDArray[np.float64]
EVALUATED = 250  # images at once
CHECKED = 20  # images that the random network itself answers, which is as many times wider as its width says


@cache
def parts(data: str) -> Parts:
    """Training and test images as bytes, (channels, side, side); none are held out, as nothing is chosen by them."""
    if data == "cifar10-jpeg":
        images: Any = cifar10()
        x, test_x = images.train_x, images.test_x
    elif data == "digits":
        images = digits()
        x, test_x = (np.rint(255 * x).astype(np.uint8).reshape(-1, 1, 8, 8) for x in (images.train_x, images.test_x))
    else:
        raise InputError(f"experiment resnet8: data={data!r} was given; cifar10-jpeg or digits is needed")
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
def target_of(data: str, stages: tuple[int, ...], epochs: int, seed: int) -> tuple[slt.GraphTarget, Array, float]:
    """The folded network, its answers to the test images, and the accuracy of the model before folding."""
    model = trained(data, stages, epochs, seed)
    x = images(data)
    target = slt.GraphTarget.of(model, tuple(x.shape[1:]))
    wanted = _answers(lambda y: torch.from_numpy(target.forward(y)), x)
    return target, wanted, _accuracy(_answers(model, x.float()), parts(data).test[1])


def images(data: str) -> torch.Tensor:
    """The test images in [0, 1], float64."""
    return (parts(data).test[0].float() / 255).double()


def measured(unit: Mapping[str, Any]) -> dict[str, Any]:
    """A ticket for the trained network, verified, and both on all test images."""
    network = (unit["data"], tuple(unit["stages"]), unit["epochs"], unit["seed"])
    target, wanted, model_accuracy = target_of(*network)
    x, labels = images(unit["data"]), parts(unit["data"]).test[1]
    ticket = slt.find_ticket(
        target,
        width=unit["width"],
        seed=slt.Key(unit["seed"]) / "resnet8",
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
