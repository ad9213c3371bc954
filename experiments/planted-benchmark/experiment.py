"""Known tickets hidden in random networks: who finds them, and how well what is found does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

from .variants import DEFECT, DENSE, PLANTED, TASKS, units_of

MARKERS = "osD^v<>PXd"
SCORES = ("strong_raw", "strong_readout", "weak_raw", "weak_readout")
LOWEST = {"relu": 1e-16, "helix": 1e-5}  # of the axes; the planted unit's own error is round-off
TOLD = {
    "strong_raw": "strong, raw",
    "strong_readout": "strong, read-out",
    "weak_raw": "weak, raw",
    "weak_readout": "weak, read-out",
}


class PlantedBenchmark(Experiment):
    """One unit hides one target, lets one method look for it, and scores what it found."""

    name = "planted-benchmark"
    claim = "planted tickets that sizes do not give away and the metric favours are found by no method at their density"
    default_config = {  # noqa: RUF012
        "tasks": list(TASKS),
        "depths": [5, 3, 10],
        "densities": [None, 0.01, 0.1, 0.5],
        "width": 100,
        "examples": 10_000,
        "epochs": 10,
        "batch": 128,
        "seeds": 3,
    }
    smoke_config = {  # noqa: RUF012
        "tasks": ["circle"], "depths": [3], "densities": [None], "width": 24, "examples": 300, "epochs": 2, "seeds": 1,
    }  # fmt: skip

    def units(self, config: Config) -> Sequence[Config]:
        return units_of(config)

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .searches import measured

        return measured(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        main = _main_depth(records)
        tasks = [t for t in TASKS if any(r["config"]["task"] == t for r in records)]
        figure, axes = plots.new_figure(3, len(tasks), width=5.0, height=3.6)
        methods = [m for m in _methods(records) if m not in (PLANTED, DEFECT, DENSE)]
        for column, task in enumerate(tasks):
            rows = [r for r in records if r["config"]["task"] == task and r["config"]["depth"] == main]
            for row, score in enumerate(("strong_raw", "strong_readout", "weak_raw")):
                _panel(axes[row, column], rows, methods, score, task)
        _level_legend(figure, axes, len(tasks))
        return plots.save(figure, folder / "planted-benchmark")

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for task in TASKS:
            for depth in _depths(records):
                rows = [r for r in records if r["config"]["task"] == task and r["config"]["depth"] == depth]
                if rows:
                    lines += _table(task, depth, rows)
        return "\n".join(lines + _verdicts(records))


def _main_depth(records: Sequence[Record]) -> int:
    depths = [int(r["config"]["depth"]) for r in records]
    return max(set(depths), key=depths.count)


def _depths(records: Sequence[Record]) -> list[int]:
    return list(dict.fromkeys(r["config"]["depth"] for r in records))


def _methods(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(r["config"]["method"] for r in records))


def _panel(axes: Any, rows: Sequence[Record], methods: Sequence[str], score: str, task: str) -> None:
    with plots.style():
        for i, method in enumerate(methods):
            groups = _by_density([r for r in rows if r["config"]["method"] == method and score in r["result"]])
            if not groups:
                continue
            x = [np.median([r["result"]["density"] for r in g]) for g in groups]
            y = np.array([[r["result"][score] for r in g] for g in groups])
            colour = plots.PALETTE[i % len(plots.PALETTE)]
            line = "--" if i >= len(plots.PALETTE) else "-"
            axes.plot(x, np.median(y, axis=1), line, marker=MARKERS[i % len(MARKERS)], color=colour, label=method)
            for column in y.T:
                axes.plot(x, column, ".", color=colour, markersize=2, alpha=0.6)
        planted = [r["result"]["strong_raw"] for r in rows if r["config"]["method"] == PLANTED]
        dense = [r["result"]["weak_raw"] for r in rows if r["config"]["method"] == DENSE]
        if planted:
            axes.axhline(np.median(planted), color=plots.GREY, linestyle="--", linewidth=1.2, label="planted mask, raw")
        if dense:
            axes.axhline(np.median(dense), color=plots.GREY, linestyle=":", linewidth=1.2, label="all weights, trained")
        axes.set_xscale("log")
        axes.set_xlabel(plots.axis_label("density", "1", "exact"))
        if task == "circle":
            axes.set_ylim(0, 1.03)
        else:
            axes.set_yscale("log")
            axes.set_ylim(LOWEST[task], 1e11 if score == "strong_raw" else 1.0)
        metric = "test accuracy" if task == "circle" else "test squared error"
        axes.set_ylabel(plots.axis_label(metric, "1", "measured"))
        axes.set_title(f"{task}: {TOLD[score]}")


def _level_legend(figure: Any, axes: Any, columns: int) -> None:
    handles: dict[str, Any] = {}
    for panel in axes.reshape(-1):
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    with plots.style():
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=min(4, len(handles)))


def _by_density(records: Sequence[Record]) -> list[list[Record]]:
    groups: dict[float, list[Record]] = {}
    for record in records:
        asked = record["config"].get("density")
        groups.setdefault(-1.0 if asked is None else asked, []).append(record)
    return [groups[key] for key in sorted(groups)]


def _table(task: str, depth: int, rows: Sequence[Record]) -> list[str]:
    metric = "test accuracy" if task == "circle" else "test squared error"
    lines = [
        f"**{task}, depth {depth}** ({metric}; median, least to most)",
        "",
        "| method | density | " + " | ".join(TOLD.values()) + " | Jaccard with the planted mask (chance) |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in _methods(rows):
        for group in _by_density([r for r in rows if r["config"]["method"] == method]):
            cells = [method, f"{np.median([r['result']['density'] for r in group]):.3g}"]
            cells += [_spread([r["result"][s] for r in group if s in r["result"]], task) for s in SCORES]
            jaccard = [r["result"]["jaccard"] for r in group if "jaccard" in r["result"]]
            chance = [r["result"]["chance_jaccard"] for r in group if "jaccard" in r["result"]]
            cells.append(f"{np.median(jaccard):.3g} ({np.median(chance):.3g})" if jaccard else "-")
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _spread(values: Sequence[float], task: str) -> str:
    if not values:
        return "-"
    show = "{:.3f}".format if task == "circle" else "{:.3g}".format
    middle, low, high = (show(float(f(values))) for f in (np.median, np.min, np.max))
    return middle if low == high else f"{middle} ({low} to {high})"


def reached(score: float, planted: float, task: str) -> bool:
    """As good as the planted mask: within 0.02 of its accuracy; at most twice its squared error, or, where that is
    smaller than the noise of the labels, at most the noise's."""
    return score >= planted - 0.02 if task == "circle" else score <= max(2 * planted, 1e-4)


