"""Every law of random subset sums beside what exact solvers find, for four laws of items; one panel a prediction."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from slt import laws, plots
from slt.laws import proportion_band, quantile_band
from slt.records import Record
from slt.runner import Config, Experiment
from slt.weights import Key

from .predictions import PANELS, PROBABILITIES, QUANTILES, TAIL, Panel
from .samples import ITEMS, MEASUREMENTS, UNIT, Array

LEVEL = 0.99
SURE = 0.999  # refuted: more bands miss the law than independent bands of a true law would with this probability
SHORT = {"uniform": "U", "normal": "N", "product of uniforms": "UU", "product of normals": "NN"}
NO_SETTING = ("measure", "items", "draws", "seed", "x")
Verdict = tuple[float, float, int, int, bool]


class SubsetSumLaws(Experiment):
    name = "subset-sum-laws"
    claim = (
        "What exact solvers find in random subset sums follows the laws of slt.laws, in which nothing is fitted: P1, "
        "P2, P4 to P9, P15 to P20 and P27, for items uniform, normal and products of two of either."
    )
    default_config: ClassVar[Config] = {
        "seed": 0, "draws": 20000, "largest": 24, "items": list(ITEMS), "measurements": list(MEASUREMENTS),
    }  # fmt: skip
    smoke_config: ClassVar[Config] = {"draws": 1000, "largest": 14, "items": ["uniform", "product of normals"]}

    def units(self, config: Config) -> Sequence[Config]:
        """A curve each. Points beyond ``largest`` are left out where they count items."""
        found = []
        for name in config["measurements"]:
            kind = MEASUREMENTS[name]
            for items in [i for i in config["items"] if i in kind.items]:
                for line in kind.lines:
                    counts_items = not {"n", "bins", "free"} & set(line)
                    x = [point for point in line["x"] if not counts_items or point <= config["largest"]]
                    if max(line.get("n", 0), line.get("free", 0)) <= config["largest"]:
                        draws = round(kind.share * config["draws"])
                        common = {"measure": name, "items": items, "draws": draws, "seed": config["seed"]}
                        found.append({**common, **line, "x": x})
        return found

    def measure(self, unit: Config) -> dict[str, Any]:
        """Events counted, or quantiles and geometric mean of errors with bands of level 0.99, a row for each point.

        The points of a curve and the curves of a measurement share their draws. For errors of 14 items also how many
        exceed 4^k 2^-16.
        """
        key = Key(unit["seed"]) / self.name / unit["measure"] / unit["items"]
        samples = MEASUREMENTS[unit["measure"]].sample(key, unit)
        if samples[0].dtype == bool:
            return {"trials": len(samples[0]), "hits": [int(np.count_nonzero(s)) for s in samples]}
        result = {
            "quantiles": [[_band(quantile_band(s, p, LEVEL)) for p in PROBABILITIES] for s in samples],
            "mean_log": [_mean_log(s) for s in samples],
            "exact_hits": sum(int(np.count_nonzero(s == 0)) for s in samples),
        }
        if unit["measure"] == "single" and TAIL in unit["x"]:
            errors = samples[list(unit["x"]).index(TAIL)]
            limits = 4.0 ** np.arange(-8, 1)
            result["beyond"] = [[t, int(np.count_nonzero(errors > t))] for t in limits.tolist()]
        return result

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*_draw(records, folder / "laws", _draw_curves), *_draw(records, folder / "ratios", _draw_ratios)]

    def summary(self, records: Sequence[Record]) -> str:
        """For every prediction the range of measured / predicted (of probabilities: measured - predicted) at the
        points that count, with how many bands hold it, and what is refuted."""
        draws = max(r["config"]["draws"] for r in records)
        lines = [f"measured / predicted; up to {draws:,} draws, bands of level {LEVEL}, held / all in brackets"]
        for panel in PANELS:
            for items, verdicts in _verdicts(records, panel).items():
                told = [
                    f"{q} {low:.3f}..{high:.3f} [{held}/{all_}]" for q, (low, high, held, all_, _) in verdicts.items()
                ]
                if told:
                    lines.append(f"{panel.name} {panel.title}, {SHORT[items]}: " + ", ".join(told))
            lines.append(f"{panel.name}: {_verdict_text(records, panel)}")
        return "\n".join(lines)


def _band(band: laws.Band) -> list[float]:
    return [band.estimate, band.low, band.high]


def _mean_log(errors: Array) -> list[float]:
    """The geometric mean with its band; an exact hit counts as half a step of the lattice."""
    logs = np.log(np.maximum(errors, 0.5 / UNIT))
    half = 2.5758293035489004 * logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else np.inf
    return [float(np.exp(logs.mean() + side * half)) for side in (0, -1, 1)]


@dataclass(frozen=True)
class Curve:
    """Points (S,), measured (S, Q, 3): estimate, low, high, and the law's (S, Q), for the quantities of a panel."""

    items: str
    label: str
    x: list[Any]
    measured: Array
    law: Array


