"""Controls of a ticket: the same network with one thing that the search found undone. None of them is a ticket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.search.batches import order
from slt.search.found import Found
from slt.search.layer import Layer
from slt.search.sampled_masks import Bernoulli, uniform
from slt.search.selection import Chosen
from slt.weights import Key

Masks = list[torch.Tensor]


@final
@dataclass(frozen=True, eq=False)
class ControlNetwork:
    """Masks, one value a group of weights as the search had them, over the random tensors of ``layers``."""

    layers: Sequence[Layer]
    masks: Sequence[torch.Tensor]

    @staticmethod
    def of(found: Found) -> ControlNetwork:
        """The ticket itself, last epoch."""
        return ControlNetwork(found.network.layers, [_grouped(found, layer) for layer in found.network.layers])

    def weights(self, found: Found) -> dict[str, torch.Tensor]:
        """What is evaluated, by name: +0.0 where a mask is 0; the scale is the method's for these masks and tensors."""
        made = {}
        for layer, grouped in zip(self.layers, self.masks, strict=True):
            factor = found.method.scale.factor(Chosen(grouped, grouped), layer)
            mask = layer.expand(grouped)
            made[layer.name] = torch.where(mask != 0, (mask * layer.values) * factor, 0.0)
        return made


class Control(ABC):
    """One thing undone. ``name`` and ``expectation`` are for people; ``random``: whether there are several draws of it;
    ``exchangeable``: whether a mask that owes nothing to the weights would rank among these draws as one of them."""

    name: ClassVar[str]
    expectation: ClassVar[str]
    random: ClassVar[bool] = True
    exchangeable: ClassVar[bool] = False

    def applies(self, found: Found) -> bool:
        """Whether it says anything about this method."""
        return True

    @abstractmethod
    def network(self, found: Found, key: Key) -> ControlNetwork:
        """One draw of it; ``key`` is the draw's own."""


@final
@dataclass(frozen=True)
class ShuffledInLayers(Control):
    """The mask's values permuted within each layer: a random mask that keeps the exact counts of every layer, signs and
    coats included."""

    name: ClassVar[str] = "mask shuffled within layers"
    expectation: ClassVar[str] = "far below the ticket: layer densities are not what was found"
    exchangeable: ClassVar[bool] = True

    def network(self, found: Found, key: Key) -> ControlNetwork:
        ticket = ControlNetwork.of(found)
        masks = []
        for layer, mask in zip(ticket.layers, ticket.masks, strict=True):
            places = order(key / layer.name, mask.numel()).to(mask.device)
            masks.append(mask.reshape(-1)[places].reshape(mask.shape))
        return ControlNetwork(ticket.layers, masks)


@final
@dataclass(frozen=True)
class ShuffledInUnits(Control):
    """The mask's values permuted within each row of its tensor, which is what enters one unit of a Linear or a
    convolution: every unit keeps as many weights as it had."""

    name: ClassVar[str] = "mask shuffled within units"
    expectation: ClassVar[str] = "below the ticket: how many weights each unit keeps is not all that was found"
    exchangeable: ClassVar[bool] = True

    def applies(self, found: Found) -> bool:
        return any(mask.dim() > 1 for mask in ControlNetwork.of(found).masks)

    def network(self, found: Found, key: Key) -> ControlNetwork:
        ticket = ControlNetwork.of(found)
        masks = []
        for layer, mask in zip(ticket.layers, ticket.masks, strict=True):
            rows = mask.reshape(mask.shape[0], -1)
            places = uniform(key / layer.name, rows).argsort(dim=1, stable=True)
            masks.append(rows.gather(1, places).reshape(mask.shape))
        return ControlNetwork(ticket.layers, masks)


@final
@dataclass(frozen=True)
class RandomMasks(Control):
    """Every place drawn by itself among the values of its layer's mask: the densities of the layers hold on average."""

    name: ClassVar[str] = "random mask of the same densities"
    expectation: ClassVar[str] = "as the mask shuffled within layers, whose counts are exact"

    def network(self, found: Found, key: Key) -> ControlNetwork:
        ticket = ControlNetwork.of(found)
        masks = []
        for layer, mask in zip(ticket.layers, ticket.masks, strict=True):
            # sorted, so that the 24 bits of a draw only round the densities
            values = mask.reshape(-1).sort().values
            places = (uniform(key / layer.name, mask).double() * mask.numel()).long().clamp(max=mask.numel() - 1)
            masks.append(values[places])
        return ControlNetwork(ticket.layers, masks)


@final
@dataclass(frozen=True)
class RedrawnWeights(Control):
    """The ticket's mask over weights that are drawn anew from the same law: what the mask is worth without its weights.
    Copies and re-draws that the search made are not repeated."""

    name: ClassVar[str] = "weights re-drawn under the mask"
    expectation: ClassVar[str] = "far below the ticket: a mask is found for the weights under it"
    exchangeable: ClassVar[bool] = True

    def network(self, found: Found, key: Key) -> ControlNetwork:
        return ControlNetwork(_drawn(found, key, anew=True), ControlNetwork.of(found).masks)


@final
@dataclass(frozen=True)
class UndoneEvents(Control):
    """The ticket's mask over the seed's own draws, where the search copied or re-drew weights: what the mask is worth
    without what the ticket declares as patches."""

    name: ClassVar[str] = "copies and re-draws undone"
    expectation: ClassVar[str] = "what is lost is in the patches, not in the mask"
    random: ClassVar[bool] = False

    def applies(self, found: Found) -> bool:
        return _changed(found)

    def network(self, found: Found, key: Key) -> ControlNetwork:
        return ControlNetwork(_drawn(found, found.network.key / "weights"), ControlNetwork.of(found).masks)


