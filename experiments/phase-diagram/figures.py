"""Two figures: the plane of error and failure probability, and needed widths along its two axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slt import plots
from slt.records import Record

from .diagram import Diagram, blocks, merged
from .summary import probabilities
from .systems import SYSTEMS

SHOWN = (0.5, 0.1, 0.01, 0.001)
ERRORS = (8, 12, 16, 20)
LEAST = 16  # failures that seeds have to leave: the plane ends there


def _known(records: Sequence[Record]) -> list[tuple[str, Diagram]]:
    found = [(name, merged(blocks(records, "sampled", name))) for name in SYSTEMS]
    return [(name, diagram) for name, diagram in found if diagram is not None]


def draw_planes(records: Sequence[Record], folder: Path) -> list[Path]:
    """For every system the plane: the colour is the needed width, a line the failure probability at one width, with its
    exact band, the dashed line beside it the law's."""
    known = _known(records)
    if not known:
        return []
    columns = min(2, len(known))
    figure, axes = plots.new_figure(-(-len(known) // columns), columns, width=5.4, height=4.4)
    for panel in axes.flat[len(known) :]:
        panel.set_visible(False)
    for panel, (name, diagram) in zip(axes.flat, known, strict=False):
        _plane(figure, panel, name, diagram, merged(blocks(records, "law", name)))
    plots.legend_below(figure, axes.flat[0], columns=3)
    return plots.save(figure, folder / "phase-diagram")


def _plane(figure: Any, panel: Any, name: str, diagram: Diagram, law: Diagram | None) -> None:
    least = LEAST / diagram.seeds
    chances = np.geomspace(least, 0.9, 160)
    needed = diagram.needed(chances.tolist())[:, :, 0]
    errors = np.exp2(-diagram.bits.astype(np.float64))
    shown = np.ma.masked_invalid(needed.T)
    with plots.style():
        panel.set_yscale("log")
        plots.log2_axis(panel, "x")
        picture = panel.pcolormesh(
            errors, chances, shown, cmap="YlGnBu", shading="nearest", rasterized=True, alpha=0.85
        )
        figure.colorbar(picture, ax=panel, label=plots.axis_label("needed width", "hidden units a coordinate"))
        low, high = diagram.limits()
        step = 10 if diagram.widths[-1] > 50 else 5
        first = True
        for width in range(step, int(diagram.widths[-1]) + 1, step):
            row = int(np.searchsorted(diagram.widths, width))
            inside = (diagram.shares[row] > least) & (diagram.shares[row] < 0.9)
            if inside.sum() < 2:
                continue
            # as far as the edges of what is filled
            grown = inside | np.roll(inside, 1) | np.roll(inside, -1)
            share = np.clip(diagram.shares[row][grown], least / 10, 1.0)
            panel.fill_between(
                errors[grown],
                low[row][grown],
                high[row][grown],
                color="black",
                alpha=0.25,
                linewidth=0,
                label="exact binomial band" if first else "_",
            )
            panel.plot(
                errors[grown], share, "-", color="black", linewidth=1.1, label="one width, measured" if first else "_"
            )
            if law is not None and width in law.widths:
                same = np.clip(law.shares[int(np.searchsorted(law.widths, width))], 1e-9, 1.0)
                plots.predicted(
                    panel, np.exp2(-law.bits.astype(np.float64)), same, "law of single sums" if first else "_"
                )
            first = False
            place = np.flatnonzero(inside)[inside.sum() // 2]
            panel.text(
                errors[place], diagram.shares[row][place], f"{width}", fontsize=8, ha="center", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )  # fmt: skip
        panel.set_xlim(errors.max() * 2**0.5, errors.min() / 2**0.5)
        panel.set_ylim(least, 0.9)
        panel.grid(False)
        panel.set_title(f"{SYSTEMS[name].title} ({diagram.seeds:,} seeds)")
        kind: plots.Kind = "exact" if SYSTEMS[name].exact else "sampled"
        panel.set_xlabel(plots.axis_label("sup error", "output", kind))
        panel.set_ylabel(plots.axis_label("failure probability", "1", "measured"))


def draw_widths(records: Sequence[Record], folder: Path) -> list[Path]:
    """Needed widths with their bands over the error (above) and over the failure probability (below), and the laws."""
    known = _known(records)
    if not known:
        return []
    figure, axes = plots.new_figure(2, len(known), width=3.9, height=4.0)
    levels = probabilities(records) or list(SHOWN)
    for column, (name, diagram) in enumerate(known):
        law_records = blocks(records, "law", name)
        law, certified = merged(law_records), merged(blocks(records, "certified", name))
        bounds = law_records[0]["result"] if law_records else None
        _over_errors(axes[0, column], name, diagram, law, certified, bounds, levels)
        _over_chances(axes[1, column], diagram, law, bounds, levels)
        axes[0, column].set_title(SYSTEMS[name].title)
    with plots.style():
        for row, place in ((0, "outside upper center"), (1, "outside lower center")):
            handles, labels = axes[row, 0].get_legend_handles_labels()
            figure.legend(handles, labels, loc=place, ncols=4, fontsize=9)
    return plots.save(figure, folder / "widths")


def _over_errors(
    panel: Any, name: str, diagram: Diagram, law: Diagram | None, certified: Diagram | None, bounds: Any, levels: Any
) -> None:
    chosen = [p for p in SHOWN if p in levels] or levels[:1]
    needed, errors = diagram.needed(chosen), np.exp2(-diagram.bits.astype(np.float64))
    for j, p in reversed(list(enumerate(chosen))):
        plots.curve_with_band(panel, errors, *needed[:, j].T, label=f"failure probability {p:g}")
        if law is not None:
            told = law.needed(chosen)[:, j, 0]
            same = np.exp2(-law.bits.astype(np.float64))
            plots.predicted(
                panel, same, np.where(np.isfinite(told), told, np.nan), "law of single sums" if not j else "_"
            )
    if bounds is not None:
        same, place = np.exp2(-np.array(bounds["bits"], dtype=np.float64)), levels.index(chosen[-1])
        text = f"at {chosen[-1]:g}"
        plots.predicted(
            panel, same, np.array(bounds["necessary"])[:, place], f"lower law {text} (counting, a theorem)", ":"
        )
        plots.predicted(
            panel, same, np.array(bounds["sufficient"])[:, place], f"upper law {text} (union and norms)", "-."
        )
    if certified is not None:
        p = next((p for p in chosen[::-1] if p > 4 / certified.seeds), chosen[0])
        low = certified.needed([p])[:, 0, 0]
        with plots.style():
            (line,) = panel.plot(
                np.exp2(-certified.bits.astype(np.float64)),
                np.where(np.isfinite(low), low, np.nan),
                "k+",
                label=f"certified upper bound, at {p:g} ({certified.seeds:,} seeds)",
            )
            panel.legend(fontsize=7.5, loc="upper left", handles=[line])
    plots.log2_axis(panel, "x")
    panel.set_xlim(errors.max() * 2**0.5, errors.min() / 2**0.5)
    panel.set_ylim(0, None)
    panel.set_xlabel(plots.axis_label("sup error", "output", "exact" if SYSTEMS[name].exact else "sampled"))
    panel.set_ylabel(plots.axis_label("needed width", "hidden units a coordinate"))


def _over_chances(panel: Any, diagram: Diagram, law: Diagram | None, bounds: Any, levels: Any) -> None:
    chosen = [b for b in ERRORS if b in diagram.bits] or diagram.bits[-1:].tolist()
    needed = diagram.needed(levels)
    for b in reversed(chosen):
        row, last = diagram.bits.tolist().index(b), b == chosen[0]
        plots.curve_with_band(panel, levels, *needed[row].T, label=f"error 2^-{b}")
        if law is not None and b in law.bits:
            told = law.needed(levels)[law.bits.tolist().index(b), :, 0]
            plots.predicted(
                panel, levels, np.where(np.isfinite(told), told, np.nan), "law of single sums" if last else "_"
            )
    if bounds is not None:
        row = bounds["bits"].index(chosen[-1])
        for name, dashes in (("necessary", ":"), ("sufficient", "-.")):
            text = {"necessary": "lower", "sufficient": "upper"}[name]
            plots.predicted(panel, levels, bounds[name][row], f"{text} law at 2^-{chosen[-1]}", dashes)
    panel.set_xscale("log")
    panel.invert_xaxis()
    panel.set_ylim(0, None)
    panel.set_xlabel(plots.axis_label("failure probability", "1"))
    panel.set_ylabel(plots.axis_label("needed width", "hidden units a coordinate"))