def _curves(records: Sequence[Record], panel: Panel) -> list[Curve]:
    found = []
    for record in records:
        unit, result = record["config"], record["result"]
        if unit["measure"] != ("single" if panel.data == "tail" else panel.data) or not panel.chosen(unit):
            continue
        x = unit["x"]
        if panel.data == "tail":
            if "beyond" not in result:
                continue
            x, hits, trials = [t for t, _ in result["beyond"]], [c for _, c in result["beyond"]], unit["draws"]
            measured = np.array([[_band(proportion_band(c, trials, LEVEL))] for c in hits])
        elif "hits" in result:
            measured = np.array([[_band(proportion_band(c, result["trials"], LEVEL))] for c in result["hits"]])
        elif panel.quantities == QUANTILES:
            measured = np.array(result["quantiles"])
        else:
            measured = np.array(result["mean_log"])[:, None]
        setting = {k: v for k, v in unit.items() if k not in NO_SETTING}
        law = _law(panel.name, unit["items"], tuple(setting.items()), tuple(x))
        found.append(Curve(unit["items"], _label(setting), x, measured, law))
    return found


@cache
def _law(name: str, items: str, setting: tuple[tuple[str, Any], ...], x: tuple[Any, ...]) -> Array:
    (panel,) = (p for p in PANELS if p.name == name)
    return panel.law(ITEMS[items], dict(setting), x)


def _label(setting: Mapping[str, Any]) -> str:
    if set(setting) == {"target"}:
        return "uniform targets" if setting["target"] is None else f"target {setting['target']:g}"
    if "slack" in setting:
        return f"{setting['slack']:g}{' |x|' if setting['in proportion'] else ''}"
    return ", ".join(f"{k} {v:g}" for k, v in setting.items() if k != "tolerance") or "measured"


def _is_chance(panel: Panel) -> bool:
    return tuple(panel.quantities) == ("P",)


def _verdicts(records: Sequence[Record], panel: Panel) -> dict[str, dict[str, Verdict]]:
    """By items and quantity: smallest, largest ratio (or difference), bands that hold the law, all bands, refuted."""
    from scipy.stats import binom

    found: dict[str, dict[str, Verdict]] = {}
    curves = _curves(records, panel)
    for items in dict.fromkeys(c.items for c in curves):
        found[items] = {}
        for i, quantity in enumerate(panel.quantities):
            rows = [
                (*c.measured[s, i], c.law[s, i])
                for c in curves
                if c.items == items
                for s, point in enumerate(c.x)
                if panel.counted(point)
            ]
            if rows:
                value, low, high, law = np.array(rows).T
                off = value - law if _is_chance(panel) else value / law
                # a hair, for laws that are exactly 0 or 1
                held = int(np.count_nonzero((low - 1e-9 <= law) & (law <= high + 1e-9)))
                refuted = len(rows) - held > binom.ppf(SURE, len(rows), 1 - LEVEL)
                found[items][quantity] = (float(off.min()), float(off.max()), held, len(rows), bool(refuted))
    return found


