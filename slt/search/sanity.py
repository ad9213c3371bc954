"""The sanity suite: is it the mask, on these weights, that makes a ticket work?"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch

from slt.errors import InputError
from slt.search.controls import CONTROLS, Control, ControlNetwork
from slt.search.evaluation import Evaluation, evaluate, on_device
from slt.search.fit import fit
from slt.search.found import Found
from slt.search.mask_overlap import MaskOverlap
from slt.search.passes import default_generator, own_randomness
from slt.search.reading import weights_digest
from slt.weights import Key


@final
@dataclass(frozen=True)
class ControlRow:
    """A control beside the ticket. ``scores``: accuracies, one a draw, or losses where there are no classes."""

    control: Control
    scores: tuple[float, ...]
    ticket: float
    higher_is_better: bool

    @property
    def median(self) -> float:
        return statistics.median(self.scores)

    @property
    def reaching(self) -> int:
        """How many draws are as good as the ticket or better."""
        return sum((s >= self.ticket) if self.higher_is_better else (s <= self.ticket) for s in self.scores)

    @property
    def probability(self) -> float | None:
        """That a ticket no different from these draws would rank as this one does or higher: an exact permutation
        test, (1 + reaching) / (1 + draws). None where the draws are not exchangeable with the ticket."""
        return (1 + self.reaching) / (1 + len(self.scores)) if self.control.exchangeable else None

    @property
    def verdict(self) -> str:
        """In words; a control without draws or without a level is not judged."""
        n = len(self.scores)
        if self.reaching:
            which = "it reaches" if n == 1 else f"{self.reaching} of {n} draws reach"
            told = f"{which} the ticket"
        else:
            gap = min(abs(self.ticket - score) for score in self.scores)
            amount, where = (f"{100 * gap:.2f} points", "below") if self.higher_is_better else (f"{gap:.4g}", "above")
            told = f"{where} the ticket, by {amount}" if n == 1 else f"all {n} draws {where} it, by {amount} or more"
        return told if self.probability is None else f"{told} (p = {self.probability:.3g})"


@final
@dataclass(frozen=True)
class SanityReport:
    """``ticket``: what the ticket's own module scores; ``rows``: its controls; ``overlaps``: its mask against those of
    searches from other scores on the same weights; ``notes``: what to know when reading it."""

    method: str
    density: float
    ticket: Evaluation
    rows: tuple[ControlRow, ...]
    overlaps: tuple[MaskOverlap, ...]
    notes: tuple[str, ...]

    def row(self, name: str) -> ControlRow:
        """The row of the control called so."""
        for row in self.rows:
            if row.control.name == name:
                return row
        known = ", ".join(row.control.name for row in self.rows)
        raise InputError(f"there is no control {name!r} in this report; it has {known}")

    def __str__(self) -> str:
        classes = self.ticket.accuracy is not None

        def shown(score: float) -> str:
            return f"{score:.2%}" if classes else f"{score:.4g}"

        own = self.ticket.accuracy if self.ticket.accuracy is not None else self.ticket.loss
        head = ("", "accuracy" if classes else "loss", "range", "verdict; a ticket that is one would show")
        table = [head, (f"ticket ({self.method}, {self.density:.4f} kept)", shown(own), "", "")]
        for row in self.rows:
            spread = f"{shown(min(row.scores))} to {shown(max(row.scores))}" if len(row.scores) > 1 else ""
            table.append((row.control.name, shown(row.median), spread, f"{row.verdict}; {row.control.expectation}"))
        widths = [max(len(line[i]) for line in table) for i in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {score:>{widths[1]}}  {spread:<{widths[2]}}  {verdict}".rstrip()
            for name, score, spread, verdict in table
        ]
        if self.overlaps:
            lines += ["", "masks of searches from other scores on the same weights, band of independent masks at 99 %"]
            lines += [f"  {overlap}" for overlap in self.overlaps]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def sanity(
    found: Found,
    loader: Iterable[Any],
    others: Sequence[Found] = (),
    draws: int = 19,
    calibration: Iterable[Any] | None = None,
    controls: Sequence[Control] = CONTROLS,
) -> SanityReport:
    """Scores the ticket of the last epoch and its controls on ``loader``, which must not be the training data.

    ``others``: searches of the same random network from other scores, as ``search_again`` makes; their masks are
    compared with the ticket's. ``draws``: of every random control; with 19, a mask that owes nothing to its weights
    outranks all shuffles of it with probability 0.05. ``calibration``: batches, from which every control of a network
    with running statistics takes its own; without them it has the ticket's, which were made under another mask.

    Deterministic: the controls' draws come from the search's seed. Raises InputError for searches that do not compare
    and where the network no longer has the mask of the last epoch.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise InputError(f"a sanity suite needs at least one draw of a control; draws={draws!r} was given")
    _check(found)
    overlaps = tuple(MaskOverlap.of(found, other) for other in others)
    ticket = found.evaluate(loader)
    classes = ticket.accuracy is not None
    rows = []
    for control in controls:
        if not control.applies(found):
            continue
        scores = []
        for draw in range(draws if control.random else 1):
            key = Key(found.seed) / "sanity" / control.name / str(draw)
            scored = _score(found, control.network(found, key), loader, calibration)
            scores.append(scored.loss if scored.accuracy is None else scored.accuracy)
        own = ticket.loss if ticket.accuracy is None else ticket.accuracy
        rows.append(ControlRow(control, tuple(scores), own, classes))
    return SanityReport(
        found.method.name, found.density, ticket, tuple(rows), overlaps, _notes(found, calibration is not None)
    )


