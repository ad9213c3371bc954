"""Recycled weights against edge-popup, on narrow Conv4 networks and CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

METHODS = ("edge-popup", "weight-recycling", "dense")
SCALES = ("none", "inverse root density")
PUBLISHED = {  # of 250 epochs; test accuracy by method and width
    "edge-popup": {0.1: 0.507, 0.25: 0.733},
    "weight-recycling": {0.1: 0.598, 0.25: 0.789},
    "dense": {0.1: 0.673, 0.25: 0.811},
}


class SupermaskCifar(Experiment):
    """One unit searches one mask and scores its ticket. Runs take far fewer epochs than the published 250."""

    name = "supermask-cifar"
    claim = "in narrow networks, recycling weights finds better masks than edge-popup at the same density"
    default_config = {  # noqa: RUF012
        "data": "cifar10",
        "widths": [0.1, 0.25],
        "scales": list(SCALES),
        "scaled_widths": [0.1],  # the others run unscaled alone
        "density": 0.5,
        "rate": 0.1,
        "every": 1,
        "dense_rate": 0.01,  # of the trained baseline; no norms, so 0.1 is much
        "epochs": 10,
        "held": 5000,
        "seeds": 1,
    }
    smoke_config = {  # noqa: RUF012
        "data": "digits",
        "scales": ["inverse root density"],
        "scaled_widths": [0.1, 0.25],
        "epochs": 3,
        "held": 200,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {k: config[k] for k in ("data", "epochs", "held")}
        searched = {"density": config["density"]}
        recycling = {k: config[k] for k in ("rate", "every")}
        cases = [{"method": "dense", "scale": "none", "learning_rate": config["dense_rate"]}]
        for scale in config["scales"]:
            cases.append({"method": "edge-popup", "scale": scale, **searched})
            cases.append({"method": "weight-recycling", "scale": scale, **searched, **recycling})
        return [
            {**shared, "width": width, **case, "seed": seed}
            for seed in range(config["seeds"])
            for width in config["widths"]
            for case in cases
            if case["scale"] == "none" or width in config["scaled_widths"]
        ]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .searches import searched

        return searched(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        widths = sorted({r["config"]["width"] for r in records})
        figure, axes = plots.new_figure(1, len(widths), width=5.2, height=4.2)
        with plots.style():
            for panel, width in zip(axes[0], widths, strict=True):
                for i, method in enumerate(METHODS):
                    for scale, dashes in zip(SCALES, ("-", ":"), strict=True):
                        group = _group(records, width, method, scale)
                        if not group:
                            continue
                        curves = np.array([r["result"]["validation_by_epoch"] for r in group])
                        epochs = np.arange(1, curves.shape[1] + 1)
                        panel.plot(epochs, curves.T, dashes, color=plots.PALETTE[i], linewidth=0.6, alpha=0.4)
                        label = "dense, trained" if method == "dense" else f"{method}, scale {scale}"
                        panel.plot(epochs, np.median(curves, axis=0), dashes, color=plots.PALETTE[i], label=label)
                        ends = np.full(len(group), epochs[-1])
                        panel.plot(ends, _column(group, "last_test_accuracy"), "o", color=plots.PALETTE[i])
                for name, dashes in zip(PUBLISHED, (":", "--", "-."), strict=True):
                    if width in PUBLISHED[name]:
                        value = PUBLISHED[name][width]
                        label = f"{name}, published, 250 epochs"
                        panel.axhline(value, color=plots.GREY, linestyle=dashes, linewidth=1, label=label)
                panel.set_xlabel(plots.axis_label("epoch", "1"))
                panel.set_ylabel(plots.axis_label("validation accuracy", "1", "measured"))
                panel.set_title(f"Conv4, width {width:g}; dots: test images, last epoch")
        plots.legend_below(figure, axes[0, 0], 3)  # every scale is run at the first width
        return plots.save(figure, folder / "supermask-cifar")

    def summary(self, records: Sequence[Record]) -> str:
        lines = [
            "| width | weights | method | scale | epochs | test accuracy, last epoch | best on validation | published, "
            "250 epochs | file bytes | entropy bound, bytes | patch bytes | CPU s |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        differences = []
        for width in sorted({r["config"]["width"] for r in records}):
            for scale in SCALES:
                medians = {}
                for method in METHODS:
                    group = _group(records, width, method, scale)
                    if not group:
                        continue
                    medians[method] = float(np.median(_column(group, "last_test_accuracy")))
                    published = PUBLISHED[method].get(width)
                    cells = [
                        f"{width:g}",
                        f"{group[0]['result']['weights']:,}",
                        method,
                        scale,
                        str(group[0]["config"]["epochs"]),
                        _spread(_column(group, "last_test_accuracy")),
                        "-" if method == "dense" else _spread(_column(group, "best_test_accuracy")),
                        "-" if published is None else f"{published:.1%}",
                        *(
                            "-" if name not in group[0]["result"] else f"{np.median(_column(group, name)):.0f}"
                            for name in ("file_bytes", "entropy_bytes", "patch_bytes", "cpu_seconds")
                        ),
                    ]
                    lines.append(f"| {' | '.join(cells)} |")
                if {"edge-popup", "weight-recycling"} <= set(medians):
                    gain = medians["weight-recycling"] - medians["edge-popup"]
                    told = "published gain -"
                    if width in PUBLISHED["edge-popup"]:
                        other = PUBLISHED["weight-recycling"][width] - PUBLISHED["edge-popup"][width]
                        told = f"published {100 * other:+.1f} after 250 epochs"
                    differences.append(
                        f"width {width:g}, scale {scale}: recycling over edge-popup {100 * gain:+.2f} points ({told})"
                    )
        seeds = len({r["config"]["seed"] for r in records})
        lines += ["", f"median (least to most) over {seeds} seeds; every ticket verified bit by bit", "", *differences]
        return "\n".join(lines)


def _group(records: Sequence[Record], width: float, method: str, scale: str) -> list[Record]:
    wanted = {"width": width, "method": method, "scale": scale}
    return [r for r in records if wanted.items() <= r["config"].items()]


def _column(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    return np.array([r["result"][name] for r in records], dtype=np.float64)


def _spread(values: NDArray[np.float64]) -> str:
    median, low, high = (f"{f(values):.2%}" for f in (np.median, np.min, np.max))
    return median if low == median == high else f"{median} ({low} to {high})"


EXPERIMENT = SupermaskCifar()
