"""The comparison as a figure: time, false claims and memory over n, drawn from the rows."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.subset_sum.comparison import Row
from slt import plots

SIDE = 0.3  # items: the curves lie side by side where they would hide each other
COLOURS = dict(zip(("NumPy halves", "HiGHS (milp)", "CP-SAT", "Gurobi"), plots.PALETTE[1:5], strict=True))


def draw(rows: list[Row], path: Path) -> None:
    """Writes ``path`` as .png and .svg."""
    figure, axes = plots.new_figure(1, 3, width=4.2, height=3.8)
    time, claims, memory = axes[0]
    sizes = sorted({r.n for r in rows})
    at = {n: [r for r in rows if r.n == n] for n in sizes}
    for name, label, style in (("engine_batch", "slt, a batch", None), ("engine_alone", "slt, one call", "#56B4E9")):
        values = [[x for r in at[n] for x in getattr(r, name)] for n in sizes]
        _band(time, sizes, values, label, style or plots.PALETTE[0])
    for place, (solver, colour) in enumerate(COLOURS.items()):
        own = [r for r in rows if r.solver == solver]
        if not own:
            continue

        def x(some: list[Row], shift: float = (2 * place - len(COLOURS) + 1) * SIDE) -> list[float]:
            return [r.n + shift for r in some]

        _band(time, x(own), [r.seconds for r in own], solver, colour)
        late = [r for r in own if 2 * r.over > len(r.claimed)]
        if late:
            time.plot(
                x(late),
                [median(r.seconds) for r in late],
                "^",
                color=colour,
                markerfacecolor="white",
                markersize=8,
                zorder=4,
            )
        called = [r for r in own if any(r.claimed)]
        share = [len(r.false()) / r.claimed.count(True) for r in called]
        claims.plot(x(called), share, "o-", color=colour)
        memory.plot(x(own), [_floor(r.peak_mib) for r in own], "o-", color=colour)
    memory.plot(sizes, [_floor(at[n][0].engine_peak_mib) for n in sizes], "o-", color=plots.PALETTE[0])
    time.set_yscale("log")
    memory.set_yscale("log")
    limit = rows[0].limit
    time.axhline(limit, color=plots.GREY, linestyle=":", linewidth=1)
    time.set_title(f"time; hollow triangles: stopped at {limit:.0f} s")
    time.set_ylabel(plots.axis_label("an instance", "s", "measured"))
    claims.set_title("called optimal, but is not; no point: no claim")
    claims.set_ylabel(plots.axis_label("share of the claims", "1", "measured"))
    claims.set_ylim(-0.05, 1.05)
    memory.set_title("memory; 0.1 stands for less")
    memory.set_ylabel(plots.axis_label("peak of one instance", "MiB", "measured"))
    for panel in axes[0]:
        panel.set_xlabel(plots.axis_label("items n", "1"))
        panel.set_xticks(sizes)
    plots.legend_below(figure, time, columns=6)
    plots.save(figure, path)


def _band(axes, sizes: list[float], values: list[list[float]], label: str, colour: str) -> None:
    middle, low, high = ([f(v) for v in values] for f in (median, min, max))
    plots.curve_with_band(axes, sizes, middle, low, high, label, colour)


def _floor(mib: float | None) -> float:
    return np.nan if mib is None else max(mib, 0.1)
