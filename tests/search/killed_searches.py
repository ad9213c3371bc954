"""Searches that are killed in the middle of an epoch: run as a program, given a folder for the checkpoints."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from slt.search import SGD, Adam, Batches, DecoupledSGD, EdgePopup, Found, Recalibrated, TrainedAffine, fit
from slt.search.method import Method
from tests.search.search_models import KINDS, PRESETS, Kind

EPOCHS, STEPS = 4, 3  # steps an epoch


def _data(kind: Kind) -> tuple[torch.Tensor, torch.Tensor]:
    ((inputs, targets),) = kind.batches(1, rows=24)
    return inputs, targets


def _batches(kind: Kind) -> Any:
    return Batches(*_data(kind), batch=8, seed=5)


def _loader(kind: Kind) -> Any:
    generator = torch.Generator().manual_seed(9)
    return DataLoader(TensorDataset(*_data(kind)), batch_size=8, shuffle=True, generator=generator)


def _list(kind: Kind) -> Any:
    return kind.batches(STEPS)


def _method(name: str, **changed: Any) -> Method:
    return replace(PRESETS[name].method(), **changed)


# what each keeps in a checkpoint, beside scores and weights
CASES: dict[str, tuple[str, Callable[[Kind], Any], Method]] = {
    "momentum, dropout": ("mlp", _batches, _method("edge-popup")),
    "nothing": ("mlp", _list, EdgePopup(0.4, optimiser=SGD(0.1, 0.0, 0.0)).method()),
    "redraws": ("mlp", _list, _method("iterand")),
    "copies": ("mlp", _loader, _method("recycling")),
    "flags": ("mlp", _batches, _method("gem-miner")),
    "dead zone": ("mlp", _loader, _method("signed")),
    "draws": ("mlp", _batches, _method("bernoulli")),
    "moments, multiplier": ("conv", _loader, _method("concrete")),
    "moments": ("encoder", _batches, _method("edge-popup", optimiser=Adam(0.01, 1e-3))),
    "running statistics": ("conv", _list, _method("biprop")),
    "recalibrated statistics": ("conv", _loader, _method("edge-popup", norms=Recalibrated(2))),
    "trained norms": ("conv", _batches, _method("edge-popup", norms=TrainedAffine(), optimiser=DecoupledSGD(0.1))),
}


def search(case: str, **others: Any) -> Found:
    name, loader, method = CASES[case]
    kind = KINDS[name]
    validation = Batches(*_data(kind), batch=5)
    return fit(kind.model(), loader(kind), method, epochs=EPOCHS, seed=6, validation=validation, **others)


def place(folder: Path, case: str) -> Path:
    return folder / f"{case.replace(' ', '-')}.safetensors"


def _killed(done: int, of: int) -> None:
    if done == 2 * STEPS + 2:
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    for case in CASES:
        search(case)  # so that compiled code is loaded once, here
        child = os.fork()
        if not child:
            search(case, checkpoint=place(folder, case), progress=_killed)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            raise SystemExit(f"{case} ended with status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
