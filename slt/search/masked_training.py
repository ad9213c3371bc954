"""Training under a fixed mask: what a mask is worth to weights that may move. What comes out is no strong ticket."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import nn

from slt.errors import InputError, NonFiniteError
from slt.search.batches import EpochLoader
from slt.search.evaluation import Evaluation, checked_loss, evaluate, on_device
from slt.search.found import Found
from slt.search.masked_network import MaskedNetwork
from slt.search.moment import Moment
from slt.search.objectives import Loss
from slt.search.optimisers import Adam, Optimiser
from slt.search.passes import batches_in, default_generator, in_float32, noise_word, one_pass, own_randomness
from slt.search.rates import ConstantRate, Rate

Tensors = dict[str, torch.Tensor]


@final
@dataclass(frozen=True, eq=False)
class TrainedMask:
    """``weights``: trained, +0.0 where the mask is 0; ``losses``: the mean of each epoch."""

    weights: Mapping[str, torch.Tensor]
    losses: tuple[float, ...]
    network: MaskedNetwork = field(repr=False)
    loss: Loss = field(repr=False)

    def module(self) -> nn.Module:
        """The trained network, in eval mode."""
        module = copy.deepcopy(self.network.architecture)
        state = {**self.weights, **self.network.fixed, **self.network.buffers}
        held = dict(module.named_parameters()) | dict(module.named_buffers())
        with torch.no_grad():
            for name, tensor in state.items():
                held[name].copy_(tensor)
        return module.eval()

    def evaluate(self, loader: Iterable[Any]) -> Evaluation:
        """What the network scores."""
        module = self.module()
        return evaluate(
            lambda x: module(*x) if isinstance(x, tuple) else module(x), loader, self.loss, torch.device("cpu")
        )


def train_masked(
    found: Found,
    loader: Iterable[Any],
    epochs: int = 10,
    optimiser: Optimiser = Adam(1e-3),  # noqa: B008  (frozen)
    rate: Rate = ConstantRate(),  # noqa: B008
    loss: Loss | None = None,
) -> TrainedMask:
    """Trains the weights that a search's last mask keeps, from what the ticket has; the others stay +0.0. Norms are
    trained where the method says so. ``found`` is left as it was; ``loss``: its own by default.

    Raises NonFiniteError where the loss becomes NaN or infinite.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise InputError(f"training lasts a whole number of epochs, 0 or more; {epochs!r} was given")
    with in_float32():
        network = copy.copy(found.network)
        network.buffers = {n: b.to(network.device, copy=True) for n, b in found.last.buffers.items()}
        network.fixed = {n: t.detach().clone() for n, t in network.fixed.items()}
        for name, tensor in found.last.trained.items():
            network.fixed[name] = tensor.to(network.device, copy=True)
        masks = [found.last.masks[layer.name].to(network.device).float() for layer in network.layers]
        scales = [found.last.scales[layer.name].to(network.device) for layer in network.layers]
        weights = network.hard_weights(masks, scales)
        kept = {layer.name: mask != 0 for layer, mask in zip(network.layers, masks, strict=True)}
        trained, losses = train_kept(
            network, weights, kept, loader, epochs, optimiser, rate, found.loss if loss is None else loss
        )
    return TrainedMask(trained, losses, network, found.loss if loss is None else loss)


def train_kept(
    network: MaskedNetwork,
    weights: Tensors,
    kept: Mapping[str, torch.Tensor],
    loader: Iterable[Any],
    epochs: int,
    optimiser: Optimiser,
    rate: Rate,
    loss: Loss,
) -> tuple[Tensors, tuple[float, ...]]:
    """(weights, mean loss of each epoch) after training those that ``kept`` marks. Running statistics and trained norms
    of ``network`` move."""
    if isinstance(loader, EpochLoader):
        loader.epoch = 0
    batches, noise = batches_in(loader), noise_word(network.key)
    leaves = {name: w.detach().clone().requires_grad_() for name, w in weights.items()}
    norms = {f.name for f in network.roles.fixed if network.method.norms.trained(f)}
    for name in norms:
        network.fixed[name].requires_grad_()
    moving = [*leaves.values(), *(network.fixed[name] for name in sorted(norms))]
    steps, generator, losses = optimiser.build(moving), default_generator(network.device), []
    with own_randomness(network.device):
        for epoch in range(epochs):
            total = 0.0
            for number, batch in enumerate(one_pass(loader, batches, epoch), epoch * batches):
                generator.manual_seed((noise + number) % 2**63)
                factor = rate.factor(Moment(number, batches, epochs))
                for group in steps.param_groups:
                    group["lr"] = optimiser.rate * factor
                steps.zero_grad(set_to_none=True)
                inputs, targets = on_device(batch, network.device)
                masked = {name: torch.where(kept[name], leaf, 0.0) for name, leaf in leaves.items()}
                value = checked_loss(loss)(network(inputs, masked, training=True), targets)
                told = float(value.detach())
                if not math.isfinite(told):
                    raise NonFiniteError(
                        f"training under a mask: step {number} (epoch {epoch}): the loss is {told}. Lower the learning "
                        f"rate ({optimiser.rate:g}), or look at the inputs"
                    )
                total += told
                if value.requires_grad:  # an emptied layer leaves nothing to learn
                    value.backward()  # type: ignore[no-untyped-call]
                    steps.step()
            losses.append(total / batches)
    return {name: torch.where(kept[name], leaf.detach(), 0.0) for name, leaf in leaves.items()}, tuple(losses)