def _verdict_text(records: Sequence[Record], panel: Panel) -> str:
    parts = []
    for items, verdicts in _verdicts(records, panel).items():
        bad = [q.removesuffix(" %") for q, v in verdicts.items() if v[-1]]
        if bad:
            which = (
                "" if len(panel.quantities) == 1 else " all" if len(bad) == len(QUANTILES) else f" {', '.join(bad)} %"
            )
            parts.append(SHORT[items] + which)
    return f"refuted: {'; '.join(parts)}" if parts else "not refuted"


def _draw(records: Sequence[Record], path: Path, draw: Callable[..., None]) -> list[Path]:
    panels = [panel for panel in PANELS if _curves(records, panel)]
    columns = min(4, len(panels))
    figure, axes = plots.new_figure(-(-len(panels) // columns), columns, width=3.6, height=3.2)
    for place, panel in zip(axes.ravel(), panels, strict=False):
        draw(place, panel, _curves(records, panel))
        verdict = textwrap.fill(_verdict_text(records, panel), 48)
        place.set_title(f"{panel.name}: {panel.title}\n{verdict}", fontsize=8)
        unit = "units of the items" if panel.axis == "error t" else "1"
        place.set_xlabel(plots.axis_label(panel.axis, unit))
        if panel.axis in ("instances", "error t"):
            place.set_xscale("log", base=10 if panel.axis == "instances" else 2)
    for place in axes.ravel()[len(panels) :]:
        place.set_axis_off()
    return plots.save(figure, path)


def _draw_curves(place: Any, panel: Panel, curves: Sequence[Curve]) -> None:
    """Uniform items: what is measured, with its band, and the law."""
    i = panel.shown
    for number, curve in enumerate(c for c in curves if c.items == curves[0].items):
        measured = curve.measured[:, i].copy()
        if panel.data == "tail":  # on a logarithmic axis
            measured[measured[:, 0] == 0] = np.nan
        plots.curve_with_band(place, curve.x, *measured.T, label=curve.label)
        plots.predicted(place, curve.x, curve.law[:, i], "law" if number == 0 else "_")
    if _is_chance(panel):
        place.set_ylim(*((1e-4, 2) if panel.data == "tail" else (-0.05, 1.05)))
        if panel.data == "tail":
            place.set_yscale("log")
    else:
        plots.log2_axis(place)
    what = "chance" if _is_chance(panel) else f"error, {QUANTILES[1] if i else 'geometric mean'}"
    place.set_ylabel(plots.axis_label(what, "1" if _is_chance(panel) else "units of the items"))
    place.legend(fontsize=6)


def _draw_ratios(place: Any, panel: Panel, curves: Sequence[Curve]) -> None:
    """All items: measured / predicted, or measured - predicted for chances; every curve a line of its items' colour."""
    i, chance = panel.shown, _is_chance(panel)
    for colour, items in zip(plots.PALETTE, ITEMS, strict=False):
        for number, curve in enumerate(c for c in curves if c.items == items):
            law = curve.law[:, i, None]
            off = curve.measured[:, i] - law if chance else curve.measured[:, i] / law
            # of a tail only where its law is to hold
            there = [s for s, point in enumerate(curve.x) if panel.data != "tail" or panel.counted(point)]
            x = np.array(curve.x)[there]
            plots.curve_with_band(place, x, *off[there].T, "_" if number else SHORT[items], colour)
    place.axhline(0.0 if chance else 1.0, linestyle="--", color=plots.GREY, zorder=3)
    if not chance:
        place.set_yscale("log", base=2)
        place.set_ylim(0.5, 2.0)
        place.set_yticks([0.5, 0.7, 1.0, 1.4, 2.0], ["0.5", "0.7", "1", "1.4", "2"])
    what = "measured - law, chance" if chance else f"measured / law, {QUANTILES[1] if i else 'geometric mean'}"
    place.set_ylabel(plots.axis_label(what, "1"))
    place.legend(fontsize=6)


EXPERIMENT = SubsetSumLaws()
