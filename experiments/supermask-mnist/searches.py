"""One search on MNIST: from a unit's settings to a ticket and what it scores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from slt import architectures, search
from slt.data import digits, mnist
from slt.errors import InputError
from slt.search import Batches, Found, Parts, Preset, split
from slt.tickets import Ticket

SOURCES = {"mnist": mnist, "digits": digits}
PRESETS: Mapping[str, type[Preset]] = {
    "edge-popup": search.EdgePopup,
    "global-edge-popup": search.EdgePopup,
    "biprop": search.Biprop,
    "iterand": search.IteRand,
    "weight-recycling": search.WeightRecycling,
    "signed-supermask": search.SignedSupermask,
    "concrete": search.ConcreteTicketSearch,
    "gem-miner": search.GemMiner,
    "bernoulli": search.BernoulliSupermask,
    "frozen-source": search.FrozenSource,
    "multicoated": search.Multicoated,
    "random-mask": search.RandomMask,
    "magnitude-at-start": search.MagnitudeAtStart,
}
NAMED: Mapping[str, Any] = {
    "none": search.NoScale(),
    "inverse root density": search.InverseRootDensity(),
    "global": search.Global(),
    "SGD 0.1": search.SGD(0.1),
}
DENSE = "dense"
SHARED = (
    "data",
    "hidden",
    "held",
    "method",
    "epochs",
    "batch",
    "seed",
    "pixels",
)  # the rest of a unit are its method's settings
EVALUATED = 1000  # images at once


@cache
def parts(data: str, held: int, pixels: str) -> Parts:
    """Training, validation and test part; which images are held out is the same for every unit.

    ``pixels``: "standardised", or "unit" for the interval [0, 1] that the files have.
    """
    if data not in SOURCES:
        raise InputError(f"experiment supermask-mnist: data={data!r} was given; mnist or digits is needed")
    images = split(SOURCES[data](), held=held)
    if pixels == "unit":
        return images
    # one mean and one deviation for all pixels, of the training part
    mean, deviation = images.train[0].mean(), images.train[0].std()
    return Parts(*(((x - mean) / deviation, y) for x, y in (images.train, images.validation, images.test)))


def preset(unit: Mapping[str, Any]) -> Preset:
    """The method of a unit, from its settings by name."""
    given = {k: v for k, v in unit.items() if k not in SHARED}
    settings = {k: NAMED[v] if isinstance(v, str) else tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return PRESETS[unit["method"]](**settings)


def searched(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Searches, verifies, and only then looks at the test part: last epoch, and best on the validation part."""
    images, seed = parts(unit["data"], unit["held"], unit.get("pixels", "standardised")), unit["seed"]
    validation, test = (Batches(*part, batch=EVALUATED, shuffle=False) for part in (images.validation, images.test))
    model = architectures.lenet(*unit["hidden"], inputs=images.train[0].shape[1])
    if unit["method"] == DENSE:
        return _trained(unit, model, images.train, validation, test)
    start = time.process_time()
    found = search.fit(
        model,
        Batches(*images.train, batch=unit["batch"], seed=seed),
        preset(unit),
        epochs=unit["epochs"],
        seed=seed,
        validation=validation,
    )
    seconds = time.process_time() - start
    found.verify()
    last = _row(found, found.ticket, validation, test, best=False)
    best = last if found.best is None else _row(found, found.best_ticket, validation, test, best=True)
    return {
        "last": last,
        "best": best | {"epoch": found.best_epoch},
        "validation_by_epoch": [e.validation.accuracy for e in found.history if e.validation is not None],
        "cpu_seconds": seconds,
        "verified": True,  # or an error above
    }


def _trained(unit: Mapping[str, Any], model: Any, train: Any, validation: Batches, test: Batches) -> dict[str, Any]:
    """The baseline whose weights are trained; it has no ticket, so its bytes are those of its numbers."""
    start = time.process_time()
    dense = search.train_dense(
        model,
        Batches(*train, batch=unit["batch"], seed=unit["seed"]),
        epochs=unit["epochs"],
        seed=unit["seed"],
        validation=validation,
    )
    seconds = time.process_time() - start
    weights = sum(p.numel() for p in model.parameters())
    row = {
        "validation_accuracy": dense.evaluate(validation).accuracy,
        "test_accuracy": dense.evaluate(test).accuracy,
        "density": 1.0,
        "layer_densities": [1.0] * sum(1 for _ in model.parameters()),
        "file_bytes": 4 * weights,
        "entropy_bytes": 4 * weights,
        "patch_bytes": 0,
        "carried": weights,
    }
    return {
        "last": row,
        "best": row | {"epoch": None},  # only the last epoch is kept
        "validation_by_epoch": [e.validation.accuracy for e in dense.history if e.validation is not None],
        "cpu_seconds": seconds,
        "verified": False,  # trained: nothing to verify
    }


def _row(found: Found, ticket: Ticket, validation: Batches, test: Batches, best: bool) -> dict[str, Any]:
    reading = found.best if best and found.best is not None else found.last
    ticket.verify()
    return {
        "validation_accuracy": found.evaluate(validation, best).accuracy,
        "test_accuracy": found.evaluate(test, best).accuracy,
        "density": ticket.density,
        "layer_densities": list(reading.densities.values()),
        "file_bytes": _file_bytes(ticket),
        "entropy_bytes": ticket.entropy_bits / 8,
        "patch_bytes": ticket.patch_bits / 8,
        "carried": ticket.carried_count,
    }


def _file_bytes(ticket: Ticket) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return ticket.save(Path(folder) / "found.slt").stat().st_size
