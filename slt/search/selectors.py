"""How scores become a mask: the base of all selectors, and exact top-k."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from slt.errors import InputError
from slt.search.budgets import Budget, LayerWise
from slt.search.cutoffs import Cutoff, next_bracket, top_cutoff, top_cutoff_of_all
from slt.search.layer import Layer
from slt.search.moment import Moment
from slt.search.schedules import Schedule
from slt.search.selection import Chosen, Cut, Selection
from slt.weights import Key


class Selector(ABC):
    """Chooses the masks of all layers. Deterministic: what is random comes from ``key`` and the step.

    ``signed``: masks are -1, 0, 1. ``levels``: masks are 0 .. levels.
    """

    signed: ClassVar[bool] = False
    levels: int = 1

    def start(self, layers: Sequence[Layer]) -> None:  # noqa: B027
        """Called once before the first step: checks, and what is to be remembered of the start."""

    @abstractmethod
    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        """One selection a layer."""


@final
@dataclass(frozen=True)
class TopK(Selector):
    """Exactly as many of the highest scores as ``budget`` makes of ``density``; ties go to the lower flat index, and
    among layers to the earlier one. Locked and removed weights count: locked ones are kept first, removed ones never.
    """

    density: Schedule
    budget: Budget = LayerWise()  # noqa: RUF009

    def start(self, layers: Sequence[Layer]) -> None:
        roles, sizes = [layer.role for layer in layers], [layer.scores.numel() for layer in layers]
        counts = self.budget.counts(roles, sizes, self.density.final)
        if any(layer.frozen is not None for layer in layers):
            # at its start too a ramp must neither keep what was removed nor drop what was locked in
            first = self.budget.counts(roles, sizes, self.density.density(Moment(0, 1, 1)))
            for asked in (counts, first):
                _check_frozen(layers, asked, self.budget.together)

    def counts(self, layers: Sequence[Layer], moment: Moment) -> list[int]:
        """How many scores each layer keeps at this moment, or all together."""
        density = self.density.density(moment) if moment.training else self.density.final
        return self.budget.counts([layer.role for layer in layers], [layer.scores.numel() for layer in layers], density)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        return select_top(layers, self.counts(layers, moment), self.budget.together)


@final
@dataclass(frozen=True)
class SignedTopK(Selector):
    """The signs of exactly as many of the largest |scores|: a ternary mask of a density that is asked for."""

    signed: ClassVar[bool] = True

    density: Schedule
    budget: Budget = LayerWise()  # noqa: RUF009

    def start(self, layers: Sequence[Layer]) -> None:
        TopK(self.density, self.budget).start(layers)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        chosen: list[Selection] = []
        for layer, selection in zip(layers, TopK(self.density, self.budget).select(layers, moment, key), strict=True):
            # a score of exactly 0 that is among the top has to have a sign: plus
            signs = torch.where(layer.scores.detach() < 0, -1.0, 1.0)
            chosen.append(Chosen(selection.hard(layer) * signs, layer.scores))
        return chosen


@final
@dataclass(frozen=True)
class NestedTopK(Selector):
    """Coats (Okoshi et al. 2022): one shared score, one top-k a density, each within the one before; the mask counts
    the coats that keep a weight, and the gradients of all coats add up."""

    densities: tuple[float, ...]

    def __post_init__(self) -> None:
        from slt.search.schedules import check_density

        if not isinstance(self.densities, tuple):
            raise InputError(
                f"the densities of coats are a tuple such as (0.3, 0.08, 0.03); {self.densities!r} was given"
            )
        for density in self.densities:
            check_density(density, "the density of a coat")
        if not self.densities or any(a < b for a, b in zip(self.densities, self.densities[1:], strict=False)):
            raise InputError(f"coats are nested: their densities must fall; {self.densities} were given")

    @property
    def levels(self) -> int:  # type: ignore[override]
        return len(self.densities)

    def start(self, layers: Sequence[Layer]) -> None:
        for density in self.densities:
            LayerWise().counts([layer.role for layer in layers], [layer.scores.numel() for layer in layers], density)

    def select(self, layers: Sequence[Layer], moment: Moment, key: Key) -> list[Selection]:
        sums = [torch.zeros_like(layer.scores, requires_grad=False) for layer in layers]
        for density in self.densities:
            counts = [round(density * layer.scores.numel()) for layer in layers]
            for total, layer, selection in zip(sums, layers, select_top(layers, counts, False), strict=True):
                total += selection.hard(layer)
        return [Chosen(total, layer.mapped * len(self.densities)) for total, layer in zip(sums, layers, strict=True)]


def select_top(layers: Sequence[Layer], counts: Sequence[int], together: bool) -> list[Selection]:
    """Exactly ``counts[i]`` of the scores of layer i, or ``counts[0]`` of all ``together``."""
    absolute = layers[0].map.absolute
    if absolute is None or any(layer.frozen is not None for layer in layers):
        return _select_mapped(layers, counts, together)
    scores = [layer.scores.detach() for layer in layers]
    if together:
        value, indices = top_cutoff_of_all(scores, counts[0], absolute, layers[0].bracket)
        layers[0].bracket = next_bracket(layers[0].bracket, value)
        return [Cut(value, index, absolute) for index in indices.unbind()]
    found: list[Selection] = []
    for layer, tensor, count in zip(layers, scores, counts, strict=True):
        cutoff = top_cutoff(tensor, count, absolute, layer.bracket)
        layer.bracket = next_bracket(layer.bracket, cutoff.value)
        found.append(Cut(cutoff.value, cutoff.index, absolute, count))
    return found


def refuse_frozen(layers: Sequence[Layer], selector: Selector) -> None:
    """InputError where a source is partly frozen, for selectors that would not heed it."""
    if any(layer.frozen is not None for layer in layers):
        raise InputError(
            f"searching a mask in a partly frozen source: {type(selector).__name__} decides over all weights, removed "
            "and locked ones too; use a top-k selector such as TopK, or frozen=Searchable()"
        )


def _select_mapped(layers: Sequence[Layer], counts: Sequence[int], together: bool) -> list[Selection]:
    mapped = [_barred(layer, layer.mapped.detach()) for layer in layers]
    cutoffs: list[Cutoff]
    if together:
        value, indices = top_cutoff_of_all(mapped, counts[0], False, None)
        cutoffs = [Cutoff(value, index) for index in indices.unbind()]
    else:
        cutoffs = [top_cutoff(tensor, count, False, None) for tensor, count in zip(mapped, counts, strict=True)]
    return [
        Chosen(cutoff.keeps(tensor, False).to(tensor.dtype), layer.mapped)
        for cutoff, tensor, layer in zip(cutoffs, mapped, layers, strict=True)
    ]


def _barred(layer: Layer, mapped: torch.Tensor) -> torch.Tensor:
    if layer.frozen is None:
        return mapped
    return torch.where(layer.frozen > 0, torch.inf, torch.where(layer.frozen < 0, -torch.inf, mapped))


def _check_frozen(layers: Sequence[Layer], counts: Sequence[int], together: bool) -> None:
    locked = [0 if x.frozen is None else int((x.frozen > 0).sum()) for x in layers]
    left = [x.scores.numel() - (0 if x.frozen is None else int((x.frozen < 0).sum())) for x in layers]
    names = [x.name for x in layers]
    if together:
        locked, left, names = [sum(locked)], [sum(left)], ["all layers"]
    for name, count, low, high in zip(names, counts, locked, left, strict=True):
        if not low <= count <= high:
            raise InputError(
                f"searching a mask in a partly frozen source: {count} weights of {name} are to be kept, but {low} are "
                f"locked in and only {high} are not removed; ask for a density in between or freeze fewer"
            )
