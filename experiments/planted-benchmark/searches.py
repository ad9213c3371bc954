"""One unit: a target hidden in a random network, a mask found in it, and what the mask scores."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, final

import numpy as np
import torch
from torch import nn

from slt import search
from slt.constructions.planted_targets import CircleTask, HelixTask, ReluTask, Task
from slt.laws.overlap import ChanceOverlap
from slt.search import Batches, Budget, Found, Global, LayerWise, Method, NoScale, TrainedAffine
from slt.search.hiding import CommonScale, OwnScales
from slt.search.masked_training import train_masked
from slt.search.planting import Planting, plant
from slt.search.prune import Pruning, prune
from slt.search.readout import Readout
from slt.search.saliency import Grasp, Magnitude, RandomSaliency, Snip, SynFlow
from slt.weights import Key

from .variants import DEFECT, DENSE, PLANTED, SEARCHES

TASKS: Mapping[str, Task] = {task.name: task for task in (ReluTask(), CircleTask(), HelixTask())}
SALIENCIES = {s.name: s for s in (Magnitude(), RandomSaliency(), Snip(), Grasp(), SynFlow())}
HELD = 10  # one example in so many is held out of the training data, as published
TESTS = 10_000
TRAINED = search.Adam(4e-3)  # published: 1e-3 for batches of 32, four times as many steps
Loss = Any


@final
@dataclass(frozen=True, eq=False)
class Data:
    """``train``: with the task's noise; ``test``: other inputs, labels without noise. The same for every seed."""

    task: Task
    train: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]

    @property
    def loss(self) -> Loss:
        return nn.functional.cross_entropy if self.task.classes else nn.functional.mse_loss


