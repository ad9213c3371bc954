"""What the records show: a figure and a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slt import plots
from slt.records import Record

PUBLISHED_SINE = {"knots": 21, "error": 0.01119, "kept": 436, "random": 68_292}
PUBLISHED_POWERS = (5.98e-4, 5.83e-4, 9.09e-4, 1.11e-3)
MEDIAN = 1
NAMES = {
    "absorbed": "inner errors absorbed",
    "sparse": "absorbed, fewest items",
    "fixed": "fixed network, all sums",
}
FAMILIES = ("polynomials", "sums of sines", "neither")


def _of(records: Sequence[Record], measure: str, **config: Any) -> list[Record]:
    wanted = {"measure": measure, **config}
    return [r for r in records if all(r["config"].get(k) == v for k, v in wanted.items())]


def _by_knots(records: Sequence[Record]) -> dict[str, list[Record]]:
    rows = _of(records, "univariate")
    # the width at which all functions were measured
    width = next(r["config"]["width"] for r in rows if r["config"]["function"] != "sine")
    found: dict[str, list[Record]] = {}
    for r in sorted(rows, key=lambda r: r["config"]["knots"]):
        if r["config"]["width"] == width:
            found.setdefault(r["config"]["function"], []).append(r)
    return found


def _by_width(records: Sequence[Record]) -> list[Record]:
    rows = _of(records, "univariate", function="sine", knots=PUBLISHED_SINE["knots"])
    return sorted(rows, key=lambda r: r["config"]["width"])


def _medians(rows: Sequence[Record], way: str, name: str) -> Any:
    return np.array([r["result"][way][name][MEDIAN] for r in rows], dtype=np.float64)


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    figure, axes = plots.new_figure(2, 2, width=5.4, height=4.0)
    _draw_knots(axes[0, 0], records)
    _draw_widths(axes[0, 1], records)
    _draw_products(axes[1, 0], records)
    _draw_tasks(axes[1, 1], records)
    return plots.save(figure, folder / "universal-tickets")


def _draw_knots(panel: Any, records: Sequence[Record]) -> None:
    for i, (name, rows) in enumerate(_by_knots(records).items()):
        knots = [r["config"]["knots"] for r in rows]
        plots.curve_with_band(panel, knots, *_medians(rows, "absorbed", "error").T, label=name)
        law = [r["result"]["law"] for r in rows]
        plots.predicted(panel, knots, law, "law: max|f''| length² / (8 knots²)" if i == 0 else "_")
    plots.log2_axis(panel, "both")
    panel.set_title("univariate blocks, inner weights up to 50 % off")
    panel.set_xlabel(plots.axis_label("knots", "intervals"))
    panel.set_ylabel(plots.axis_label("largest error, measured", "output"))
    plots.legend(panel)


def _draw_widths(panel: Any, records: Sequence[Record]) -> None:
    rows = _by_width(records)
    widths = [r["config"]["width"] for r in rows]
    for way, label in NAMES.items():
        live = _medians(rows, way, "live")[-1, 0]
        plots.curve_with_band(
            panel, widths, *_medians(rows, way, "error").T, label=f"{label} ({live:.0f} weights at {widths[-1]})"
        )
    plots.predicted(panel, widths, [r["result"]["law"] for r in rows], "law of interpolation")
    plots.log2_axis(panel)
    panel.set_title("sine, 21 knots")
    panel.set_xlabel(plots.axis_label("width", "random units a coordinate"))
    panel.set_ylabel(plots.axis_label("largest error, measured", "output"))
    plots.legend(panel)


def _draw_products(panel: Any, records: Sequence[Record]) -> None:
    rows = sorted(_of(records, "product"), key=lambda r: r["config"]["log_knots"])
    knots = [r["config"]["log_knots"] for r in rows]
    plots.curve_with_band(panel, knots, *np.array([r["result"]["ticket"][0][MEDIAN] for r in rows]).T, label="ticket")
    plots.predicted(panel, knots, [r["result"]["law"][0] for r in rows], "bound: the larger of two errors")
    plots.predicted(panel, knots, [r["result"]["published_bound"] for r in rows], "bound: their sum", ":")
    plots.log2_axis(panel, "both")
    panel.set_title("product of three, by logarithms")
    panel.set_xlabel(plots.axis_label("knots of a logarithm (a quarter of the exponential's)", "intervals"))
    panel.set_ylabel(plots.axis_label("largest error, measured", "output"))
    plots.legend(panel)


def _draw_tasks(panel: Any, records: Sequence[Record]) -> None:
    rows = _of(records, "tasks")
    places = np.arange(len(FAMILIES), dtype=np.float64)
    for i, r in enumerate(rows):
        for j, kind in enumerate(("ticket", "ideal")):
            bands = np.array([r["result"][family][kind] for family in FAMILIES], dtype=np.float64)
            x = places + 0.3 * i - 0.15 + 0.1 * j
            with plots.style():
                panel.errorbar(
                    x,
                    bands[:, MEDIAN, 0],
                    yerr=np.abs(bands[:, [0, 2], 0].T - bands[:, MEDIAN, 0]),
                    fmt="os"[j],
                    color=plots.PALETTE[i],
                    markerfacecolor=plots.PALETTE[i] if j == 0 else "white",
                    label=f"{r['config']['basis']}, {'ticket' if j == 0 else 'ideal network'}",
                )
    plots.log2_axis(panel)
    panel.set_xticks(places, FAMILIES)
    panel.set_title("one basis, many tasks")
    panel.set_xlabel("family of the tasks (median, 10 % to 90 % of them)")
    panel.set_ylabel(plots.axis_label("error / standard deviation, measured", "1"))
    plots.legend(panel)


def text(records: Sequence[Record]) -> str:
    lines = []
    for name, rows in _by_knots(records).items():
        law = np.array([r["result"]["law"] for r in rows])
        ideal = np.array([r["result"]["ideal"] for r in rows]) / law
        absorbed, fixed = (_medians(rows, way, "error")[:, 0] / law for way in ("absorbed", "fixed"))
        inner = max(_medians(rows, "absorbed", "inner_error")[:, 0])
        lines.append(
            f"{name}, width {rows[0]['config']['width']}, knots {rows[0]['config']['knots']}.."
            f"{rows[-1]['config']['knots']}: median error / law {absorbed.min():.3f} to {absorbed.max():.3f} absorbed "
            f"(inner weights off by up to {inner:.0%}), {fixed.min():.3f} to {fixed.max():.3f} fixed, "
            f"{ideal.min():.3f} to {ideal.max():.3f} ideal"
        )
    for r in _by_width(records):
        found = r["result"]
        parts = [
            f"{way} {_medians([r], way, 'error')[0, 0]:.4g} ({_medians([r], way, 'live')[0, 0]:.0f} weights)"
            for way in NAMES
        ]
        lines.append(
            f"sine, 21 knots, width {r['config']['width']}: {', '.join(parts)} of {found['random']:,} random ones; "
            f"published {PUBLISHED_SINE['error']} ({PUBLISHED_SINE['kept']} of {PUBLISHED_SINE['random']:,}), law "
            f"{found['law']:.5f}"
        )
    beyond = 0
    for r in [*_of(records, "powers"), *sorted(_of(records, "product"), key=lambda r: r["config"]["log_knots"])]:
        found, unit = r["result"], r["config"]
        beyond += found["beyond_law_and_certificate"]
        medians = ", ".join(f"{bands[MEDIAN][0]:.3g}" for bands in found["ticket"])
        ideal = ", ".join(f"{x:.3g}" for x in found["ideal"])
        bound = ", ".join(f"{x:.3g}" for x in found["law"])
        told = f"; published {', '.join(f'{x:.3g}' for x in PUBLISHED_POWERS)}" if unit["measure"] == "powers" else ""
        lines.append(
            f"{unit['measure']}, {unit['log_knots']} and {unit['exp_knots']} knots: ticket {medians} (ideal {ideal}, "
            f"bound {bound}{told}); certified part of the sums {found['certified_sums'][MEDIAN][0]:.2g}; "
            f"{found['live']:,} weights of {found['random']:,}"
        )
    lines.append(f"features beyond bound + certificate: {beyond}")
    for r in _of(records, "tasks"):
        found = r["result"]
        parts = [
            f"{family} {' / '.join(f'{found[family][kind][MEDIAN][0]:.3g}' for kind in ('ticket', 'ideal', 'exact'))}"
            for family in FAMILIES
        ]
        lines.append(
            f"basis of {found['features']} {r['config']['basis']}, error / standard deviation with features of ticket /"
            f" ideal network / exact: {'; '.join(parts)}"
        )
    for r in _of(records, "images"):
        found = r["result"]
        parts = [f"{kind} {value:.4f}" for kind, value in found["accuracy"].items()]
        lines.append(
            f"{r['config']['data']}, {r['config']['features']} {r['config']['basis']}: accuracy {', '.join(parts)}; "
            f"features of ticket and ideal network differ by {found['ticket_minus_ideal']:.3g} at most (law "
            f"{found['law']:.3g}), {found['missed']} of {found['sums']:,} sums beyond the tolerance"
        )
    return "\n".join(lines)
