"""Supermasks of LeNet-300-100 on MNIST: every search method of the library, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

from .bands import BANDS, Band
from .variants import ALL, variants_of

SHARED = ("data", "hidden", "held", "method", "epochs", "batch", "seed")
MARKERS = "osD^v<>P"
TICKS = (0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


class SupermaskMnist(Experiment):
    """One unit searches one mask and scores its ticket. ``--set method=edge-popup`` runs one method alone."""

    name = "supermask-mnist"
    claim = "masks alone, over random weights that are never trained, classify MNIST like a trained network"
    default_config = {  # noqa: RUF012
        "data": "mnist",
        "method": ALL,
        "hidden": [300, 100],
        "held": 5000,
        "epochs": None,  # the variant's own
        "seeds": 5,
    }
    smoke_config = {"data": "digits", "hidden": [48, 24], "held": 200, "epochs": 2, "seeds": 1}  # noqa: RUF012

    def units(self, config: Config) -> Sequence[Config]:
        return [
            {
                "data": config["data"],
                "hidden": config["hidden"],
                "held": config["held"],
                "method": variant.method,
                **variant.settings,
                "epochs": variant.epochs if config["epochs"] is None else config["epochs"],
                "batch": variant.batch,
                "seed": seed,
            }
            for variant in variants_of(config["method"])
            for seed in range(config["seeds"])
        ]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .searches import searched

        return searched(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(1, 2, width=5.6, height=4.2)
        left, right = axes[0]
        with plots.style():
            methods = list(dict.fromkeys(r["config"]["method"] for r in records))
            for panel in (left, right):
                for i, method in enumerate(methods):
                    colour, marker = plots.PALETTE[i % len(plots.PALETTE)], MARKERS[i % len(MARKERS)]
                    label = method
                    for group in _groups([r for r in records if r["config"]["method"] == method]).values():
                        density, accuracy = _last(group, "density"), _last(group, "test_accuracy")
                        panel.plot(density, accuracy, marker, color=colour, markersize=3, alpha=0.5)
                        panel.plot(
                            np.median(density), np.median(accuracy), marker, color=colour, markersize=6, label=label
                        )
                        label = "_"
                panel.set_xscale("log")
                panel.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
                panel.set_xticks([], minor=True)
                panel.set_xlabel(plots.axis_label("density", "1", "exact"))
                panel.set_ylabel(plots.axis_label("test accuracy, last epoch", "1", "measured"))
            left.set_ylim(0, 1)
            left.set_title("all")
            right.set_ylim(0.9, 0.99)
            right.set_title("the best, and the bands of acceptance")
            for band in BANDS:
                for group in _groups(band.of(records)).values():
                    at = float(np.median(_last(group, "density")))
                    edge, up = (band.low, True) if band.low > 0 else (band.high, False)
                    right.plot([at / 1.25, at * 1.25], [edge, edge], "-", color=plots.GREY, linewidth=1.2)
                    tip = edge + (0.004 if up else -0.004)
                    right.annotate("", (at, tip), (at, edge), arrowprops={"arrowstyle": "->", "color": plots.GREY})
        plots.legend_below(figure, left, 5)
        return plots.save(figure, folder / "supermask-mnist")

    def summary(self, records: Sequence[Record]) -> str:
        lines = [
            "| method | settings | epochs x batch | density | test accuracy, last epoch | best on validation | "
            "file bytes | entropy bound, bytes | patch bytes | carried | CPU s |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        groups = _groups(records)
        for group in groups.values():
            config = group[0]["config"]
            cells = [
                config["method"],
                _settings(config) or "-",
                f"{config['epochs']} x {config['batch']}",
                _spread(_last(group, "density"), "{:.4g}".format),
                _spread(_last(group, "test_accuracy"), "{:.2%}".format),
                _spread(_column(group, "best", "test_accuracy"), "{:.2%}".format),
                *(
                    _spread(_last(group, name), "{:.0f}".format)
                    for name in ("file_bytes", "entropy_bytes", "patch_bytes", "carried")
                ),
                f"{np.median([r['result']['cpu_seconds'] for r in group]):.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        seeds = max(len(group) for group in groups.values())
        lines += [
            "",
            f"median (least to most) over {seeds} seeds; every ticket verified bit by bit (dense is trained)",
            "",
        ]
        for band in BANDS:
            for group in _groups(band.of(records)).values():
                accuracy, density = np.median(_last(group, "test_accuracy")), np.median(_last(group, "density"))
                verdict = "met" if band.holds(accuracy, density) else "NOT met"
                lines.append(f"{band}: {accuracy:.2%} at density {density:.4g}, {verdict}")
        reference = Band("edge-popup", {"density": 0.5, "scale": None}).of(records)
        for method in ("iterand", "weight-recycling"):
            for group in _groups(Band(method, {"density": 0.5}).of(records) if reference else []).values():
                gap = np.median(_last(group, "test_accuracy")) - np.median(_last(reference, "test_accuracy"))
                lines.append(
                    f"{method} ({_settings(group[0]['config'])}) within 0.5 point of edge-popup at 0.5: "
                    f"{100 * gap:+.2f} points, {'met' if abs(gap) <= 0.005 else 'NOT met'}"
                )
        return "\n".join(lines)


def _settings(config: Config) -> str:
    return ", ".join(f"{k} {v}" for k, v in config.items() if k not in SHARED)


def _groups(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records that differ in their seeds alone, in the order of the table of variants."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(repr({k: v for k, v in record["config"].items() if k != "seed"}), []).append(record)
    return groups


def _column(records: Sequence[Record], reading: str, name: str) -> NDArray[np.float64]:
    return np.array([r["result"][reading][name] for r in records], dtype=np.float64)


def _last(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    return _column(records, "last", name)


def _spread(values: NDArray[np.float64], show: Callable[[float], str]) -> str:
    """Median, least and most; one number where they are told alike."""
    median, low, high = (show(float(f(values))) for f in (np.median, np.min, np.max))
    return median if low == median == high else f"{median} ({low} to {high})"


EXPERIMENT = SupermaskMnist()
