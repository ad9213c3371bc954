"""One search of a small decoder: from a unit's settings to a ticket and its loss on a text."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from slt import architectures, search
from slt.search import Adam, Batches, EdgePopup, Method, RandomTensors, Same, TokenWindows, consecutive
from slt.search.rates import CosineSteps
from slt.text import read
from slt.weights import Normal

SCALES = {"none": search.NoScale(), "inverse root density": search.InverseRootDensity()}
EVALUATED = 64  # windows at once


@cache
def tokens(data: str) -> tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(size of the alphabet, training, validation, test): nine tenths of the text, and two halves of the last."""
    text = read(data)
    number = {character: i for i, character in enumerate(sorted(set(text)))}
    numbers = torch.tensor([number[character] for character in text])
    first, second = len(text) * 9 // 10, len(text) * 19 // 20
    return len(number), numbers[:first], numbers[first:second], numbers[second:]


def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats a token."""
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def method(unit: Mapping[str, Any]) -> Method:
    """Edge-popup over GPT-2's own law of weights, with queries and keys scaled by the unit's ``query_key``."""
    preset = EdgePopup(
        unit["density"],
        weights=weights(unit),
        scale=SCALES[unit["scale"]],
        optimiser=Adam(unit["rate"], unit["decay"]),
    )
    return replace(preset.method(), rate=CosineSteps(unit["warm_up"], unit["least"]))


def weights(unit: Mapping[str, Any]) -> RandomTensors:
    """Normal, smaller into the stream; queries and keys times the unit's factor."""
    inward = (2 * unit["layers"]) ** -0.5
    factors = (
        ("*.attention.query.weight", unit["query_key"]),
        ("*.attention.key.weight", unit["query_key"]),
        ("*.attention.output.weight", inward),
        ("*.down.weight", inward),
    )
    return RandomTensors(Normal(), Same(unit["deviation"]), factors)


def searched(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Searches, verifies, and only then looks at the test part: last epoch, and best on the validation part."""
    alphabet, training, held, apart = tokens(unit["data"])
    context, seed = unit["context"], unit["seed"]
    validation, test = (Batches(*consecutive(part, context), batch=EVALUATED, shuffle=False) for part in (held, apart))
    model = architectures.gpt(
        alphabet, context, unit["width"], unit["heads"], unit["layers"], logit_scale=unit["logit_scale"]
    )
    windows = TokenWindows(training, context, unit["batch"], unit["steps"], seed)
    if unit["method"] == "dense":
        return _trained(unit, model, windows, validation, test)
    start = time.process_time()
    found = search.fit(
        model,
        windows,
        method(unit),
        epochs=unit["epochs"],
        seed=seed,
        loss=loss,
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
        "validation_by_epoch": [round(e.validation.loss, 6) for e in found.history if e.validation is not None],
        "last_validation_loss": found.evaluate(validation).loss,
        "last_test_loss": found.evaluate(test).loss,
        "best_epoch": found.best_epoch,
        "best_test_loss": found.evaluate(test, best=True).loss,
        "density": ticket.density,
        "file_bytes": file_bytes,
        "entropy_bytes": ticket.entropy_bits / 8,
        "carried": ticket.carried_count,
        "cpu_seconds": seconds,
        "verified": True,  # or an error above
    }


def _trained(
    unit: Mapping[str, Any], model: torch.nn.Module, windows: TokenWindows, validation: Batches, test: Batches
) -> dict[str, Any]:
    """The same network, weights trained from the same start; its last epoch alone is kept, and there is no ticket."""
    start = time.process_time()
    dense = search.train_dense(
        model,
        windows,
        unit["epochs"],
        unit["seed"],
        loss,
        validation,
        optimiser=Adam(unit["rate"], unit["decay"]),
        rate=CosineSteps(unit["warm_up"], unit["least"]),
        weights=weights(unit),
    )
    seconds = time.process_time() - start
    return {
        "weights": sum(p.numel() for p in model.parameters()),
        "validation_by_epoch": [round(e.validation.loss, 6) for e in dense.history if e.validation is not None],
        "last_validation_loss": dense.evaluate(validation).loss,
        "last_test_loss": dense.evaluate(test).loss,
        "cpu_seconds": seconds,
    }
