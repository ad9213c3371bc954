"""Passes over a loader: as long as it said, under random state of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from slt.errors import InputError
from slt.search.batches import EpochLoader
from slt.weights import Key


def batches_in(loader: Any) -> int:
    """How many batches a pass has. InputError for loaders without a length, and for empty ones."""
    try:
        batches = len(loader)
    except TypeError as error:
        raise InputError(
            f"searching a mask: a loader needs a length, which a {type(loader).__name__} has not; give "
            "slt.search.Batches, a DataLoader or a list of batches"
        ) from error
    if not batches:
        raise InputError("searching a mask: the loader is empty; give one with at least one batch (drop_last?)")
    return batches


def one_pass(loader: Iterable[Any], batches: int, epoch: int) -> Iterator[Any]:
    """The batches of one epoch. InputError where they are not ``batches``."""
    count = 0
    for batch in loader:
        if count == batches:
            raise InputError(f"the loader said it has {batches} batches an epoch, and yields more in epoch {epoch}")
        yield batch
        count += 1
    if count < batches:
        raise InputError(
            f"the loader said it has {batches} batches an epoch, and in epoch {epoch} yields {count}; give one that "
            "starts anew for every epoch"
        )


def repeatable(loader: Iterable[Any]) -> Iterable[Any]:
    """A pass that is the same each time, and moves no later one, where the loader can do that (``EpochLoader``)."""
    return loader.batches(0) if isinstance(loader, EpochLoader) else loader


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """What draws from torch's global state here (dropout) leaves it as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def in_float32() -> Iterator[None]:
    """Searches compute in float32 and with gradients, whatever the caller's defaults are."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(default)


def default_generator(device: torch.device) -> torch.Generator:
    """What functions without a generator of their own draw from on this device."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    return torch.default_generator


def noise_word(key: Key) -> int:
    """What the global state is seeded with before step 0, and plus the step before each; of ``own_randomness``."""
    low, high = (key / "noise").words
    return (high << 32 | low) >> 2
