from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from slt.errors import InputError
from slt.search.batches import Batches
from slt.search.loader_state import loader_state, restore
from slt.search.token_windows import TokenWindows

DATA = TensorDataset(torch.arange(23), torch.arange(23))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def subset(seed: int) -> DataLoader[Any]:
    return DataLoader(DATA, 4, sampler=SubsetRandomSampler(range(3, 20), generator=generator(seed)))


def shared(seed: int) -> DataLoader[Any]:
    one = generator(seed)
    return DataLoader(DATA, 4, sampler=RandomSampler(DATA, generator=one), generator=one)


MAKERS: dict[str, Callable[[int], Any]] = {
    "batches": lambda seed: Batches(*DATA.tensors, batch=4, seed=0),
    "text": lambda seed: TokenWindows(torch.arange(50), 5, 3, 4),
    "list": lambda seed: [(torch.arange(3), torch.arange(3))],
    "tuple": lambda seed: ((torch.arange(3), torch.arange(3)),),
    "sequential": lambda seed: DataLoader(DATA, 4),
    "sequential with generator": lambda seed: DataLoader(DATA, 4, generator=generator(seed)),
    "shuffled": lambda seed: DataLoader(DATA, 4, shuffle=True, generator=generator(seed)),
    "one by one": lambda seed: DataLoader(DATA, None, shuffle=True, generator=generator(seed)),
    "subset": subset,
    "two generators": lambda seed: DataLoader(
        DATA, 4, sampler=RandomSampler(DATA, generator=generator(seed)), generator=generator(seed + 1)
    ),
    "one generator, twice given": shared,
    "with replacement": lambda seed: DataLoader(
        DATA, 4, sampler=RandomSampler(DATA, replacement=True, num_samples=40, generator=generator(seed))
    ),
    "weighted": lambda seed: DataLoader(
        DATA, 4, sampler=WeightedRandomSampler([1.0, 2.0, 3.0], 9, generator=generator(seed))
    ),
    "batch sampler": lambda seed: DataLoader(
        DATA, batch_sampler=BatchSampler(RandomSampler(DATA, generator=generator(seed)), 4, drop_last=True)
    ),
}


def passed(loader: Any) -> list[list[int]]:
    return [y.flatten().tolist() for _, y in loader]


@pytest.mark.parametrize("name", MAKERS)
def test_a_restored_loader_goes_on_as_the_other_would(name: str) -> None:
    loader = MAKERS[name](1)
    passed(loader)
    state = json.loads(json.dumps(loader_state(loader)))
    coming = [passed(loader), passed(loader)]
    torch.randperm(7)  # global state is none of it
    other = MAKERS[name](2)
    restore(other, state)
    assert [passed(other), passed(other)] == coming
    restore(loader, state)
    assert [passed(loader), passed(loader)] == coming


def test_reading_the_state_changes_nothing() -> None:
    one, two = MAKERS["shuffled"](1), MAKERS["shuffled"](1)
    loader_state(one)
    assert passed(one) == passed(two)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(DATA)


class Backwards(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(22, -1, -1))


class Sly(RandomSampler):
    """A subclass may keep any state."""


class Own(DataLoader[Any]):
    def __iter__(self) -> Any:
        return iter([])


@pytest.mark.parametrize(
    ("loader", "told"),
    [
        (DataLoader(DATA, 4, shuffle=True), "RandomSampler has no generator, so its order comes from torch's global"),
        (DataLoader(DATA, 4, sampler=SubsetRandomSampler([1, 2])), "SubsetRandomSampler has no generator"),
        (DataLoader(DATA, 4, sampler=RandomSampler(DATA), generator=generator(1)), "has no generator"),
        (DataLoader(Endless(), 4), "goes by a _InfiniteConstantSampler, whose state is not known"),
        (DataLoader(DATA, 4, sampler=Backwards()), "goes by a Backwards"),
        (DataLoader(DATA, 4, sampler=Sly(DATA, generator=generator(1))), "goes by a Sly"),
        (DataLoader(DATA, batch_sampler=[[0, 1]]), "goes by a list"),
        (DataLoader(DATA, batch_sampler=BatchSampler(Backwards(), 4, False)), "goes by a Backwards"),
        (Own(DATA, sampler=SequentialSampler(DATA)), "a Own iterates in a way of its own"),
        (DataLoader(DATA, 4, num_workers=1, in_order=False), "as its workers finish them"),
        (iter([1, 2]), "only once"),
        ((x for x in [1]), "a generator was given, and it can be gone through only once"),
        ({1: 2}, "how it keeps its order is not known; use slt.search.Batches"),
        (None, "a NoneType was given"),
    ],
)
def test_loaders_whose_order_cannot_be_restored(loader: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        loader_state(loader)
    with pytest.raises(InputError, match=told):
        restore(loader, {"kind": "torch"})


@pytest.mark.parametrize(
    ("saved", "given", "told"),
    [
        (MAKERS["batches"](0), MAKERS["list"](0), "the kind 'epochs', and a list needs 'fixed'"),
        (MAKERS["batches"](0), Batches(*DATA.tensors, batch=4, seed=9), "has seed 0, this one 9"),
        (MAKERS["batches"](0), Batches(*DATA.tensors, batch=5), "has batches 6, this one 5"),
        (MAKERS["list"](0), [], "has batches 1, this one 0"),
        (MAKERS["sequential"](0), MAKERS["shuffled"](0), "sampler 'SequentialSampler', this one 'RandomSampler'"),
        (MAKERS["shuffled"](0), MAKERS["two generators"](0), "has 2 generators"),
        (MAKERS["shuffled"](0), DataLoader(DATA, 5, shuffle=True, generator=generator(1)), "has batches 6"),
    ],
)
def test_a_state_of_another_loader(saved: Any, given: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        restore(given, loader_state(saved))


@pytest.mark.parametrize("damage", ["%%", "AAAA", "", 7, None])
def test_damaged_states(damage: Any) -> None:
    loader = MAKERS["two generators"](1)
    state = loader_state(loader)
    passed(loader)
    before = loader_state(loader)
    for broken in ([state["generators"][0], damage], damage, [damage], []):
        with pytest.raises(InputError, match="restoring a loader"):
            restore(loader, {**state, "generators": broken})
    assert loader_state(loader) == before
    for epoch in (None, -1, "3", 1.5):
        batches = MAKERS["batches"](0)
        with pytest.raises(InputError, match="the epoch of a loader"):
            restore(batches, {**loader_state(batches), "epoch": epoch})
