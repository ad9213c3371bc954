"""A trained ResNet-8 with its batch norms folded, and tickets that answer as it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment


class Resnet8(Experiment):
    """One unit is one tolerance of one trained network."""

    name = "resnet8"
    claim = (
        "a residual network with batch norms is matched by pruning one fixed random network of 1x1 convolutions and "
        "convolutions: accuracy is kept as soon as every weight is within a small tolerance, and nothing of the norms "
        "is carried"
    )
    default_config: ClassVar[Config] = {
        "data": "cifar10-jpeg",
        "stages": [16, 32, 64],
        "epochs": 4,
        "width": 64,
        "tolerances": [0.3, 0.1, 0.03, 0.01, 0.003],
        "seed": 0,
    }
    smoke_config: ClassVar[Config] = {"data": "digits", "stages": [2, 4], "epochs": 1, "width": 24, "tolerances": [0.1]}

    def units(self, config: Config) -> Sequence[Config]:
        shared = {k: config[k] for k in ("data", "stages", "epochs", "width", "seed")}
        return [{**shared, "tolerance": tolerance} for tolerance in config["tolerances"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .networks import measured

        return measured(unit)

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
            f"{unit['data']}, {unit['epochs']} epochs; {first['target_weights']:,} weights after folding, the largest "
            f"{first['largest_weight']:.2f}; {first['random_weights']:,} random ones (width {unit['width']})",
            f"accuracy on the test images: model {first['model_accuracy']:.2%}, folded target "
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


def _sorted(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: -r["config"]["tolerance"])


def _column(records: Sequence[Record], name: str) -> Any:
    return np.array([r["result"][name] for r in records])


EXPERIMENT = Resnet8()
