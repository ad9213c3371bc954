"""What a search found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import torch
from torch import nn

from slt.counted import counted
from slt.errors import InputError, VerificationError
from slt.search.evaluation import Evaluation, evaluate
from slt.search.masked_network import MaskedNetwork
from slt.search.method import Method
from slt.search.objectives import Loss
from slt.search.reading import Reading, weights_digest

if TYPE_CHECKING:
    from slt.tickets import Ticket
    from slt.tickets.verification import Verification

LAG = 0.02  # how far the last epoch's accuracy may be below the best before the text names a cause


@final
@dataclass(frozen=True)
class Epoch:
    """One epoch of a search: ``loss`` is the mean over its steps of what was minimised, ``validation`` what the mask at
    its end scores, ``density`` what that mask keeps."""

    number: int
    loss: float
    density: float
    validation: Evaluation | None


@final
@dataclass(frozen=True, eq=False)
class Found:
    """The mask of the last epoch, and of the one that was best on the validation loader. Of a search that stopped on an
    error (``NonFiniteError.last_good``): the mask of the last whole epoch; its scores are those of the stop.

    ``ticket`` is the last epoch's, ``best_ticket`` that of ``best_epoch`` (counted from 0), the best by validation.
    Report one or the other; never the best by test.
    """

    method: Method
    seed: int
    history: tuple[Epoch, ...]
    last: Reading
    best: Reading | None
    best_epoch: int | None
    network: MaskedNetwork = field(repr=False)
    loss: Loss = field(repr=False)

    @cached_property
    def ticket(self) -> Ticket:
        """The ticket of the last epoch."""
        return self.last.ticket(self.network)

    @cached_property
    def best_ticket(self) -> Ticket:
        """The ticket of the epoch that was best on the validation loader."""
        if self.best is None:
            raise InputError(
                "there is no best epoch: the search "
                + ("had no validation loader" if self.history else "had no epochs")
                + "; give fit(..., epochs=10, validation=loader), split off the training data, and a method that trains"
            )
        return self.best.ticket(self.network)

    @property
    def density(self) -> float:
        """The fraction of the random weights kept, last epoch."""
        return self.last.density

    @property
    def scores(self) -> dict[str, torch.Tensor]:
        """The scores by name as the search left them; no part of the ticket."""
        return {layer.name: layer.scores.detach().cpu().clone() for layer in self.network.layers}

    def module(self) -> nn.Module:
        """The pruned random network of the last epoch, as a torch module with frozen parameters."""
        return self.ticket.module()

    def evaluate(self, loader: Iterable[Any], best: bool = False) -> Evaluation:
        """What the ticket's own module scores, last epoch or best on validation."""
        device = self.network.device
        module = (self.best_ticket if best else self.ticket).module().to(device)
        return evaluate(lambda x: module(*x) if isinstance(x, tuple) else module(x), loader, self.loss, device)

    def verify(self) -> Verification:
        """Proves that the ticket is its random source times its mask and what it declares, bit for bit, and that its
        weights are those that the search evaluated. VerificationError if not."""
        report = self.ticket.verify()
        state = dict(self.ticket.module().named_parameters())
        names = [layer.name for layer in self.network.layers]
        found = weights_digest({name: state[name] for name in names})
        if found != self.last.digest:
            raise VerificationError(
                f"verifying a search: the ticket's weights have digest {found[:16]}..., those the search evaluated "
                f"{self.last.digest[:16]}...; something moved that the method {self.method.name} does not declare"
            )
        return report

    def __str__(self) -> str:
        end = self.history[-1] if self.history else None
        told = "" if end is None or end.validation is None else f", validation {_score(end.validation)}"
        return (
            f"{self.method.name}, seed {self.seed}: {self.density:.4f} of {sum(x.size for x in self.network.layers):,} "
            f"random weights kept after {counted(len(self.history), 'epoch')}{told}{self._best_told()}"
        )

    def _best_told(self) -> str:
        """What is to be known where the last epoch is not the best, and why that may be."""
        if self.best_epoch is None or self.best_epoch == len(self.history) - 1:
            return ""
        best, last = self.history[self.best_epoch].validation, self.history[-1].validation
        assert best is not None and last is not None
        lags = any(name.endswith("running_var") for name in self.network.buffers) and not self.method.norms.recalibrated
        fell = best.accuracy is not None and last.accuracy is not None and best.accuracy - last.accuracy > LAG
        why = "; running statistics may lag behind the mask, see slt.search.Recalibrated" if lags and fell else ""
        return f" (ticket: the last epoch's; best_ticket: epoch {self.best_epoch}, {_score(best)}{why})"


def _score(evaluation: Evaluation) -> str:
    return f"loss {evaluation.loss:.4f}" if evaluation.accuracy is None else f"{evaluation.accuracy:.2%}"
