"""Checkpoints: a search between two epochs, in one safetensors file without pickle, written whole.

They hold scores, random weights and what became of them, momentum, flags, the loader's state and the best mask so far.
Randomness needs no state: everything a search draws is a function of (seed, path, step).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch

from slt.errors import CheckpointError
from slt.files import write_whole

VERSION = 1
Tensors = dict[str, torch.Tensor]


@final
@dataclass(frozen=True, eq=False)
class Checkpoint:
    """``search``: what must be the same in the run that takes it up, by name. ``progress``: JSON values."""

    search: Mapping[str, Any]
    progress: Mapping[str, Any]
    tensors: Tensors

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes it whole or not at all."""
        from safetensors.torch import save

        tensors = {n: t.detach().cpu().contiguous().clone() for n, t in self.tensors.items()}
        header = {"version": VERSION, "search": self.search, "progress": self.progress}
        header["digest"] = _digest(header, tensors)
        content = save(tensors, metadata={"slt-search": json.dumps(header)})
        return write_whole(path, content, error=CheckpointError)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Checkpoint:
        """CheckpointError for a file that is missing, damaged, or no checkpoint."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            content = Path(path).read_bytes()
            tensors = load(content)
            length = int.from_bytes(content[:8], "little")
            header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["slt-search"])
            if header["version"] != VERSION:
                raise CheckpointError(
                    f"taking up {path}: it has version {header['version']!r}, this slt reads {VERSION}"
                )
            digest = header.pop("digest")
            if digest != _digest(header, tensors):
                raise ValueError("its digest is not that of its content")
            return Checkpoint(header["search"], header["progress"], tensors)
        except OSError as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"taking up {path}: {error}; give the path of a checkpoint") from error
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"taking up {path}: this is no whole checkpoint of a search ({error!r}); delete it to start anew"
            ) from error

    def require(self, search: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
        """CheckpointError, naming what differs, unless it belongs to this search."""
        plain = json.loads(json.dumps(search))
        differ = sorted(n for n in {*plain, *self.search} if plain.get(n) != self.search.get(n))
        if differ:
            told = "; ".join(f"{n}: {self.search.get(n)!r} there, {plain.get(n)!r} here" for n in differ)
            raise CheckpointError(
                f"taking up {path}: the checkpoint is of another search ({told}). Resume with the same settings, or "
                "choose another file"
            )


def _digest(header: Mapping[str, Any], tensors: Tensors) -> str:
    text = json.dumps(header, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f";{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> Tensors:
    """The optimiser's own state, by parameter number and name."""
    state = optimiser.state_dict()["state"]
    found = {}
    for number, values in state.items():
        for name, value in values.items():
            if value is not None:
                found[f"optimiser/{number}/{name}"] = torch.as_tensor(value)
    return found


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """The inverse of ``optimiser_tensors``."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser/"):
            _, number, what = name.split("/", 2)
            state.setdefault(int(number), {})[what] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
