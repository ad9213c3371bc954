"""What happens to weights and scores between steps: nothing, re-draws, copies, clamps, pruning for good."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.errors import InputError
from slt.search.cutoffs import top_cutoff_plain
from slt.search.draws import RandomTensors
from slt.search.layer import Layer
from slt.search.moment import Moment
from slt.search.sampled_masks import uniform
from slt.search.schedules import check_density
from slt.search.selection import Selection
from slt.search.thresholds import ACTIVE
from slt.weights import Key

Choose = Callable[[], Sequence[Selection]]


class Event(ABC):
    """Something that happens before certain steps. ``changes_weights``: declared in the ticket as a patch."""

    changes_weights: ClassVar[bool] = False

    def start(self, layers: Sequence[Layer], epochs: int) -> None:  # noqa: B027
        """Called once before the first step: InputError where a search of so many epochs cannot do what is asked."""

    @abstractmethod
    def due(self, moment: Moment) -> bool:
        """Whether it happens before the step of this moment."""

    @abstractmethod
    def happen(self, layers: Sequence[Layer], choose: Choose, moment: Moment, draws: RandomTensors, key: Key) -> None:
        """Change layers in place. ``choose()`` gives the selections at the present scores; ``draws`` and ``key`` (the
        search's own) are the random source."""


@final
@dataclass(frozen=True)
class Redraw(Event):
    """Before every ``every``-th step, each removed weight is drawn anew with probability ``rate`` (IteRand, Chijiwa et
    al. 2021). The mask at the present scores says what is removed. Event r draws at ``key / "events" / r / name``."""

    changes_weights: ClassVar[bool] = True

    rate: float = 0.1
    every: int = 300

    def __post_init__(self) -> None:
        _check_rate(self.rate)
        if self.every < 1:
            raise InputError(f"weights are re-drawn every so many steps; {self.every!r} was given")

    def due(self, moment: Moment) -> bool:
        return moment.step > 0 and moment.step % self.every == 0

    def happen(self, layers: Sequence[Layer], choose: Choose, moment: Moment, draws: RandomTensors, key: Key) -> None:
        number = moment.step // self.every
        for layer, selection in zip(layers, choose(), strict=True):
            removed = layer.expand(selection.hard(layer)) == 0
            chosen = removed & (uniform(key / "coins" / str(number) / layer.name, layer.weights) < self.rate)
            fresh = draws.tensor(key / "events" / str(number) / layer.name, layer.role).to(layer.weights.device)
            layer.weights = torch.where(chosen, fresh, layer.weights)
            if layer.events is None:
                layer.events = torch.zeros(layer.role.shape, dtype=torch.int32, device=layer.weights.device)
            layer.events = torch.where(chosen, number, layer.events)
            layer.renew()


@final
@dataclass(frozen=True)
class Recycle(Event):
    """Every ``every`` epochs, the share ``rate`` of a layer's weights with the lowest scores take the values of those
    with the highest, paired by rank; scores stay (iterative weight recycling, Gorbett and Whitley 2023).

    Not before the first and the last epoch. Ranks are by mapped score, ties by flat index.
    """

    changes_weights: ClassVar[bool] = True

    rate: float = 0.1
    every: int = 1

    def __post_init__(self) -> None:
        _check_rate(self.rate, most=0.5)
        if self.every < 1:
            raise InputError(f"weights are recycled every so many epochs; {self.every!r} was given")

    def due(self, moment: Moment) -> bool:
        return moment.starts_epoch and 0 < moment.epoch < moment.epochs - 1 and moment.epoch % self.every == 0

    def happen(self, layers: Sequence[Layer], choose: Choose, moment: Moment, draws: RandomTensors, key: Key) -> None:
        for layer in layers:
            if layer.scores.shape != layer.role.shape:
                raise InputError("recycling copies single weights; its scores must be one a weight")
            count = int(self.rate * layer.size)
            order = layer.mapped.detach().reshape(-1).argsort(stable=True)
            low, high = order[:count], order[layer.size - count :]
            weights = layer.weights.reshape(-1).clone()
            weights[low] = weights[high]
            if layer.origins is None:
                layer.origins = torch.arange(layer.size, device=weights.device)
            origins = layer.origins.clone()
            origins[low] = origins[high]
            layer.origins = origins
            layer.weights = weights.reshape(layer.role.shape)
            layer.renew()


@final
@dataclass(frozen=True)
class Clamp(Event):
    """Before every step, scores are cut to [low, high]."""

    low: float = 0.0
    high: float = 1.0

    def due(self, moment: Moment) -> bool:
        return True

    def happen(self, layers: Sequence[Layer], choose: Choose, moment: Moment, draws: RandomTensors, key: Key) -> None:
        with torch.no_grad():
            for layer in layers:
                layer.scores.clamp_(self.low, self.high)


@final
@dataclass(frozen=True)
class FreezeLowest(Event):
    """Every ``every`` epochs, until the share ``until`` of all epochs, the lowest scores of all layers together are
    pruned for good, by equal factors down to ``density`` (geometric freezing of Gem-Miner, Sreenivasan et al. 2022).

    Exact counts, where the released code removes all ties at once. Clamped scores have many ties, at 0 and at 1; they
    are broken at random (``key / "ties" / number``), as by index the last layer would be pruned away first. A trial
    lost the accuracy when the last freeze fell where the learning rate is nearly 0; so ``until`` is 0.8.
    """

    density: float
    every: int = 1
    until: float = 0.8

    def __post_init__(self) -> None:
        check_density(self.density)
        check_density(self.until, "the share of the epochs in which scores are pruned for good")
        if self.every < 1:
            raise InputError(f"scores are pruned for good every so many epochs; {self.every!r} was given")

    def due(self, moment: Moment) -> bool:
        return moment.starts_epoch and moment.epoch > 0 and moment.epoch % self.every == 0 and self._number(moment) > 0

    def start(self, layers: Sequence[Layer], epochs: int) -> None:
        if epochs <= self.every:
            raise InputError(
                f"pruning for good down to a density of {self.density!r}: it happens every {self.every} epochs, not "
                f"before the first, and the search has {epochs}; give more epochs, or a smaller every"
            )
        total = sum(layer.scores.numel() for layer in layers)
        if not round(self.density * total):
            raise InputError(
                f"pruning for good down to a density of {self.density!r} keeps none of {total} scores; ask for more"
            )

    def _number(self, moment: Moment) -> int:
        """Which freeze this is, from 1; 0 when all are done."""
        number = moment.epoch // self.every
        return number if number <= self._freezes(moment) else 0

    def _freezes(self, moment: Moment) -> int:
        return max(1, int(self.until * moment.epochs) // self.every)

    def happen(self, layers: Sequence[Layer], choose: Choose, moment: Moment, draws: RandomTensors, key: Key) -> None:
        total = sum(layer.scores.numel() for layer in layers)
        share = self.density ** (self._number(moment) / self._freezes(moment))
        scores = [
            torch.where(self._active(layer) > 0, layer.scores.detach(), -torch.inf).reshape(-1) for layer in layers
        ]
        flat = torch.cat(scores)
        order = uniform(key / "ties" / str(self._number(moment)) / "all", flat).argsort(stable=True)
        mixed = flat[order]
        keep = torch.empty_like(flat, dtype=torch.bool)
        keep[order] = top_cutoff_plain(mixed, round(share * total), False).keeps(mixed, False)
        parts = torch.split(keep, [s.numel() for s in scores])
        for layer, part in zip(layers, parts, strict=True):
            layer.memory[ACTIVE] = part.reshape(layer.scores.shape).to(layer.scores.dtype)

    def _active(self, layer: Layer) -> torch.Tensor:
        return layer.memory.get(ACTIVE, torch.ones_like(layer.scores))


def _check_rate(rate: float, most: float = 1.0) -> None:
    if not 0 < rate <= most:
        raise InputError(f"the share of the weights that an event changes is in (0, {most:g}]; {rate!r} was given")
