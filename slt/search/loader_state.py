"""Where a loader stands between two epochs, so that a resumed run sees the batches that the other run would have seen.

What a data set draws itself (random transforms in ``__getitem__``) is not covered: such draws come from global state.
"""

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, final

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from slt.errors import InputError
from slt.search.batches import EpochLoader

State = dict[str, Any]  # JSON values
L = TypeVar("L")

_REMEDY = "use slt.search.Batches, a DataLoader(shuffle=True, generator=torch.Generator()) or a list of batches"


def loader_state(loader: Any) -> State:
    """The state of a loader between two epochs, as JSON values.

    Known are ``EpochLoader``s (the number of the epoch), torch's DataLoader (the state of its generators) and lists or
    tuples of batches (nothing). Raises InputError with the reason for others: their order cannot be restored.
    """
    adapter = _adapter(loader)
    return {"kind": adapter.kind, **adapter.state(loader)}


def restore(loader: Any, state: Mapping[str, Any]) -> None:
    """Set a loader made like the saved one to where that one stood. InputError if it is of another make."""
    adapter = _adapter(loader)
    if state.get("kind") != adapter.kind:
        raise InputError(
            f"restoring a loader: the state is of the kind {state.get('kind')!r}, and a {type(loader).__name__} needs "
            f"{adapter.kind!r}; give a loader like that of the run to be resumed"
        )
    adapter.restore(loader, state)


class _Adapter(ABC, Generic[L]):
    kind: str

    @abstractmethod
    def fits(self, loader: Any) -> bool: ...

    @abstractmethod
    def state(self, loader: L) -> State: ...

    @abstractmethod
    def restore(self, loader: L, state: Mapping[str, Any]) -> None: ...


@final
class _Epochs(_Adapter[EpochLoader]):
    kind = "epochs"

    def fits(self, loader: Any) -> bool:
        return isinstance(loader, EpochLoader)

    def state(self, loader: EpochLoader) -> State:
        return {"seed": loader.seed, "batches": len(loader), "epoch": loader.epoch}

    def restore(self, loader: EpochLoader, state: Mapping[str, Any]) -> None:
        _same("seed", state, loader.seed)
        _same("batches", state, len(loader))
        loader.epoch = state.get("epoch")  # type: ignore[assignment]  # it checks itself


@final
class _Fixed(_Adapter["list[Any] | tuple[Any, ...]"]):
    kind = "fixed"

    def fits(self, loader: Any) -> bool:
        return isinstance(loader, (list, tuple))

    def state(self, loader: list[Any] | tuple[Any, ...]) -> State:
        return {"batches": len(loader)}

    def restore(self, loader: list[Any] | tuple[Any, ...], state: Mapping[str, Any]) -> None:
        _same("batches", state, len(loader))


@final
class _Torch(_Adapter[DataLoader[Any]]):
    kind = "torch"
    ordered = (SequentialSampler,)
    random = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)

    def fits(self, loader: Any) -> bool:
        return isinstance(loader, DataLoader)

    def state(self, loader: DataLoader[Any]) -> State:
        states = [base64.b64encode(bytes(g.get_state().tolist())).decode() for g in self._generators(loader)]
        return {"sampler": type(self._sampler(loader)).__name__, "batches": len(loader), "generators": states}

    def restore(self, loader: DataLoader[Any], state: Mapping[str, Any]) -> None:
        generators, states = self._generators(loader), state.get("generators")
        _same("sampler", state, type(self._sampler(loader)).__name__)
        _same("batches", state, len(loader))
        if not isinstance(states, list) or len(states) != len(generators):
            raise InputError(
                f"restoring a loader: it has {len(generators)} generators, and the state does not hold as many; give "
                "a loader like that of the run to be resumed"
            )
        before = [generator.get_state() for generator in generators]
        try:
            for generator, text in zip(generators, states, strict=True):
                generator.set_state(torch.tensor(list(base64.b64decode(text, validate=True)), dtype=torch.uint8))
        except (binascii.Error, TypeError, ValueError, RuntimeError) as error:
            for generator, old in zip(generators, before, strict=True):
                generator.set_state(old)
            raise InputError(
                f"restoring a loader: the state holds none of a generator on this device ({error})"
            ) from error

    def _generators(self, loader: DataLoader[Any]) -> list[torch.Generator]:
        """All that the order depends on, each once: the sampler's, and the loader's own, which also seeds workers."""
        sampler = self._sampler(loader)
        found = [] if loader.generator is None else [loader.generator]
        if type(sampler) in self.random:
            generator = sampler.generator  # type: ignore[attr-defined]
            if generator is None:
                raise InputError(
                    f"saving the state of a DataLoader: its {type(sampler).__name__} has no generator, so its order "
                    f"comes from torch's global state; {_REMEDY}"
                )
            if not any(generator is other for other in found):
                found.append(generator)
        return found

    def _sampler(self, loader: DataLoader[Any]) -> object:
        own = type(loader)
        if own.__iter__ is not DataLoader.__iter__ or own._get_iterator is not DataLoader._get_iterator:
            raise InputError(f"saving the state of a loader: a {own.__name__} iterates in a way of its own; {_REMEDY}")
        if loader.num_workers and not getattr(loader, "in_order", True):  # torch < 2.6 has no such setting
            raise InputError(
                "saving the state of a DataLoader: in_order=False hands batches out as its workers finish them; give "
                "in_order=True"
            )
        outer = loader.batch_sampler
        sampler = loader.sampler if outer is None else outer.sampler if type(outer) is BatchSampler else outer
        if type(sampler) not in (*self.ordered, *self.random):
            raise InputError(
                f"saving the state of a DataLoader: it goes by a {type(sampler).__name__}, whose state is not known; "
                f"{_REMEDY}"
            )
        return sampler


_ADAPTERS: tuple[_Adapter[Any], ...] = (_Epochs(), _Fixed(), _Torch())


def _adapter(loader: Any) -> _Adapter[Any]:
    for adapter in _ADAPTERS:
        if adapter.fits(loader):
            return adapter
    once = hasattr(loader, "__next__")
    reason = "it can be gone through only once" if once else "how it keeps its order is not known"
    raise InputError(f"saving the state of a loader: a {type(loader).__name__} was given, and {reason}; {_REMEDY}")


def _same(name: str, state: Mapping[str, Any], own: object) -> None:
    if state.get(name) != own:
        raise InputError(
            f"restoring a loader: the saved one has {name} {state.get(name)!r}, this one {own!r}; give a loader like "
            "that of the run to be resumed"
        )
