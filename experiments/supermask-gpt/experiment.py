"""How large random queries and keys should be: edge-popup in a small decoder of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

SHARED = (
    "data", "layers", "width", "heads", "context", "density", "scale", "deviation",
    "rate", "decay", "warm_up", "least", "batch", "steps", "epochs",
)  # fmt: skip


class SupermaskGpt(Experiment):
    """One unit searches one mask and measures its ticket's loss. ``factors`` multiply both queries and keys."""

    name = "supermask-gpt"
    claim = "masks of a random decoder have the lowest loss where queries and keys are scaled by n_K ** (1/4)"
    default_config = {  # noqa: RUF012
        "data": "tinyshakespeare",
        "layers": 4,
        "width": 128,
        "heads": 4,
        "context": 64,
        "density": 0.3,
        "scale": "none",
        "deviation": 0.04,  # 0.02 at width 512: queries and keys as large as there
        "factors": [1.0, 1.5, 2.0, 3.0, 5.0],  # and n_K ** (1/4)
        "control": True,
        "rate": 1e-2,
        "dense_rate": 1e-3,
        "decay": 0.01,
        "warm_up": 0.02,
        "least": 0.1,
        "batch": 16,
        "steps": 100,
        "epochs": 8,
        "seeds": 1,
    }
    smoke_config = {  # noqa: RUF012
        "data": "alphabet",
        "layers": 1,
        "width": 16,
        "heads": 2,
        "context": 16,
        "factors": [1.0, 4.0],
        "steps": 10,
        "epochs": 2,
        "seeds": 1,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {k: config[k] for k in SHARED}
        factors = sorted({*config["factors"], _predicted(config)})
        cases = [{"method": "edge-popup", "query_key": factor, "logit_scale": None} for factor in factors]
        if config["control"]:  # the same logits as at n_K ** (1/4), by the other way
            cases.append({"method": "edge-popup", "query_key": 1.0, "logit_scale": 1.0})
        cases.append({"method": "dense", "query_key": 1.0, "logit_scale": None, "rate": config["dense_rate"]})
        return [{**shared, **case, "seed": seed} for seed in range(config["seeds"]) for case in cases]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .searches import searched

        return searched(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        config = records[0]["config"]
        figure, axes = plots.new_figure(1, 2, width=5.0)
        left, right = axes[0]
        scaled, control, dense = _cases(records)
        with plots.style():
            losses = {factor: _column(group, "last_validation_loss") for factor, group in scaled.items()}
            for factor, values in losses.items():
                left.plot(np.full(values.size, factor), values, "o", color=plots.PALETTE[0], alpha=0.4)
            medians = [np.median(values) for values in losses.values()]
            left.plot(list(losses), medians, "-", color=plots.PALETTE[0], label="1 / sqrt(n_K) in the logits, median")
            if control:
                values = _column(control, "last_validation_loss")
                label = "logits not divided by sqrt(n_K)"
                left.plot(np.ones(values.size), values, "s", color=plots.PALETTE[1], label=label)
            if dense:
                value = float(np.median(_column(dense, "last_validation_loss")))
                # far below: a line would flatten the rest
                left.set_title(f"masks; with the weights trained {value:.2f}")
            left.axvline(_predicted(config), color=plots.GREY, linestyle="--", label="n_K ** (1/4)")
            left.set_xlabel(plots.axis_label("factor of queries and keys", "1"))
            left.set_ylabel(plots.axis_label("validation loss, last epoch", "nats"))
            left.legend(fontsize=8)
            colours = [*plots.PALETTE, plots.GREY, "black"]
            for i, (factor, group) in enumerate(scaled.items()):
                curves = np.array([r["result"]["validation_by_epoch"] for r in group])
                steps = config["steps"] * np.arange(1, curves.shape[1] + 1)
                colour = colours[i % len(colours)]
                right.plot(steps, np.median(curves, axis=0), color=colour, label=f"factor {factor:.3g}")
            right.set_xlabel(plots.axis_label("step", "1"))
            right.set_ylabel(plots.axis_label("validation loss, median", "nats"))
            right.legend(fontsize=8)
        return plots.save(figure, folder / "supermask-gpt")

    def summary(self, records: Sequence[Record]) -> str:
        scaled, control, dense = _cases(records)
        first = next(iter(scaled.values()))[0]
        config, result = first["config"], first["result"]
        lines = [
            "| factor of queries and keys | logits times | validation loss, last epoch | test loss, last epoch | "
            "best on validation | CPU s |",
            "|---|---|---|---|---|---|",
        ]
        rows = [(f"{factor:.4g}", "1 / sqrt(n_K)", group) for factor, group in scaled.items()]
        rows += [("1", "1 (control)", control)] if control else []
        rows += [("1", "1 / sqrt(n_K) (weights trained)", dense)] if dense else []
        for factor, logits, group in rows:
            cells = [factor, logits]
            cells += [
                _spread(_column(group, name)) if name in group[0]["result"] else "-"
                for name in ("last_validation_loss", "last_test_loss", "best_test_loss")
            ]
            cells.append(f"{np.median(_column(group, 'cpu_seconds')):.0f}")
            lines.append(f"| {' | '.join(cells)} |")
        medians = {factor: float(np.median(_column(g, "last_validation_loss"))) for factor, g in scaled.items()}
        best = min(medians, key=lambda factor: medians[factor])
        seeds = len({r["config"]["seed"] for r in records})
        head, predicted = config["width"] // config["heads"], _predicted(config)
        lines += [
            "",
            f"median (least to most) over {seeds} seeds, nats a character; density {result['density']:.4f} of "
            f"{result['weights']:,} random weights, {result['carried']} numbers carried, a ticket of "
            f"{result['file_bytes']:,} bytes; every ticket verified bit by bit",
            f"lowest median validation loss at the factor {best:.4g} of those tried ({medians[best]:.4f}); n_K ** "
            f"(1/4) = {predicted:.4g} for n_K = {head} has {medians.get(predicted, float('nan')):.4f}",
        ]
        return "\n".join(lines)


def _predicted(config: Config) -> float:
    """n_K ** (1/4) of the heads' own dimension n_K."""
    return float((config["width"] // config["heads"]) ** 0.25)


def _cases(records: Sequence[Record]) -> tuple[dict[float, list[Record]], list[Record], list[Record]]:
    """Records of tickets by factor, least first; those of the control; those of trained weights."""
    scaled: dict[float, list[Record]] = {}
    control, dense = [], []
    for record in sorted(records, key=lambda r: r["config"]["query_key"]):
        if record["config"]["method"] == "dense":
            dense.append(record)
        elif record["config"]["logit_scale"] is None:
            scaled.setdefault(record["config"]["query_key"], []).append(record)
        else:
            control.append(record)
    return scaled, control, dense


def _column(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    return np.array([r["result"][name] for r in records], dtype=np.float64)


def _spread(values: NDArray[np.float64]) -> str:
    median, low, high = (f"{f(values):.4f}" for f in (np.median, np.min, np.max))
    return median if low == median == high else f"{median} ({low} to {high})"


EXPERIMENT = SupermaskGpt()
