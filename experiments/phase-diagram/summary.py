"""What is said of the records: needed widths beside the laws, slopes, how the laws stand, and the cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slt.records import Record

from .diagram import LEVEL, Diagram, blocks, merged
from .systems import SYSTEMS

Array = npt.NDArray[np.float64]
SEEDS_A_FAILURE = 8  # seeds for a failure probability p: 8 / p, as 8,192 for 0.001
CORES = 1000


def probabilities(records: Sequence[Record]) -> list[float]:
    """Those of the law units; falling."""
    return sorted({p for r in records if r["config"]["kind"] == "law" for p in r["config"]["probabilities"]})[::-1]


def system_text(records: Sequence[Record], name: str) -> list[str]:
    """Lines about one system; none where it was not measured."""
    measured = merged(blocks(records, "sampled", name))
    if measured is None:
        return []
    levels = probabilities(records) or [0.5]
    system, needed = SYSTEMS[name], measured.needed(levels)
    kind = "exact sup errors" if system.exact else "sampled sup errors, lower bounds"
    lines = [
        f"{system.title}: {measured.seeds:,} seeds, {system.sums} sums a ticket, widths to {measured.widths[-1]}, "
        f"{kind}; needed width [band of level {LEVEL}, pointwise]"
    ]
    law_records = blocks(records, "law", name)
    law = merged(law_records)
    told = None if law is None else law.needed(levels)[:, :, 0]
    certified = merged(blocks(records, "certified", name))
    bounds = None if certified is None else certified.needed(levels)
    few = [b for b in (4, 8, 12, 16, 20) if b in measured.bits] or measured.bits[:1].tolist()
    for bits in few:
        row, cells = measured.bits.tolist().index(bits), []
        for p in (p for p in (0.5, 0.1, 0.01, 0.001) if p in levels):
            j = levels.index(p)
            text = f"P(fail) {p:g}: {_shown(needed[row, j])}"
            if told is not None:
                text += f", law {told[row, j]:g}"
                rows = law_records[0]["result"]
                text += f", between {rows['necessary'][row][j]} and {rows['sufficient'][row][j]}"
            if bounds is not None and certified is not None:
                text += f", certified {_shown(bounds[row, j])}"
            cells.append(text)
        lines.append(f"  2^-{bits}: " + "; ".join(cells))
    if told is not None:
        lines += _law_text(measured, needed, told, levels, law_records[0])
    return lines + _certified_text(measured, certified, needed, bounds, levels)


def _shown(band: Array) -> str:
    return f"{band[0]:g} [{band[1]:g}, {band[2]:g}]"


def _law_text(measured: Diagram, needed: Array, told: Array, levels: list[float], record: Record) -> list[str]:
    bits, known = measured.bits, np.isfinite(needed).all(axis=2)
    held = (needed[:, :, 1] <= told) & (told <= needed[:, :, 2]) & known
    off = (told - needed[:, :, 0])[known & np.isfinite(told)]
    lines = [
        f"  the law of single sums lies in {held.sum()} of {known.sum()} bands; law minus measured "
        f"{off.min():+g} .. {off.max():+g} units, median {np.median(off):+g}"
        if off.size
        else "  no band is finite"
    ]
    necessary, enough = (np.array(record["result"][n], dtype=np.float64) for n in ("necessary", "sufficient"))
    below, above = (needed[:, :, 2] < necessary).sum(), (needed[:, :, 1] > enough).sum()
    lines.append(
        f"  bands wholly below the lower law (a theorem): {below}; wholly above the upper law: {above}; "
        f"measured minus lower law {_range(needed[:, :, 0] - necessary)}, upper law minus measured "
        f"{_range(enough - needed[:, :, 0])} units"
    )
    grown = -np.log2(np.array(levels))
    for text, axis in (("a bit of error", 0), ("a bit of failure probability", 1)):
        shown = []
        fixed = [(j, f"P(fail) {p:g}") for j, p in enumerate(levels) if p in (0.5, 0.1, 0.01, 0.001)]
        if axis:
            fixed = [(i, f"2^-{b}") for i, b in enumerate(bits.tolist()) if b in (8, 12, 16, 20)]
        for place, label in fixed:
            x = bits if axis == 0 else grown
            tables = [np.take(t, place, axis=1 - axis) for t in (needed[:, :, 0], told, necessary)]
            # the first bits are decided by the reach
            part = x >= 8 if axis == 0 and (x >= 8).sum() > 2 else np.ones(len(x), dtype=np.bool_)
            slopes = [_slope(x[part], t[part]) for t in tables]
            shown.append(f"{label} {slopes[0]} (law {slopes[1]}, lower law {slopes[2]})")
        lines.append(f"  units {text}: " + ", ".join(shown))
    return lines


def _range(values: Array) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():g} .. {known.max():g}" if known.size else "unknown"


def _slope(x: Array, width: Array) -> str:
    known = np.isfinite(width)
    return f"{np.polyfit(x[known], width[known], 1)[0]:.2f}" if known.sum() > 1 else "none"


def _certified_text(
    measured: Diagram, certified: Diagram | None, needed: Array, bounds: Array | None, levels: list[float]
) -> list[str]:
    if certified is None or bounds is None:
        return []
    carried = np.array([p > 4 / certified.seeds for p in levels])
    both = np.isfinite(bounds[:, :, 2]) & np.isfinite(needed[:, :, 0]) & carried
    if not both.any():
        return [f"  certified: {certified.seeds:,} seeds, no width is enough"]
    more = (bounds - needed)[:, :, 0][both]
    return [
        f"  certified upper bounds: {certified.seeds:,} seeds, widths in steps of {certified.widths[0]}, failure "
        f"probabilities from {4 / certified.seeds:.2g} on; {more.min():g} .. {more.max():g} units above the sampled, "
        f"median {np.median(more):g}"
    ]


def cost_text(records: Sequence[Record]) -> list[str]:
    """The law of the cost: seconds a sum by the finest error, and what a finer diagram takes on a cluster."""
    known = sorted((r for r in records if r["config"]["kind"] == "cost"), key=lambda r: r["config"]["finest"])
    lines = []
    if known:
        bits = np.array([r["config"]["finest"] for r in known], dtype=np.float64)
        seconds = np.array([r["seconds"] / r["result"]["sums"] for r in known])
        lines.append(
            "cost, microseconds a sum solved for all widths by the finest error (sums unfinished): "
            + ", ".join(
                f"2^-{b:g} {1e6 * s:.3g} ({r['result']['unfinished']})"
                for b, s, r in zip(bits, seconds, known, strict=True)
            )
        )
        part = bits >= 16 if (bits >= 16).sum() > 2 else np.ones(len(bits), dtype=np.bool_)
        if part.sum() > 1:
            slope, start = np.polyfit(bits[part], np.log2(seconds[part]), 1)
            lines.append(
                f"from 2^-{bits[part][0]:g} on a sum takes {2**start * 1e6:.2g} us * 2^({slope:.2f} bits); "
                f"seeds grow like 1 / P(fail), here {SEEDS_A_FAILURE} / P(fail)"
            )
            lines += [_extrapolated(2.0 ** (start + slope * 30), 30, 1e-5, name) for name in SYSTEMS]
    spent = sum(r["seconds"] for r in records)
    lines.append(f"all units together took {spent / 3600:.2f} core hours")
    return lines


def _extrapolated(seconds: float, bits: int, probability: float, name: str) -> str:
    seeds = math.ceil(SEEDS_A_FAILURE / probability)
    hours = seeds * SYSTEMS[name].sums * seconds / 3600
    return (
        f"  {SYSTEMS[name].title} down to 2^-{bits} and P(fail) {probability:g}: {seeds:,} seeds, {hours:,.0f} core "
        f"hours, {hours / CORES:.2g} hours on {CORES:,} cores"
    )
