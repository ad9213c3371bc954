"""The trained baseline: the same architecture from the same random source, with its weights trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn, final

import torch
from torch import nn

from slt.errors import InputError, NonFiniteError
from slt.search.batches import EpochLoader
from slt.search.draws import RandomTensors, kaiming_normal
from slt.search.evaluation import Evaluation, checked_loss, evaluate, on_device
from slt.search.found import Epoch
from slt.search.maskable import Roles, prepared
from slt.search.moment import Moment
from slt.search.objectives import Loss
from slt.search.optimisers import SGD, Optimiser
from slt.search.passes import batches_in, default_generator, in_float32, noise_word, one_pass, own_randomness
from slt.search.rates import CosineEpochs, Rate
from slt.weights import Key


@final
@dataclass(frozen=True, eq=False)
class Dense:
    """A trained network: what a search is compared with. ``history``: epochs as a search has them, density 1."""

    seed: int
    history: tuple[Epoch, ...]
    module: nn.Module = field(repr=False)
    loss: Loss = field(repr=False)
    device: torch.device = field(repr=False)

    def evaluate(self, loader: Iterable[Any]) -> Evaluation:
        """What the network of the last epoch scores, in eval mode."""
        return _scored(self.module, loader, self.loss, self.device)

    @property
    def ticket(self) -> NoReturn:
        """There is none: InputError says why."""
        raise InputError(
            "a trained network has no ticket: its weights are not a mask over a random source, no seed gives them "
            "back. slt.search.fit(model, loader, method) finds tickets"
        )


def train_dense(
    model: nn.Module,
    loader: Iterable[Any],
    epochs: int = 10,
    seed: int = 0,
    loss: Loss = nn.functional.cross_entropy,
    validation: Iterable[Any] | None = None,
    device: torch.device | str | None = None,
    optimiser: Optimiser = SGD(),  # noqa: B008  (frozen)
    rate: Rate = CosineEpochs(),  # noqa: B008
    weights: RandomTensors = kaiming_normal(),  # noqa: B008
    progress: Callable[[int, int], None] | None = None,
) -> Dense:
    """Trains all parameters of the architecture of ``model``, whose own weights are neither used nor changed.

    Weights start as the random source that a search of this ``seed`` and ``weights`` has, biases at 0, norms at 1 and
    0, in float32; then norms and biases are trained as well. Arguments as in ``fit``; global random state is left as
    it was.

    Raises:
        InputError: loaders and models that cannot be trained; the text says which.
        NonFiniteError: the loss became NaN or infinite.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise InputError(f"training lasts a whole number of epochs, 0 or more; {epochs!r} was given")
    if isinstance(loader, EpochLoader):
        loader.epoch = 0
    batches, key = batches_in(loader), Key(seed)
    place = torch.device("cpu" if device is None else device)
    module = _started(model, weights, key).to(place)
    parameters = list(module.parameters())
    steps, noise = optimiser.build(parameters), noise_word(key)
    history: list[Epoch] = []
    generator = default_generator(place)
    with own_randomness(place), in_float32():
        for epoch in range(epochs):
            total = 0.0
            module.train()
            for number, batch in enumerate(one_pass(loader, batches, epoch), epoch * batches):
                moment = Moment(number, batches, epochs)
                generator.manual_seed((noise + number) % 2**63)
                factor = rate.factor(moment)
                for group in steps.param_groups:
                    group["lr"] = optimiser.rate * factor
                steps.zero_grad(set_to_none=True)
                inputs, targets = on_device(batch, place)
                value = checked_loss(loss)(_call(module, inputs), targets)
                total += _finite(float(value.detach()), number, epoch, optimiser)
                value.backward()  # type: ignore[no-untyped-call]
                left = optimiser.decay_by(factor)
                if left != 1.0:
                    with torch.no_grad():
                        for parameter in parameters:
                            parameter.mul_(left)
                steps.step()
                if progress is not None:
                    progress(number + 1, epochs * batches)
            scored = None if validation is None else _scored(module, validation, loss, place)
            history.append(Epoch(epoch, total / batches, 1.0, scored))
    return Dense(seed, tuple(history), module.eval(), loss, place)


def _started(model: nn.Module, weights: RandomTensors, key: Key) -> nn.Module:
    """A copy that starts as the search's source: the same names at the same keys."""
    roles = Roles.of(model)
    module = prepared(copy.deepcopy(model).float()).requires_grad_(True)
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for role in roles.maskable:
            parameters[role.name].copy_(weights.tensor(key / "weights" / role.name, role))
        for fixed in roles.fixed:
            parameters[fixed.name].fill_(fixed.value)
    return module


def _scored(module: nn.Module, loader: Iterable[Any], loss: Loss, device: torch.device) -> Evaluation:
    module.eval()
    return evaluate(lambda x: _call(module, x), loader, loss, device)


def _call(module: nn.Module, inputs: Any) -> Any:
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)


def _finite(value: float, step: int, epoch: int, optimiser: Optimiser) -> float:
    if not math.isfinite(value):
        raise NonFiniteError(
            f"training a network: step {step} (epoch {epoch}): the loss is {value}. Lower the learning rate "
            f"({optimiser.rate:g}), or look at the inputs"
        )
    return value