@cache
def data_of(name: str, examples: int) -> Data:
    """``examples`` are drawn, of which a tenth is held out."""
    task, key = TASKS[name], Key(0) / "planted-benchmark"
    x, y = task.sample(examples, key / "train")
    train = _tensors(task, x[: examples - examples // HELD], y[: examples - examples // HELD])
    return Data(task, train, _tensors(task, *task.sample(TESTS, key / "test", noise=False)))


def _tensors(task: Task, x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(x).float(), torch.from_numpy(y) if task.classes else torch.from_numpy(y).float()


def measured(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Finds a mask, verifies its ticket, and only then looks at the test data."""
    data = data_of(unit["task"], unit["examples"])
    scales = OwnScales() if unit["method"] == DEFECT else CommonScale()
    planting = plant(data.task.target(unit["depth"]), unit["width"], unit["seed"], scales=scales)
    loader = Batches(*data.train, batch=unit["batch"], seed=unit["seed"])
    start = time.process_time()
    found = _found(unit, planting, data, loader)
    seconds = time.process_time() - start
    found.verify()
    # a read-out that was searched with is left out here: both metrics fit or declare their own
    network = found.module()[: 2 * unit["depth"] - 3]
    result = {
        "density": found.density,
        "planted_density": planting.density,
        **_scores("strong", network, data, 1.0 if unit["method"] == DEFECT else planting.scale),
        **_overlap(found, planting),
    }
    if unit["method"] == PLANTED:
        result["detectability"] = list(planting.detectability.values())
        result["patched"] = found.ticket.source_network.patched_count
    if unit["method"] not in (*SEARCHES, DEFECT):
        start = time.process_time()
        trained = train_masked(found, loader, unit["epochs"], TRAINED)
        seconds += time.process_time() - start
        result |= _scores("weak", trained.module(), data, 1.0)
    return {**result, "cpu_seconds": seconds, "verified": True}


def _found(unit: Mapping[str, Any], planting: Planting, data: Data, loader: Batches) -> Found:
    method, seed = unit["method"], unit["seed"]
    if method in (PLANTED, DEFECT):
        return planting.found(data.loss)
    density = planting.density if unit["density"] is None else unit["density"]
    if method == DENSE:
        return prune(planting.model(), loader, Pruning(density=1.0, weights=planting.weights), seed, data.loss)
    if method not in SEARCHES:
        name, _, rounds = method.partition(", ")
        pruning = Pruning(SALIENCIES[name], density, weights=planting.weights, optimiser=TRAINED)
        if rounds == "100 rounds":
            pruning = replace(pruning, rounds=100)
        elif rounds == "multishot":
            pruning = replace(pruning, rounds=10, training=max(1, unit["epochs"] // 2))
        return prune(planting.model(), loader, pruning, seed, data.loss)
    model, loss = planting.model(), data.loss
    spelt = _search(method, density, _budget(unit, planting), planting)
    if method.endswith("read-out"):
        model.append(nn.BatchNorm1d(data.task.outputs))
        spelt = replace(spelt, norms=TrainedAffine())
    elif not data.task.classes:
        # the raw metric, in units of the labels; classes are the largest output at any scale
        plain, scale = loss, planting.scale

        def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return plain(outputs / scale, targets)

    return search.fit(model, loader, spelt, unit["epochs"], seed, loss)


def _budget(unit: Mapping[str, Any], planting: Planting) -> Budget:
    """In each layer the same density; at the planted one what is planted there, and one count for all where the same
    density would leave a layer empty."""
    if unit["density"] is None:
        return LayerWise(tuple(planting.densities.items()))
    least = min(mask.size for mask in planting.masks.values())
    return LayerWise() if unit["density"] * least >= 1 else Global()


def _search(method: str, density: float, budget: Budget, planting: Planting) -> Method:
    readout, annealed = method.endswith("read-out"), "annealed" in method
    # a rescaled mask would not be the planted function: biases and weights scale apart
    if method.startswith("gem-miner"):
        preset = replace(search.GemMiner(density, penalty=0.0), scale=NoScale()).method()
        return replace(preset, weights=planting.weights)
    schedule = search.Geometric(density, 1.0, 1.0) if annealed else search.Constant(density)
    if annealed and isinstance(budget, LayerWise):
        # overrides hold from the first step on, so a ramp goes by one count for all
        budget = Global() if budget.overrides else budget
    optimiser = search.Adam(0.01) if readout else search.SGD(0.1, 0.9, 5e-4)
    return search.EdgePopup(schedule, budget, planting.weights, NoScale(), optimiser).method()


def _scores(kind: str, network: nn.Module, data: Data, scale: float) -> dict[str, float]:
    """``raw``: outputs over the one declared scale; ``readout``: a gain and an offset an output, fitted on the training
    data. Accuracy for classes, mean squared error for numbers."""
    with torch.no_grad():
        seen, asked = (network(x).double().numpy() for x in (data.train[0], data.test[0]))
    labels, truth = data.train[1].numpy(), data.test[1].numpy()
    fit = Readout.of_classes if data.task.classes else Readout.of_numbers
    readout = fit(seen, labels)
    return {
        f"{kind}_raw": _score(asked / scale, truth, data.task.classes),
        f"{kind}_readout": _score(readout(asked), truth, data.task.classes),
    }


def _score(outputs: Any, truth: Any, classes: bool) -> float:
    if classes:
        return float((outputs.argmax(axis=1) == truth).mean())
    return float(np.square(outputs - truth).mean())


def _overlap(found: Found, planting: Planting) -> dict[str, float]:
    """Jaccard index with the planted mask, and what independent masks of the same counts in each layer have."""
    masks = {n: (found.last.masks[n].numpy() != 0, m.unpack()) for n, m in planting.masks.items()}
    shared = sum(int((a & b).sum()) for a, b in masks.values())
    law = ChanceOverlap(
        tuple(a.size for a, _ in masks.values()),
        tuple(int(a.sum()) for a, _ in masks.values()),
        tuple(int(b.sum()) for _, b in masks.values()),
    )
    return {
        "jaccard": float(law.jaccard(shared)),
        "chance_jaccard": law.expected_jaccard,
        "chance_high": float(law.jaccard(law.band(0.99)[1])),
    }