def _verdicts(records: Sequence[Record]) -> list[str]:
    """Which methods are as good as the planted mask in the median, and whose masks are nearer to it than chance."""
    lines = []
    for task in TASKS:
        for depth in _depths(records):
            rows = [r for r in records if r["config"]["task"] == task and r["config"]["depth"] == depth]
            planted = [r["result"]["strong_raw"] for r in rows if r["config"]["method"] == PLANTED]
            if not planted:
                continue
            for score in SCORES:
                told = []
                for method in _methods(rows):
                    if method in (PLANTED, DEFECT, DENSE):
                        continue
                    for group in _by_density([r for r in rows if r["config"]["method"] == method]):
                        values = [r["result"][score] for r in group if score in r["result"]]
                        if values and reached(float(np.median(values)), float(np.median(planted)), task):
                            told.append(f"{method} at {np.median([r['result']['density'] for r in group]):.2g}")
                if any(score in r["result"] for r in rows):
                    lines.append(
                        f"{task}, depth {depth}, {TOLD[score]}: as good as the planted mask: "
                        f"{'; '.join(told) if told else 'none'}"
                    )
    searched = [r for r in records if r["config"]["method"] not in (PLANTED, DEFECT, DENSE)]
    nearer = [r for r in searched if r["result"]["jaccard"] > r["result"]["chance_high"]]
    told = ", ".join(
        f"{r['config']['task']} {r['config']['depth']} {r['config']['method']} "
        f"{r['result']['jaccard']:.3g} ({r['result']['chance_jaccard']:.3g})"
        for r in nearer
        if r["config"]["density"] is None
    )
    lines.append(
        f"masks above the band of independent ones (level 0.99, so one in 200 by chance): {len(nearer)} of "
        f"{len(searched)}; at the planted density {told if told else 'none'}"
    )
    for depth in _depths(records):
        sizes = [r["result"]["detectability"] for r in records
                 if r["config"]["method"] == PLANTED and r["config"]["depth"] == depth]  # fmt: skip
        if sizes:
            flat = [auc for row in sizes for auc in row]
            lines.append(
                f"depth {depth}: a detector by size, area under the curve in every layer: {min(flat):.3f} to "
                f"{max(flat):.3f}"
            )
    return lines


EXPERIMENT = PlantedBenchmark()
