"""The comparison as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.subset_sum.comparison import Row


def text(rows: list[Row]) -> str:
    """Three tables, a line for each n and a column for each solver: time, false claims, memory."""
    time = "median time an instance (over the engine's in a batch)"
    return "\n\n".join(
        [
            _table(rows, f"n: {time}", {"slt, a batch": _batch, "slt, one call": _alone}, _time),
            _table(rows, "n: falsely called optimal, and by what median factor in error", {}, _claims),
            _table(rows, "n: peak memory of one instance, MiB", {"slt": _engine_mib}, lambda r: _mib(r.peak_mib)),
        ]
    )


def _table(
    rows: list[Row], title: str, engine: dict[str, Callable[[list[Row]], str]], cell: Callable[[Row], str]
) -> str:
    """``engine``: columns that say something about the engine, from all rows of an n."""
    solvers = list(dict.fromkeys(row.solver for row in rows))
    lines = [[title, *engine, *solvers], ["---"] * (1 + len(engine) + len(solvers))]
    for n in dict.fromkeys(row.n for row in rows):
        here = {row.solver: row for row in rows if row.n == n}
        ours = [column(list(here.values())) for column in engine.values()]
        lines.append([str(n), *ours, *(cell(here[solver]) for solver in solvers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _batch(rows: list[Row]) -> str:
    return duration(median(x for row in rows for x in row.engine_batch))


def _alone(rows: list[Row]) -> str:
    return duration(median(x for row in rows for x in row.engine_alone))


def _engine_mib(rows: list[Row]) -> str:
    return _mib(rows[0].engine_peak_mib)


def _time(row: Row) -> str:
    times = row.ratio(row.engine_batch)
    if 2 * row.over > len(row.claimed):
        return f"over {row.limit:.0f} s ({row.over} of {len(row.claimed)}; > {_round(times)})"
    late = f"; {row.over} of {len(row.claimed)} over {row.limit:.0f} s" if row.over else ""
    return f"{duration(median(row.seconds))} ({_round(times)}){late}"


def _claims(row: Row) -> str:
    claims, false = row.claimed.count(True), row.false()
    by = f", by {_round(median(false))}" if false else ""
    return f"{len(false)} of {claims}{by}" if claims else "none called optimal"


def _mib(peak: float | None) -> str:
    return "?" if peak is None else "< 0.1" if peak < 0.1 else f"{peak:,.1f}"


def _round(x: float) -> str:
    """Two digits, no exponent."""
    return f"{x:.2g}" if x < 100 else f"{float(f'{x:.2g}'):,.0f}"


def duration(seconds: float) -> str:
    """Three digits, in s, ms or us."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