def search_again(found: Found, loader: Iterable[Any], score_seeds: Iterable[int]) -> list[Found]:
    """The same search of the same random network on its training ``loader``, once from the scores of each seed."""
    epochs, device = len(found.history), found.network.device
    return [
        fit(
            found.network.architecture,
            loader,
            found.method,
            epochs,
            found.seed,
            found.loss,
            device=device,
            score_seed=score_seed,
        )
        for score_seed in score_seeds
    ]


def _score(
    found: Found, control: ControlNetwork, loader: Iterable[Any], calibration: Iterable[Any] | None
) -> Evaluation:
    network = found.network
    with torch.no_grad():
        weights = control.weights(found)
        buffers = None if calibration is None else _statistics(found, weights, calibration)
        return evaluate(
            lambda x: network(x, weights, training=False, buffers=buffers), loader, found.loss, network.device
        )


def _statistics(found: Found, weights: dict[str, torch.Tensor], batches: Iterable[Any]) -> dict[str, torch.Tensor]:
    """Buffers whose running statistics are plain averages over ``batches`` under these weights."""
    network = found.network
    with own_randomness(network.device):
        default_generator(network.device).manual_seed(found.seed)  # dropout
        return network.statistics(weights, (on_device(batch, network.device)[0] for batch in batches))


def _check(found: Found) -> None:
    with torch.no_grad():
        digest = weights_digest(ControlNetwork.of(found).weights(found))
    if digest != found.last.digest:
        raise InputError(
            f"the sanity suite of a search by {found.method.name}: its network no longer has the mask of its last "
            "epoch (a search that stopped on an error?); give what fit returned"
        )


def _notes(found: Found, calibrated: bool) -> tuple[str, ...]:
    notes = []
    if any(name.endswith("running_mean") for name in found.network.buffers):
        notes.append(
            "running statistics of every control are its own, taken from the calibration batches"
            if calibrated
            else "controls have the ticket's running statistics, made under another mask: part of what they lose may "
            "be that; give calibration batches"
        )
    if any(layer.origins is not None or layer.events is not None for layer in found.network.layers):
        notes.append("re-drawn weights are fresh draws of the law; what the search copied or re-drew is not repeated")
    return tuple(notes)
