"""Pruning by a saliency, at once or in rounds: masks over the random network that a search of the same seed has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from slt.errors import InputError
from slt.search.budgets import Budget, Global
from slt.search.draws import RandomTensors, kaiming_normal
from slt.search.evaluation import on_device
from slt.search.found import Found
from slt.search.given_masks import found_of_masks
from slt.search.masked_network import MaskedNetwork
from slt.search.masked_training import train_kept
from slt.search.objectives import Loss
from slt.search.optimisers import Adam, Optimiser
from slt.search.passes import in_float32, repeatable
from slt.search.rates import ConstantRate
from slt.search.saliency import Looked, Magnitude, Saliency
from slt.search.schedules import check_density

Tensors = dict[str, torch.Tensor]


@final
@dataclass(frozen=True)
class Pruning:
    """How a network is pruned. Round r of R keeps density^(r / R) of all weights, those that score highest among what
    is left; ties go to the lower index, and to the earlier layer.

    ``rounds``    1 prunes at once; SynFlow as published takes 100
    ``budget``    ``Global()``: one count for all layers, as published; ``LayerWise()``: the same density in each
    ``training``  epochs before each round but the first, in which the weights that are left are trained; the mask is
                  then read on the random weights, and its strong score owes nothing to the trained ones
    """

    saliency: Saliency = Magnitude()  # noqa: RUF009  (frozen)
    density: float = 0.1
    rounds: int = 1
    budget: Budget = Global()  # noqa: RUF009
    weights: RandomTensors = kaiming_normal()  # noqa: RUF009
    training: int = 0
    optimiser: Optimiser = Adam(1e-3)  # noqa: RUF009

    def __post_init__(self) -> None:
        check_density(self.density)
        for name, kind, told in (
            ("saliency", Saliency, "Snip()"),
            ("budget", Budget, "Global()"),
            ("weights", RandomTensors, "kaiming_normal()"),
            ("optimiser", Optimiser, "Adam(1e-3)"),
        ):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"pruning: {name} must be an object such as {told}; {getattr(self, name)!r} was given")
        for what, value, least in (("rounds", self.rounds, 1), ("training", self.training, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"pruning: {what} is a whole number of at least {least}; {value!r} was given")

    @property
    def name(self) -> str:
        """In words; tickets keep it."""
        told = f"{self.saliency.name}, " + ("one round" if self.rounds == 1 else f"{self.rounds} rounds")
        return told + (f" of {self.training} epochs" if self.training else "")


def prune(
    model: nn.Module,
    loader: Iterable[Any],
    pruning: Pruning,
    seed: int = 0,
    loss: Loss = nn.functional.cross_entropy,
    device: torch.device | str | None = None,
) -> Found:
    """Prunes the random network of ``model``'s architecture that a search of this ``seed`` has.

    What is found has a ticket, and its score on the random weights is the strong one; ``slt.search.train_masked`` gives
    the weak one. Every batch of the loader is looked at in each round, where the saliency looks at data; running
    statistics of norms stay as they start while it does. InputError for budgets that keep nothing.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"pruning: a torch module is needed; a {type(model).__name__} was given")
    if not isinstance(pruning, Pruning):
        raise InputError(f"pruning: settings such as Pruning(Snip(), 0.1) are needed; {pruning!r} was given")
    if not isinstance(loader, Iterable):
        raise InputError(
            f"pruning: a loader of (inputs, targets) is needed, such as Batches(x, y); a {type(loader).__name__} was "
            "given"
        )
    with in_float32():
        network = MaskedNetwork(model, _frame(pruning), seed, device)
        weights = network.unpruned()
        kept = {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}
        batches = [on_device(batch, network.device) for batch in repeatable(loader)]
        if not batches:
            raise InputError("pruning: the loader has no batches; give one that yields (inputs, targets)")
        for number in range(1, pruning.rounds + 1):
            if pruning.training and number > 1:
                weights, _ = train_kept(
                    network, weights, kept, loader, pruning.training, pruning.optimiser, ConstantRate(), loss
                )
            density = pruning.density ** (number / pruning.rounds)
            looked = Looked(
                {name: torch.where(kept[name], w, 0.0) for name, w in weights.items()},
                network.evaluated,
                batches,
                loss,
                network.key / "saliency",
            )
            kept = _highest(pruning, network, pruning.saliency.scores(looked), kept, density)
    return found_of_masks(model, {n: k.cpu() for n, k in kept.items()}, pruning.name, pruning.weights, seed, loss)


def _frame(pruning: Pruning) -> Any:
    from slt.search.method import Method
    from slt.search.scales import NoScale
    from slt.search.schedules import Constant
    from slt.search.selectors import TopK

    return Method(pruning.name, TopK(Constant(1.0)), weights=pruning.weights, scale=NoScale())


def _highest(
    pruning: Pruning, network: MaskedNetwork, scores: Tensors, kept: Mapping[str, torch.Tensor], density: float
) -> Tensors:
    """Boolean masks: the highest scores among what is kept, in exact counts."""
    roles = [layer.role for layer in network.layers]
    counts = pruning.budget.counts(roles, [role.size for role in roles], density)
    flat = [scores[r.name].reshape(-1).double() for r in roles]
    if not all(bool(f.isfinite().all()) for f in flat):
        raise InputError(f"pruning by {pruning.name}: scores that are not finite; look at the inputs and the loss")
    flat = [torch.where(kept[r.name].reshape(-1), f, -torch.inf) for r, f in zip(roles, flat, strict=True)]
    groups = [torch.cat(flat)] if pruning.budget.together else flat
    masks = []
    for group, count in zip(groups, counts, strict=True):
        mask = torch.zeros(group.shape, dtype=torch.bool, device=group.device)
        mask[group.sort(descending=True, stable=True).indices[:count]] = True
        masks.append(mask & (group > -torch.inf))
    parts = torch.split(torch.cat(masks), [role.size for role in roles])
    return {role.name: part.reshape(role.shape) for role, part in zip(roles, parts, strict=True)}
