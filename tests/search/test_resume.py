"""A search that was killed goes on from its checkpoint and ends as one that was not; other searches are refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load as load_safetensors
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from slt.errors import CheckpointError, InputError
from slt.search import Batches, EdgePopup, Found, GemMiner, fit
from tests.search.killed_searches import CASES, place, search
from tests.search.search_models import KINDS


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint of every case, each left by a process that was killed in its third epoch."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    folder = tmp_path_factory.mktemp("killed")
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-m", "tests.search.killed_searches", str(folder)],
        cwd=root, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    return folder


def _same(first: Found, second: Found, folder: Path) -> None:
    assert first.history == second.history
    assert first.best_epoch == second.best_epoch
    assert first.best is not None and second.best is not None and first.best.digest == second.best.digest
    for n, s in first.scores.items():
        assert s.numpy().tobytes() == second.scores[n].numpy().tobytes()
    for which in ("ticket", "best_ticket"):
        a, b = (getattr(f, which).save(folder / f"{i}.slt").read_bytes() for i, f in enumerate((first, second)))
        assert a == b
    second.verify()


@pytest.mark.parametrize("case", CASES)
def test_a_killed_search_goes_on(case: str, killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("something was unpickled")

    whole = search(case)  # compiled code, which numba unpickles, is loaded now
    path = place(killed, case)
    content = path.read_bytes()
    assert load_safetensors(content)  # a plain file of tensors
    before = torch.get_rng_state()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", refused)
        patch.setattr(pickle, "loads", refused)
        patch.setattr(pickle, "load", refused)
        steps: list[int] = []
        found = search(case, checkpoint=path, resume=True, progress=lambda done, of: steps.append(done))
    assert steps[0] == 7 and len(steps) == 6  # two epochs of three steps stood
    assert torch.equal(torch.get_rng_state(), before)
    _same(whole, found, tmp_path)
    # a search that is over is read off again, without a step
    again = search(case, checkpoint=path, resume=True, progress=lambda done, of: steps.append(done))
    assert len(steps) == 6
    _same(whole, again, tmp_path)


# -- refused ---------------------------------------------------------------------------------------------------------


def _checkpoint(folder: Path, **others: Any) -> Path:
    kind = KINDS["mlp"]
    path = folder / "search.safetensors"
    settings = {"loader": kind.batches(), "method": EdgePopup(0.4), "epochs": 2, "seed": 1, **others}
    fit(kind.model(), checkpoint=path, **settings)
    return path


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"method": GemMiner(0.4)}, "method: "),
        ({"method": EdgePopup(0.3)}, "method: "),
        ({"seed": 2}, "seed: 1 there, 2 here"),
        ({"score_seed": 2}, "score_seed: "),
        ({"epochs": 3}, "epochs: 2 there, 3 here"),
        ({"loader": KINDS["mlp"].batches(3)}, "batches: 2 there, 3 here"),
        ({"loader": Batches(torch.zeros(16, 8), torch.zeros(16, dtype=torch.long), 8)}, "loader: 'fixed' there"),
        ({"model": KINDS["tied"].model()}, "architecture"),
        ({"model": nn.Sequential(nn.Linear(8, 3))}, "layers"),
    ],
    ids=["method", "settings", "seed", "score seed", "epochs", "length", "loader", "model", "layers"],
)
def test_other_searches_are_refused(other: dict[str, Any], told: str, tmp_path: Path) -> None:
    path, kind = _checkpoint(tmp_path), KINDS["mlp"]
    before = path.read_bytes()
    settings = {
        "model": kind.model(), "loader": kind.batches(), "method": EdgePopup(0.4), "epochs": 2, "seed": 1, **other
    }  # fmt: skip
    with pytest.raises(CheckpointError, match=told):
        fit(checkpoint=path, resume=True, **settings)
    assert path.read_bytes() == before


def test_a_norm_without_parameters_is_another_model(tmp_path: Path) -> None:
    def model(affine: bool) -> nn.Module:
        return nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6, affine=affine), nn.ReLU(), nn.Linear(6, 3))

    path, batches = tmp_path / "search.safetensors", KINDS["mlp"].batches()
    fit(model(True), batches, EdgePopup(0.4), epochs=1, checkpoint=path)
    with pytest.raises(CheckpointError, match="other tensors"):
        fit(model(False), batches, EdgePopup(0.4), epochs=1, checkpoint=path, resume=True)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text", "other safetensors", "folder"])
def test_damaged_files_are_refused(damage: str, tmp_path: Path) -> None:
    path, kind = _checkpoint(tmp_path), KINDS["mlp"]
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "bit":
        content[-5] ^= 1
    elif damage == "empty":
        content = bytearray()
    elif damage == "text":
        content = bytearray(b"{" * 5000)
    elif damage == "other safetensors":
        from safetensors.torch import save

        content = bytearray(save({"a": torch.zeros(3)}))
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="taking up"):
        fit(kind.model(), kind.batches(), EdgePopup(0.4), epochs=2, seed=1, checkpoint=path, resume=True)


def test_a_file_is_neither_overwritten_nor_needed(tmp_path: Path) -> None:
    path, kind = _checkpoint(tmp_path), KINDS["mlp"]
    with pytest.raises(InputError, match="resume=True"):
        fit(kind.model(), kind.batches(), EdgePopup(0.4), epochs=2, seed=1, checkpoint=path)
    with pytest.raises(InputError, match="no file was named"):
        fit(kind.model(), kind.batches(), EdgePopup(0.4), resume=True)
    with pytest.raises(InputError, match="is no folder"):
        fit(kind.model(), kind.batches(), EdgePopup(0.4), checkpoint=tmp_path / "absent" / "search.safetensors")
    new = tmp_path / "new.safetensors"
    found = fit(kind.model(), kind.batches(), EdgePopup(0.4), epochs=2, seed=1, checkpoint=new, resume=True)
    assert len(found.history) == 2 and new.exists()


class _OwnOrder:
    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Any:
        return iter(KINDS["mlp"].batches())


def _unordered() -> Any:
    return DataLoader(TensorDataset(torch.zeros(16, 8), torch.zeros(16, dtype=torch.long)), 8, shuffle=True)


@pytest.mark.parametrize("loader", [_OwnOrder(), _unordered()], ids=["own", "global"])
def test_loaders_whose_order_is_unknown_are_refused_at_once(loader: Any, tmp_path: Path) -> None:
    path, told = tmp_path / "search.safetensors", []
    with pytest.raises(InputError, match=r"Batches, a DataLoader\(shuffle=True, generator"):
        fit(KINDS["mlp"].model(), loader, EdgePopup(0.4), checkpoint=path, progress=lambda done, of: told.append(done))
    assert not told and not path.exists()
    # without a checkpoint they serve
    assert len(fit(KINDS["mlp"].model(), loader, EdgePopup(0.4), epochs=1).history) == 1
