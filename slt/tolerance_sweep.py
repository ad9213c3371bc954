"""Experiments on one trained network of images: its tickets at several tolerances, and how they answer."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from slt import plots
from slt.domains import Box
from slt.records import Record
from slt.runner import Config, Experiment
from slt.weights import Key

if TYPE_CHECKING:
    import torch
    from torch import nn

    from slt.graph_target import GraphTarget

Array = NDArray[np.float64]
EVALUATED = 250  # images at once
CHECKED = 20  # images that the random network itself answers, which is as many times wider as its width says


@final
@dataclass(frozen=True, eq=False)
class TrainedTarget:
    """``target``, its float64 ``answers`` to the test ``images`` (count, channels, side, side) in [0, 1], float64, with
    their ``labels``; ``model_accuracy``: of the model in float32."""

    target: GraphTarget
    images: torch.Tensor
    labels: torch.Tensor
    answers: Array
    model_accuracy: float

    @staticmethod
    def of(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> TrainedTarget:
        """A trained model, read."""
        import torch

        from slt.graph_target import GraphTarget

        target = GraphTarget.of(model, tuple(images.shape[1:]))
        wanted = answers(lambda y: torch.from_numpy(target.forward(y)), images)
        return TrainedTarget(target, images, labels, wanted, accuracy(answers(model, images.float()), labels))


class ToleranceSweep(Experiment):
    """One unit is one tolerance of one trained network.

    ``counted``        what the summary calls the numbers of the target
    ``before, after``  what it calls the model and the target
    """

    counted: ClassVar[str]
    before: ClassVar[str]
    after: ClassVar[str]

    def units(self, config: Config) -> Sequence[Config]:
        shared = {k: v for k, v in config.items() if k != "tolerances"}
        return [{**shared, "tolerance": tolerance} for tolerance in config["tolerances"]]

    @abstractmethod
    def trained(self, unit: Config) -> TrainedTarget:
        """The network of a unit; trained once for all tolerances."""

    def measure(self, unit: Config) -> Mapping[str, Any]:
        return measured(unit, self.name, self.trained(unit))

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        records = _sorted(records)
        tolerance = np.array([r["config"]["tolerance"] for r in records])
        figure, axes = plots.new_figure(1, 3, width=4.2, height=3.4)
        accuracy, errors, size = axes[0]
        accuracy.plot(tolerance, 100 * _column(records, "ticket_accuracy"), "o-", label="ticket")
        accuracy.axhline(
            100 * records[0]["result"]["target_accuracy"], color=plots.GREY, linestyle="--", label="trained target"
        )
        accuracy.set_ylabel(plots.axis_label("test accuracy", "%", "measured"))
        outputs = np.array([r["result"]["output_errors"] for r in records])
        for i, label in enumerate(("output, median image", "output, 90 % of the images", "output, worst image")):
            errors.plot(tolerance, outputs[:, i], "o-", color=plots.PALETTE[i], label=label)
        errors.plot(
            tolerance, _column(records, "largest_residual"), "s:", color=plots.GREY, label="largest weight error"
        )
        errors.set_ylabel(plots.axis_label("error", "1", "measured"))
        errors.set_yscale("log")
        errors.set_ylim(bottom=tolerance.min() / 40)  # room for the legend
        size.plot(
            tolerance, _column(records, "kept") / 1e3, "o-", color=plots.PALETTE[0], label="weights kept, thousands"
        )
        size.plot(
            tolerance,
            _column(records, "file_bytes") / 1e3,
            "o-",
            color=plots.PALETTE[1],
            label="file, thousands of bytes",
        )
        size.axhline(
            records[0]["result"]["target_weights"] / 1e3, color=plots.GREY, linestyle="--",
            label="weights of the target, thousands",
        )  # fmt: skip
        size.set_ylabel(plots.axis_label("size", "1000"))
        for panel in axes[0]:
            panel.set_xscale("log")
            panel.set_xlabel(plots.axis_label("tolerance of each weight", "1"))
            plots.legend(panel)
        return plots.save(figure, folder / self.name)

    def summary(self, records: Sequence[Record]) -> str:
        first = records[0]["result"]
        unit = records[0]["config"]
        lines = [
            f"{unit['data']}, {unit['epochs']} epochs; {first['target_weights']:,} {self.counted}, the largest "
            f"{first['largest_weight']:.2f}; {first['random_weights']:,} random ones (width {unit['width']})",
            f"accuracy on the test images: {self.before} {first['model_accuracy']:.2%}, {self.after} "
            f"{first['target_accuracy']:.2%}",
            "| tolerance | ticket accuracy | same class as target | output error: median, 90 %, worst image | "
            "sums beyond | largest weight error | kept | carried | file bytes |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for record in _sorted(records):
            r = record["result"]
            cells = [
                f"{record['config']['tolerance']:g}",
                f"{r['ticket_accuracy']:.2%}",
                f"{r['same_class']:.2%}",
                ", ".join(f"{e:.3g}" for e in r["output_errors"]),
                f"{r['beyond']} of {r['sums']:,}",
                f"{r['largest_residual']:.4g}",
                f"{r['kept']:,}",
                str(r["carried"]),
                f"{r['file_bytes']:,}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        apart = max(r["result"]["materialised_from_collapsed"] for r in records)
        lines.append(
            f"accuracies of tickets are those of their collapsed weights; the random network itself, in float32 on a "
            f"few images, is within {apart:.2g} of them"
        )
        return "\n".join(lines)


def measured(unit: Config, name: str, wanted: TrainedTarget) -> dict[str, Any]:
    """A ticket for the trained network, verified, and both on all test images."""
    import torch

    from slt.constructions import find_ticket

    ticket = find_ticket(
        wanted.target,
        width=unit["width"],
        seed=Key(unit["seed"]) / name,
        inputs=Box(0.0, 1.0),
        tolerance=unit["tolerance"],
    )
    ticket.verify()
    with tempfile.TemporaryDirectory() as folder:
        file_bytes = ticket.save(Path(folder) / "found.slt").stat().st_size
    got = answers(ticket.collapsed_module(torch.float64), wanted.images)
    materialised = answers(ticket.module(), wanted.images[:CHECKED].float())
    residuals = ticket.residuals()
    errors = residuals.errors
    return {
        "target_weights": wanted.target.weights,
        "largest_weight": max(float(np.abs(v).max()) for v in wanted.target.parameters.values()),
        "model_accuracy": wanted.model_accuracy,
        "target_accuracy": accuracy(wanted.answers, wanted.labels),
        "ticket_accuracy": accuracy(got, wanted.labels),
        "same_class": float(np.mean(wanted.answers.argmax(1) == got.argmax(1))),
        "largest_output": float(np.abs(wanted.answers).max()),
        "output_errors": np.quantile(np.abs(wanted.answers - got).max(axis=1), (0.5, 0.9, 1.0)).tolist(),
        "materialised_from_collapsed": float(np.abs(materialised - got[:CHECKED]).max()),
        "sums": int(errors.size),
        "beyond": int(np.count_nonzero(errors > unit["tolerance"])),
        "median_residual": float(np.median(errors)),
        "largest_residual": float(errors.max()),
        "random_weights": ticket.source_network.weights,
        "kept": ticket.kept,
        "carried": ticket.carried_count,
        "entropy_bytes": ticket.entropy_bits / 8,
        "file_bytes": file_bytes,
        "verified": True,  # or an error above
    }


def answers(network: Callable[[Any], Any], x: torch.Tensor) -> Array:
    """What a network answers, some images at a time."""
    import torch

    with torch.no_grad():
        return np.concatenate([network(y).numpy() for y in torch.split(x, EVALUATED)]).astype(np.float64)


def accuracy(given: Array, labels: torch.Tensor) -> float:
    """The share of answers whose largest number is that of the label."""
    return float(np.mean(given.argmax(axis=1) == labels.numpy()))


def _sorted(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: -r["config"]["tolerance"])


def _column(records: Sequence[Record], name: str) -> Any:
    return np.array([r["result"][name] for r in records])
