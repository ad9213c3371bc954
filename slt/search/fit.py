"""The search loop: scores are learnt, weights are not."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from slt.errors import InputError, NonFiniteError
from slt.search.batches import EpochLoader
from slt.search.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from slt.search.evaluation import Evaluation, checked_loss, evaluate, on_device
from slt.search.found import Epoch, Found
from slt.search.loader_state import loader_state, restore
from slt.search.masked_network import MaskedNetwork
from slt.search.method import Method, Preset
from slt.search.moment import Moment
from slt.search.objectives import Loss
from slt.search.passes import (
    batches_in,
    default_generator,
    in_float32,
    noise_word,
    one_pass,
    own_randomness,
    repeatable,
)
from slt.search.reading import Reading
from slt.search.selection import Cut
from slt.search.whole_product import training_weights
from slt.tree_checks import outline
from slt.weights import Key

Progress = Callable[[int, int], None]  # (steps done, steps in all)


def fit(
    model: nn.Module,
    loader: Iterable[Any],
    method: Method | Preset,
    epochs: int = 10,
    seed: int = 0,
    loss: Loss = nn.functional.cross_entropy,
    validation: Iterable[Any] | None = None,
    device: torch.device | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    score_seed: int | None = None,
) -> Found:
    """Searches a mask over a random network of the architecture of ``model``, whose own weights are not used.

    ``loader`` yields (inputs, targets) and has a length; inputs that are a tuple or list are the model's positional
    arguments. ``loss(outputs, targets)`` is the mean over a batch. All is done in float32: floating-point data, and a
    model's buffers, of other precisions are converted.
    ``validation``: scored after every epoch with the mask a ticket would have; the test set has no place here.
    ``seed`` fixes the random weights, the scores and all that the method draws; the order of the data is the loader's
    (an ``EpochLoader`` such as ``Batches`` is set to its epoch 0).
    ``score_seed``: draws the first scores and the masks that sampling methods draw, in place of ``seed``; the weights
    stay those of ``seed``. So two searches of one random network can be compared.
    ``checkpoint``: a file written after every epoch. With ``resume`` a search takes up where that file stands (or
    begins, where there is none) and ends with the same ticket as an uninterrupted run on the same machine; refused for
    loaders whose order cannot be restored. Global random state is left as it was.

    Raises:
        InputError: densities, budgets, loaders and models that cannot be searched; the text says which.
        NonFiniteError: the loss or the scores became NaN or infinite; the text names step and layer, and its
            ``last_good`` is what the last whole epoch had found (None before the first).
        CheckpointError: a checkpoint that is damaged or of another search.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"searching a mask: a torch module is needed; {model!r} was given")
    with in_float32():
        return _Fit(
            model, loader, method, epochs, seed, loss, validation, device, checkpoint, resume, progress, score_seed
        ).run()


