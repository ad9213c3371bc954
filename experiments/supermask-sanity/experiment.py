"""Controls of supermasks: shuffled, over other weights, inverted; and what two searches have in common."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slt import plots
from slt.architectures import lenet
from slt.data import digits, mnist
from slt.errors import InputError
from slt.laws import chance_jaccard
from slt.records import Record
from slt.runner import Config, Experiment
from slt.search import Batches, MaskOverlap, fit, sanity, search_again, split

from .methods import preset

DATA = {"mnist": mnist, "digits": digits}


class SupermaskSanity(Experiment):
    """LeNet-300-100 without biases on MNIST, or smaller; controls on the test part, once, at the end."""

    name = "supermask-sanity"
    claim = "a ticket fails when its mask is shuffled or its weights are drawn anew; masks of two searches differ"
    default_config = {  # noqa: RUF012
        "data": "mnist",
        "methods": ["edge-popup", "weight-recycling", "signed-supermask", "concrete", "random-mask"],
        "densities": [0.5, 0.1],
        "hidden": [300, 100],
        "epochs": 5,
        "batch": 128,
        "held": 5000,
        "draws": 19,
        "others": 1,
        "seeds": 1,
    }
    smoke_config = {  # noqa: RUF012
        "data": "digits",
        "methods": ["edge-popup", "random-mask"],
        "densities": [0.5],
        "hidden": [48, 24],
        "epochs": 4,
        "batch": 48,
        "held": 200,
        "draws": 3,
        "others": 1,
        "seeds": 2,
    }

    def units(self, config: Config) -> Sequence[Config]:
        kept = {k: v for k, v in config.items() if k not in ("methods", "densities", "seeds")}
        return [
            {**kept, "method": method, "density": density, "seed": seed}
            for method in config["methods"]
            for density in config["densities"]
            for seed in range(config["seeds"])
        ]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        if unit["data"] not in DATA:
            raise InputError(f"experiment supermask-sanity: data={unit['data']!r} was given; mnist or digits is needed")
        images, method = DATA[unit["data"]](), preset(unit["method"], unit["density"])
        parts = split(images, held=unit["held"])
        train = Batches(*parts.train, batch=unit["batch"], seed=unit["seed"])
        test = Batches(*parts.test, batch=1000, shuffle=False)
        found = fit(lenet(*unit["hidden"], inputs=images.pixels), train, method, unit["epochs"], unit["seed"])
        others = search_again(found, train, [1000 + i for i in range(unit["others"])])
        report = sanity(found, test, others, draws=unit["draws"])
        return {
            "density": report.density,
            "verified": bool(found.verify()),
            "ticket": report.ticket.accuracy,
            "controls": {row.control.name: list(row.scores) for row in report.rows},
            "expectations": {row.control.name: row.control.expectation for row in report.rows},
            "probabilities": {r.control.name: r.probability for r in report.rows if r.probability is not None},
            "overlaps": [_told(overlap) for overlap in report.overlaps],
            "others": [other.evaluate(test).accuracy for other in others],
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        cases = _cases(records)
        figure, axes = plots.new_figure(1, 2, width=6.5, height=1.5 + 0.42 * max(4, len(cases)))
        left, right = axes[0]
        names = list(dict.fromkeys(name for r in records for name in r["result"]["controls"]))
        with plots.style():
            rows = np.arange(len(cases))
            for at, group in zip(rows, cases.values(), strict=True):
                own = [r["result"]["ticket"] for r in group]
                left.plot(own, [at] * len(own), "*", color="black", markersize=8, label="ticket" if not at else None)
                for number, name in enumerate(names):
                    scores = [s for r in group for s in r["result"]["controls"].get(name, ())]
                    left.plot(
                        scores,
                        np.full(len(scores), at + 0.07 * (number - (len(names) - 1) / 2)),
                        linestyle="",
                        markersize=3,
                        color=plots.PALETTE[number % len(plots.PALETTE)],
                        marker=".x"[number // len(plots.PALETTE)],
                        label=name if not at else None,
                    )
                for overlap in (o for r in group for o in r["result"]["overlaps"]):
                    low, high, own = (overlap[name] - overlap["chance"] for name in ("low", "high", "jaccard"))
                    right.plot([low, high], [at, at], color=plots.GREY, linewidth=6, alpha=0.3, solid_capstyle="butt")
                    right.plot(own, at, "o", color=plots.PALETTE[0], markersize=4)
            for panel in (left, right):
                panel.set_yticks(rows, [f"{method}, {density:g}" for method, density in cases])
                panel.set_ylim(len(cases) - 0.5, -0.5)
            left.set_xlim(0, 1)
            left.set_xlabel(plots.axis_label("test accuracy", "1", "measured"))
            left.set_title("tickets and their controls")
            right.axvline(0, color=plots.GREY, linestyle="--")
            right.set_xscale("symlog", linthresh=0.01)
            right.set_xlabel(plots.axis_label("Jaccard index less its mean by chance", "1", "measured"))
            right.set_title("masks from other scores on the same weights; grey: 99 % by chance")
        plots.legend_below(figure, left, columns=4)
        return plots.save(figure, folder / "supermask-sanity")

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for (method, density), group in _cases(records).items():
            lines += [
                "",
                f"{method}, density {density:g}, {len(group)} seeds",
                "",
                "| | median | range | |",
                "|---|---|---|---|",
            ]
            lines.append(_line("ticket", [r["result"]["ticket"] for r in group], ""))
            for name in group[0]["result"]["controls"]:
                scores = [s for r in group for s in r["result"]["controls"][name]]
                reaching = sum(s >= r["result"]["ticket"] for r in group for s in r["result"]["controls"][name])
                told = f"{reaching} of {len(scores)} reach their ticket; {group[0]['result']['expectations'][name]}"
                lines.append(_line(name, scores, told))
            overlaps = [o for r in group for o in r["result"]["overlaps"]]
            if overlaps:
                shared = [o["jaccard"] for o in overlaps]
                above = sum(o["jaccard"] > o["high"] for o in overlaps)
                below = sum(o["jaccard"] < o["low"] for o in overlaps)
                chance = statistics.median(o["chance"] for o in overlaps)
                lines.append(
                    f"\nJaccard index of two searches {statistics.median(shared):.4f} ({min(shared):.4f} to "
                    f"{max(shared):.4f}); chance {chance:.4f}, k/(2 - k) = {float(chance_jaccard(density)):.4f}; "
                    f"{above} of {len(shared)} above the 99 % band of independent masks, {below} below"
                )
        return "\n".join(lines[1:])


def _told(overlap: MaskOverlap) -> dict[str, Any]:
    low, high = overlap.band
    return {
        "jaccard": overlap.jaccard,
        "chance": overlap.chance.expected_jaccard,
        "low": low,
        "high": high,
        "cosine": overlap.cosine,
        "hamming": overlap.hamming,
        "probability": overlap.chance.at_least(overlap.shared),
    }


def _cases(records: Sequence[Record]) -> dict[tuple[str, float], list[Record]]:
    cases: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        cases.setdefault((record["config"]["method"], record["config"]["density"]), []).append(record)
    return cases


def _line(name: str, scores: Sequence[float], told: str) -> str:
    return f"| {name} | {statistics.median(scores):.2%} | {min(scores):.2%} to {max(scores):.2%} | {told} |"


EXPERIMENT = SupermaskSanity()