@final
@dataclass(frozen=True)
class InvertedScores(Control):
    """The lowest scores kept in place of the highest, as many in every layer; locked and removed weights stay so. Of
    signed masks the smallest |s| with their own signs; of Bernoulli masks, those kept with probability 1 - p."""

    name: ClassVar[str] = "scores inverted"
    expectation: ClassVar[str] = "far below the ticket: the scores order the weights"
    random: ClassVar[bool] = False

    def network(self, found: Found, key: Key) -> ControlNetwork:
        ticket = ControlNetwork.of(found)
        return ControlNetwork(
            ticket.layers,
            [_inverted(found, layer, mask, key) for layer, mask in zip(ticket.layers, ticket.masks, strict=True)],
        )


@final
@dataclass(frozen=True)
class NegatedSigns(Control):
    """A signed mask with all its signs turned: in a network without biases, every layer's outputs before its
    activation negated."""

    name: ClassVar[str] = "signs negated"
    expectation: ClassVar[str] = "far below the ticket: the signs carry what was found"
    random: ClassVar[bool] = False

    def applies(self, found: Found) -> bool:
        return found.method.selector.signed

    def network(self, found: Found, key: Key) -> ControlNetwork:
        ticket = ControlNetwork.of(found)
        return ControlNetwork(ticket.layers, [-mask for mask in ticket.masks])


@final
@dataclass(frozen=True)
class Unpruned(Control):
    """The seed's own random network, unpruned."""

    name: ClassVar[str] = "unpruned random network"
    expectation: ClassVar[str] = "guessing: the random network itself knows nothing"
    random: ClassVar[bool] = False

    def network(self, found: Found, key: Key) -> ControlNetwork:
        return _unpruned(found, _drawn(found, found.network.key / "weights"))


@final
@dataclass(frozen=True)
class UnprunedAsLeft(Control):
    """The network unpruned, with the copies and re-draws of the search: copies of what scores high can make it far
    better than guessing, and then the search has written into the weights, not into the mask alone."""

    name: ClassVar[str] = "unpruned, as the search left it"
    expectation: ClassVar[str] = "guessing; what is above it was written into the weights"
    random: ClassVar[bool] = False

    def applies(self, found: Found) -> bool:
        return _changed(found)

    def network(self, found: Found, key: Key) -> ControlNetwork:
        return _unpruned(found, found.network.layers)


@final
@dataclass(frozen=True)
class UnprunedRedrawn(Control):
    """Other random networks of the same law, unpruned: how far guessing spreads."""

    name: ClassVar[str] = "unpruned, weights re-drawn"
    expectation: ClassVar[str] = "guessing"

    def network(self, found: Found, key: Key) -> ControlNetwork:
        return _unpruned(found, _drawn(found, key, anew=True))


CONTROLS: tuple[Control, ...] = (
    ShuffledInLayers(),
    ShuffledInUnits(),
    RandomMasks(),
    RedrawnWeights(),
    UndoneEvents(),
    InvertedScores(),
    NegatedSigns(),
    Unpruned(),
    UnprunedAsLeft(),
    UnprunedRedrawn(),
)


def _grouped(found: Found, layer: Layer) -> torch.Tensor:
    """The mask of a layer with one value a group."""
    mask = found.last.masks[layer.name].to(layer.weights.device, torch.float32)
    reduce = layer.granularity.reduce
    return (reduce(mask) / reduce(torch.ones_like(mask))).round()


def _changed(found: Found) -> bool:
    return any(layer.origins is not None or layer.events is not None for layer in found.network.layers)


def _unpruned(found: Found, layers: Sequence[Layer]) -> ControlNetwork:
    return ControlNetwork(layers, [torch.ones_like(mask) for mask in ControlNetwork.of(found).masks])


def _drawn(found: Found, key: Key, anew: bool = False) -> list[Layer]:
    """The layers over weights drawn at ``key / name``; ``anew``: without what was planted in the search's own."""
    network, made = found.network, []
    source = network.method.weights.unplanted if anew else network.method.weights
    for layer in network.layers:
        weights = source.tensor(key / layer.name, layer.role).to(network.device)
        made.append(Layer(layer.role, weights, layer.scores, layer.map, layer.active, layer.granularity))
    return made


def _inverted(found: Found, layer: Layer, mask: torch.Tensor, key: Key) -> torch.Tensor:
    selector = found.method.selector
    scores = layer.scores.detach()
    if isinstance(selector, Bernoulli):
        if selector.sampled:
            return (uniform(key / layer.name, scores) >= scores.sigmoid()).to(mask.dtype)
        return (scores <= 0).to(mask.dtype)
    # the k-th lowest score gets what the k-th highest had; signed masks go by size
    sizes = scores.abs() if selector.signed else layer.mapped.detach()
    free = torch.ones_like(sizes, dtype=torch.bool) if layer.frozen is None else layer.frozen == 0
    rising = sizes[free].argsort(stable=True)
    kept = mask[free].abs().sort(descending=True).values
    values = torch.empty_like(kept)
    values[rising] = kept
    if selector.signed:
        values *= torch.where(scores[free] < 0, -1.0, 1.0)
    inverted = mask.clone()
    inverted[free] = values
    return inverted