class _Fit:
    def __init__(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        method: Method | Preset,
        epochs: int,
        seed: int,
        loss: Loss,
        validation: Iterable[Any] | None,
        device: torch.device | str | None,
        checkpoint: str | os.PathLike[str] | None,
        resume: bool,
        progress: Progress | None,
        score_seed: int | None,
    ) -> None:
        self.method = _method(method)
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
            raise InputError(f"a search lasts a whole number of epochs, 0 or more; {epochs!r} was given")
        if isinstance(loader, EpochLoader):
            loader.epoch = 0  # so that a second search sees what the first saw
        self.loader, self.loss, self.validation, self.progress = loader, loss, validation, progress
        self.batches = batches_in(loader)
        self.path = None if checkpoint is None else Path(checkpoint)
        if resume and self.path is None:
            raise InputError("resuming a search: no file was named; give fit(..., checkpoint=path, resume=True)")
        if self.path is not None:
            # refused now rather than after the first epoch
            loader_state(loader)
            if not self.path.parent.is_dir():
                raise InputError(f"searching a mask: {self.path.parent} is no folder; make it, or choose another file")
            if self.path.exists() and not resume:
                raise InputError(
                    f"searching a mask: {self.path} holds a checkpoint already; take it up with resume=True, or choose "
                    "another file"
                )
        self.epochs = epochs if self.method.trains else 0
        self.network = MaskedNetwork(model, self.method, seed, device, score_seed)
        if self.epochs:
            for event in self.method.events:
                event.start(self.network.layers, self.epochs)
        self.weights = training_weights(self.network)
        self.optimiser = self.method.optimiser.build(self.network.parameters)
        self.generator = default_generator(self.network.device)
        self.seed, self.noise = seed, noise_word(Key(seed))
        self.history: list[Epoch] = []
        self.last: Reading | None = None
        self.best: Reading | None = None
        self.best_epoch: int | None = None
        if resume and self.path is not None and self.path.exists():
            self._take_up(self.path)

    # -- the loop --------------------------------------------------------------------------------------------------

    def run(self) -> Found:
        with own_randomness(self.network.device):
            for epoch in range(len(self.history), self.epochs):
                mean = self._epoch(epoch)
                self.last, scored = self._read(self._moment((epoch + 1) * self.batches))
                self.history.append(Epoch(epoch, mean, self.last.density, scored))
                if scored is not None and scored.better_than(self._best_score()):
                    self.best, self.best_epoch = self.last, epoch
                if self.path is not None:
                    self._save()
            if self.last is None:
                self.last, _ = self._read(self._moment(0), score=False)
        with torch.no_grad():
            for name, buffer in self.network.buffers.items():
                buffer.copy_(self.last.buffers[name])
        return self._found(self.last)

    def _epoch(self, epoch: int) -> float:
        total, step = 0.0, epoch * self.batches
        for batch in one_pass(self.loader, self.batches, epoch):
            total += self._step(batch, self._moment(step))
            step += 1
            if self.progress is not None:
                self.progress(step, self.epochs * self.batches)
        broken = self.network.broken()
        if broken is not None:
            self._stop(step - 1, f"the scores of {broken} are not finite")
        return total / self.batches

    def _step(self, batch: Any, moment: Moment) -> float:
        network, method = self.network, self.method
        # dropout: a function of seed and step (torch.manual_seed costs a tenth of a small network's step)
        self.generator.manual_seed((self.noise + moment.step) % 2**63)
        for event in method.events:
            if event.due(moment):
                event.happen(network.layers, lambda: network.select(moment), moment, method.weights, network.key)
        factor = method.rate.factor(moment)
        for group in self.optimiser.param_groups:
            group["lr"] = method.optimiser.rate * factor
        self.optimiser.zero_grad(set_to_none=True)

        inputs, targets = on_device(batch, network.device)
        weights = self.weights.of_step(moment)
        self._check_cuts(moment)
        outputs = network(inputs, weights, training=True)
        dense = self._dense(inputs) if method.objective.needs_dense else None
        value = method.objective(outputs, targets, checked_loss(self.loss), dense)
        penalty = method.constraint.penalty(network.layers)
        total = value if penalty is None else value + penalty
        number = float(total.detach())
        if not math.isfinite(number):
            self._stop(moment.step, f"the loss is {number}; {self._blame(weights)}")
        if not total.requires_grad:
            raise InputError(
                "searching a mask: the loss does not depend on the scores: the model or the loss cuts the gradient "
                "(detach, no_grad, argmax), or no masked weight is used"
            )
        total.backward()  # type: ignore[no-untyped-call]
        self.weights.pull_back()
        self._check_gradients(moment)
        method.constraint.balance(network.layers, network.memory)
        left = method.optimiser.decay_by(factor)
        if left != 1.0:
            with torch.no_grad():
                for layer in network.layers:
                    layer.scores.mul_(left)
        self.optimiser.step()
        return number

    def _dense(self, inputs: Any) -> torch.Tensor:
        network = self.network
        with torch.no_grad():
            copies = {name: b.clone() for name, b in network.buffers.items()}
            outputs: torch.Tensor = network(inputs, network.unpruned(), training=False, buffers=copies)
            return outputs

    # -- reading masks ---------------------------------------------------------------------------------------------

    def _read(self, moment: Moment, score: bool = True) -> tuple[Reading, Evaluation | None]:
        network = self.network
        self.generator.manual_seed((self.noise + moment.step) % 2**63)  # nothing here depends on what was drawn before
        masks, scales = network.hard_masks(moment)
        weights = network.hard_weights(masks, scales)
        buffers = network.buffers
        if self.method.norms.recalibrated:
            some = islice(repeatable(self.loader), self.method.norms.recalibrated)
            buffers = network.statistics(weights, (on_device(batch, network.device)[0] for batch in some))
        reading = Reading.of(network, masks, scales, weights, buffers)
        if self.validation is None or not score:
            return reading, None
        scored = evaluate(
            lambda x: network(x, weights, training=False, buffers=buffers), self.validation, self.loss, network.device
        )
        return reading, scored

    def _found(self, reading: Reading) -> Found:
        return Found(
            self.method, self.seed, tuple(self.history), reading, self.best, self.best_epoch, self.network, self.loss
        )

    def _best_score(self) -> Evaluation | None:
        return None if self.best_epoch is None else self.history[self.best_epoch].validation

    def _moment(self, step: int) -> Moment:
        return Moment(step, self.batches, max(1, self.epochs))

    # -- what goes wrong -------------------------------------------------------------------------------------------

    def _check_cuts(self, moment: Moment) -> None:
        for layer, selection in zip(self.network.layers, self.network.selections or (), strict=True):
            if isinstance(selection, Cut) and math.isnan(selection.value.item()):
                self._stop(moment.step, f"scores of {self.network.broken() or layer.name} are NaN")

    def _check_gradients(self, moment: Moment) -> None:
        # a cut finds NaN scores by itself, at the next step
        if all(isinstance(s, Cut) for s in self.network.selections or ()):
            return
        layers = [x for x in self.network.layers if x.scores.grad is not None]
        sums = torch.stack([x.scores.grad.sum() for x in layers]) if layers else torch.zeros(0)  # type: ignore[union-attr]
        if not bool(sums.isfinite().all()):
            name = next(x.name for x, s in zip(layers, sums, strict=True) if not bool(s.isfinite()))
            self._stop(moment.step, f"the gradient of the scores of {name} is not finite")

    def _blame(self, weights: dict[str, torch.Tensor]) -> str:
        broken = self.network.broken()
        if broken is not None:
            return f"the scores of {broken} are not finite"
        largest = max(weights, key=lambda name: float(weights[name].detach().abs().max()))
        return (
            "all scores are finite: the inputs or the activations are not; the largest weights, up to "
            f"{float(weights[largest].detach().abs().max()):.3g}, are in {largest}"
        )

    def _stop(self, step: int, why: str) -> NoReturn:
        kept = (
            "" if self.path is None or not self.history else f" The checkpoint of epoch {len(self.history) - 1} stands."
        )
        error = NonFiniteError(
            f"searching a mask by {self.method.name}: step {step} (epoch {step // self.batches}): {why}. Lower the "
            f"learning rate ({self.method.optimiser.rate:g}), look at the inputs, or use a scale.{kept}"
        )
        error.last_good = self._last_good()
        raise error

    def _last_good(self) -> Found | None:
        return None if self.last is None else self._found(self.last)

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def _search(self) -> dict[str, Any]:
        """What a checkpoint must share with the search that takes it up."""
        return {
            "method": repr(self.method),
            "seed": self.seed,
            "score_seed": self.network.score_seed,
            "epochs": self.epochs,
            "batches": self.batches,
            "layers": [[x.name, list(x.role.shape)] for x in self.network.layers],
            "other tensors": [[n, list(t.shape)] for n, t in (self.network.fixed | self.network.buffers).items()],
            "architecture": outline(self.network.architecture),
            "loader": loader_state(self.loader)["kind"],
        }

    def _save(self) -> None:
        tensors = {f"network/{n}": t for n, t in self.network.state().items()} | optimiser_tensors(self.optimiser)
        if self.best is not None:
            tensors |= {f"best/{n}": t for n, t in self.best.tensors().items()}
        assert self.last is not None
        tensors |= {f"last/{n}": t for n, t in self.last.tensors().items()}
        progress = {
            "history": [_plain(epoch) for epoch in self.history],
            "best_epoch": self.best_epoch,
            "best_digest": None if self.best is None else self.best.digest,
            "last_digest": self.last.digest,
            "loader": loader_state(self.loader),
        }
        assert self.path is not None
        Checkpoint(self._search(), progress, tensors).save(self.path)

    def _take_up(self, path: Path) -> None:
        found = Checkpoint.load(path)
        found.require(self._search(), path)
        network = {n: t.to(self.network.device) for n, t in _under("network/", found.tensors).items()}
        self.network.restore(network)
        restore_optimiser(self.optimiser, {n: t.to(self.network.device) for n, t in found.tensors.items()})
        self.history = [_epoch(plain) for plain in found.progress["history"]]
        self.best_epoch = found.progress["best_epoch"]
        self.last = Reading.from_tensors(_under("last/", found.tensors), found.progress["last_digest"])
        if self.best_epoch is not None:
            self.best = Reading.from_tensors(_under("best/", found.tensors), found.progress["best_digest"])
        restore(self.loader, found.progress["loader"])


def _method(method: Method | Preset) -> Method:
    spelt = method.method() if isinstance(method, Preset) else method
    if not isinstance(spelt, Method):
        raise InputError(
            f"searching a mask: a method is needed, such as slt.search.EdgePopup(density=0.3); {method!r} was given"
        )
    return spelt


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _plain(epoch: Epoch) -> list[Any]:
    scored = epoch.validation
    told = None if scored is None else [_text(scored.loss), scored.accuracy, scored.examples]
    return [epoch.number, epoch.loss, epoch.density, told]


def _epoch(plain: list[Any]) -> Epoch:
    number, loss, density, told = plain
    return Epoch(number, loss, density, None if told is None else Evaluation(float(told[0]), told[1], told[2]))


def _text(value: float) -> float | str:
    # JSON knows no infinity
    return value if math.isfinite(value) else "inf"
