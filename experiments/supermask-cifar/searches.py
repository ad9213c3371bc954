"""One search on CIFAR-10: from a unit's settings to a ticket and what it scores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, final

import torch

from slt import architectures, search
from slt.cifar10 import cifar10_binary, cifar10_jpeg
from slt.data import digits
from slt.errors import InputError
from slt.search import SGD, Batches, CropAndFlip, Parts, Preset, Standardise, split
from slt.search.transforms import Transform

SCALES = {"none": search.NoScale(), "inverse root density": search.InverseRootDensity()}
EVALUATED = 500  # images at once


@final
class ChannelsLast(Transform):
    """The same images with channels last in memory: convolutions of the CPU take half the time."""

    random = False

    def __call__(self, x: torch.Tensor, bits: torch.Tensor | None = None) -> torch.Tensor:
        return x.to(memory_format=torch.channels_last)


@cache
def parts(data: str, held: int) -> Parts:
    """Training, validation and test part, each image (channels, side, side); who is held out is the same for all."""
    if data == "cifar10":  # the JPEG copy, as in the records, also where the binary version is at hand
        return split(cifar10_jpeg(), held=held)
    if data == "cifar10-binary":
        return split(cifar10_binary(), held=held)
    if data != "digits":
        raise InputError(
            f"experiment supermask-cifar: data={data!r} was given; cifar10 (JPEG), cifar10-binary or digits is needed"
        )
    flat = split(digits(), held=held)
    return Parts(*((x.reshape(-1, 1, 8, 8), y) for x, y in (flat.train, flat.validation, flat.test)))


def preset(unit: Mapping[str, Any]) -> Preset:
    """The method of a unit."""
    scale = SCALES[unit["scale"]]
    if unit["method"] == "edge-popup":
        return search.EdgePopup(unit["density"], scale=scale)
    return search.WeightRecycling(unit["density"], unit["rate"], unit["every"], scale=scale)


def searched(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Searches, verifies, and only then looks at the test part: last epoch, and best on the validation part."""
    images, seed = parts(unit["data"], unit["held"]), unit["seed"]
    _, channels, side, _ = images.train[0].shape
    plain = (Standardise.of(images.train[0]), ChannelsLast())
    validation, test = (
        Batches(*part, batch=EVALUATED, shuffle=False, augment=plain) for part in (images.validation, images.test)
    )
    model = architectures.conv(4, unit["width"], channels=channels, side=side)
    training = Batches(*images.train, batch=128, seed=seed, augment=(CropAndFlip(), *plain))
    if unit["method"] == "dense":
        return _trained(unit, model, training, validation, test)
    start = time.process_time()
    found = search.fit(
        model,
        training,
        preset(unit),
        epochs=unit["epochs"],
        seed=seed,
        validation=validation,
    )
    seconds = time.process_time() - start
    found.verify()
    found.best_ticket.verify()
    ticket = found.ticket
    with tempfile.TemporaryDirectory() as folder:
        file_bytes = ticket.save(Path(folder) / "found.slt").stat().st_size
    return {
        "weights": ticket.source_network.weights,
        "validation_by_epoch": [e.validation.accuracy for e in found.history if e.validation is not None],
        "loss_by_epoch": [round(e.loss, 4) for e in found.history],
        "last_test_accuracy": found.evaluate(test).accuracy,
        "best_epoch": found.best_epoch,
        "best_test_accuracy": found.evaluate(test, best=True).accuracy,
        "density": ticket.density,
        "file_bytes": file_bytes,
        "entropy_bytes": ticket.entropy_bits / 8,
        "patch_bytes": ticket.patch_bits / 8,
        "carried": ticket.carried_count,
        "cpu_seconds": seconds,
        "verified": True,  # or an error above
    }


def _trained(
    unit: Mapping[str, Any], model: torch.nn.Module, training: Batches, validation: Batches, test: Batches
) -> dict[str, Any]:
    """The baseline whose weights are trained; only its last epoch is kept, and there is no ticket."""
    start = time.process_time()
    dense = search.train_dense(
        model, training, unit["epochs"], unit["seed"], validation=validation, optimiser=SGD(unit["learning_rate"])
    )
    seconds = time.process_time() - start
    return {
        "weights": sum(p.numel() for p in model.parameters()),
        "validation_by_epoch": [e.validation.accuracy for e in dense.history if e.validation is not None],
        "loss_by_epoch": [round(e.loss, 4) for e in dense.history],
        "last_test_accuracy": dense.evaluate(test).accuracy,
        "cpu_seconds": seconds,
    }
