"""Random multi-head attention pruned to a target: error against width, heads and sequence length, beside the laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.attention_target import AttentionTarget
from slt.constructions.attention import Attention
from slt.records import Record
from slt.runner import Config, Experiment
from slt.scoring import attention_bounds

from .networks import attention, entries, gains, masks, sequences

PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
MEASURES = ("residual", "sampled", "certified", "paper")
LABELS = {
    "residual": "largest residual",
    "sampled": "output error, sampled",
    "certified": "output error, certified",
    "paper": "output error, certified as in the paper",
}
QUERIES = 32  # tokens at which long sequences are measured

Array = npt.NDArray[np.float64]


class AttentionLaw(Experiment):
    name = "attention-law"
    claim = (
        "Pruned random attention comes nearer to its target by a factor 2 for every unit of width, up to the square "
        "root of the width and the reach: its slope is that of slt.laws.attention within 8 %, whatever the length of "
        "the sequence, and the error grows at most linearly with the number of heads."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 200,
        "dimensions": [2, 3, 4],
        "heads": [1, 2, 4, 8],
        "widths": [12, 14, 16, 18, 20, 22, 24, 26],
        "bits": [6, 10, 14],
        "sequences": 12,
        "tokens": 12,
        "lengths": [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
        "length_seeds": 200,
        "length_width": 20,
        "single_widths": [20, 26],
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 8,
        "dimensions": [2],
        "heads": [1, 2],
        "widths": [8, 10, 12],
        "bits": [4, 6],
        "sequences": 3,
        "tokens": 4,
        "lengths": [8, 32],
        "length_seeds": 4,
        "length_width": 10,
        "single_widths": [12],
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "widths", "bits", "sequences", "tokens")}
        few = {key: config[key] for key in ("seed", "seeds", "sequences", "tokens", "single_widths")}
        long = {key: config[key] for key in ("seed", "length_seeds", "length_width", "lengths")}
        return [
            *({"d": d, "heads": heads, **shared} for d in config["dimensions"] for heads in config["heads"]),
            *({"d": d, "heads": max(config["heads"]), **few} for d in config["dimensions"]),
            *({"d": d, "heads": 2, "mask": mask, **long} for d in config["dimensions"] for mask in ("none", "causal")),
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds with bands of level 0.95, for each width, or length, or width and single head.

        residual: largest entry of the merged matrices' difference, exact; sampled, certified, paper: largest Euclidean
        error of an output token, at fixed sequences or over the ball of radius sqrt(d); needed widths: the smallest at
        which no residual exceeds 2^-bits. Beside them what the laws predict.
        """
        return _lengths(unit) if "lengths" in unit else _widths(unit) if "widths" in unit else _single_heads(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*_draw_widths(records, folder), *_draw_heads_and_lengths(records, folder)]

    def summary(self, records: Sequence[Record]) -> str:
        seeds = max(r["config"].get("seeds", 0) for r in records)
        wrong = sum(r["result"].get("out_of_order", 0) for r in records)
        return "\n".join(
            [
                f"{seeds} source seeds; sampled <= certified <= paper violated {wrong} times",
                *_slope_text(records),
                *_needed_text(records),
                *_heads_text(records),
                *_length_text(records),
            ]
        )


def _ticket(target: Any, unit: Config, name: str, width: int, tolerance: float | None = None) -> slt.Ticket:
    return slt.find_ticket(
        target,
        width=width,
        seed=slt.Key(unit["seed"]) / AttentionLaw.name / name,
        inputs=_domain(unit),
        tolerance=tolerance,
        max_items=width,
        construction=Attention(),
    )


def _domain(unit: Config) -> slt.Ball:
    """The smallest radius that the theorem takes."""
    return slt.Ball(float(np.sqrt(unit["d"])))


def _target(unit: Config) -> Any:
    return attention(unit["d"], unit["heads"], slt.Key(unit["seed"]) / AttentionLaw.name / "target")


def _widths(unit: Config) -> dict[str, Any]:
    target, domain = _target(unit), _domain(unit)
    x, allowed = _inputs(unit, domain)
    table = np.zeros((len(unit["widths"]), unit["seeds"], len(MEASURES)))
    needed = np.zeros((len(unit["bits"]), unit["seeds"]))
    for seed in range(unit["seeds"]):
        for i, width in enumerate(unit["widths"]):
            table[i, seed] = _errors(_ticket(target, unit, f"source {seed}", width), target, domain, x, allowed)
        for i, bits in enumerate(unit["bits"]):
            found = _ticket(target, unit, f"source {seed}", 44, 2.0**-bits).findings.needed_width
            needed[i, seed] = np.inf if found is None else found
    wanted, effect = entries(target), gains(target.merged(), x, allowed)
    law = {
        "residual": [laws.largest_residual_quantile(PROBABILITIES, w, wanted).tolist() for w in unit["widths"]],
        "sampled": [laws.output_error_quantile(PROBABILITIES, w, wanted, effect).tolist() for w in unit["widths"]],
        "needed": [[laws.needed_attention_width(p, 2.0**-b, wanted) for p in PROBABILITIES] for b in unit["bits"]],
    }
    low, high = table[:, :, 1:-1], table[:, :, 2:]
    return {
        **{name: [_bands(row) for row in table[:, :, m]] for m, name in enumerate(MEASURES)},
        "needed": [_bands(row) for row in needed],
        "out_of_order": int(np.count_nonzero((low > high).any(axis=2))),
        "largest_entry": float(np.abs(wanted).max()),
        "law": law,
    }


def _errors(ticket: slt.Ticket, target: Any, domain: slt.Ball, x: Array, allowed: Any) -> list[float]:
    """``MEASURES`` of one ticket."""
    merged = ticket.collapsed()
    bounds = attention_bounds(merged, target, domain, order=2)
    sampled = slt.sampled(merged, target, x, mask=allowed, order=2)
    return [float(ticket.residuals().errors.max()), sampled.value, bounds.certified.value, bounds.paper.value]


def _single_heads(unit: Config) -> dict[str, Any]:
    """The same as a target of one head, for every head: ``sampled`` by width and head."""
    target, domain = _target(unit), _domain(unit)
    x, allowed = _inputs(unit, domain)
    parts = [
        [a[h : h + 1] for a in (target.query, target.key, target.value, target.output)] for h in range(target.heads)
    ]
    heads = [AttentionTarget.from_arrays(*part) for part in parts]
    table = np.zeros((len(unit["single_widths"]), target.heads, unit["seeds"]))
    for seed in range(unit["seeds"]):
        for i, width in enumerate(unit["single_widths"]):
            for h, head in enumerate(heads):
                merged = _ticket(head, unit, f"source {seed} for head {h}", width).collapsed()
                table[i, h, seed] = slt.sampled(merged, head, x, mask=allowed, order=2).value
    return {"sampled": [[_bands(row) for row in rows] for rows in table]}


def _inputs(unit: Config, domain: slt.Ball) -> tuple[Array, Any]:
    """Sequences and their masks, the same for all heads and widths."""
    key = slt.Key(unit["seed"]) / AttentionLaw.name
    x = sequences(unit["d"], unit["sequences"], unit["tokens"], domain.radius, key / "sequences")
    return x, masks(unit["sequences"], unit["tokens"], key / "masks")


def _lengths(unit: Config) -> dict[str, Any]:
    """At most ``QUERIES`` tokens of one sequence for each length, evenly spaced and the last among them."""
    target, domain = _target(unit), _domain(unit)
    longest = max(unit["lengths"])
    tokens = sequences(unit["d"], 1, longest, domain.radius, slt.Key(unit["seed"]) / AttentionLaw.name / "long")
    table = np.zeros((len(unit["lengths"]), unit["length_seeds"]))
    for seed in range(unit["length_seeds"]):
        merged = _ticket(target, unit, f"source {seed}", unit["length_width"]).collapsed()
        for i, length in enumerate(unit["lengths"]):
            y = tokens[:, :length]
            at = np.unique(np.linspace(0, length - 1, QUERIES).round().astype(np.int64))
            allowed = np.arange(length) <= at[:, None] if unit["mask"] == "causal" else None
            table[i, seed] = slt.sampled(merged, target, y[:, at], keys=y, mask=allowed, order=2).value
    return {"sampled": [_bands(row) for row in table]}


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


def _cases(records: Sequence[Record], of: str = "widths") -> list[Record]:
    found = [r for r in records if of in r["config"]]
    return sorted(found, key=lambda r: (r["config"]["d"], r["config"]["heads"], r["config"].get("mask", "")))


def _slope(x: Sequence[float], error: Any) -> float:
    """Of the natural logarithm, by least squares."""
    return float(np.polyfit(x, np.log(np.asarray(error, dtype=np.float64)), 1)[0])


def _name(record: Record) -> str:
    return f"d {record['config']['d']}, {record['config']['heads']} heads"


def _slope_text(records: Sequence[Record]) -> list[str]:
    lines = ["slopes of medians, natural logarithm a unit of width (asymptote -0.693), measured / law:"]
    off = []
    for record in _cases(records):
        unit, result = record["config"], record["result"]
        parts = []
        for name in ("residual", "sampled"):
            measured = np.array(result[name])[:, MEDIAN]
            law = np.array(result["law"][name])[:, MEDIAN]
            slopes = (_slope(unit["widths"], measured[:, 0]), _slope(unit["widths"], law))
            ratio = measured[:, 0] / law
            held = np.count_nonzero((measured[:, 1] <= law) & (law <= measured[:, 2]))
            off.append(slopes[0] / slopes[1] - 1)
            parts.append(
                f"{LABELS[name]} {slopes[0]:.3f} / {slopes[1]:.3f} ({off[-1]:+.1%}; medians {ratio.min():.2f} to "
                f"{ratio.max():.2f} of the law, in {held} of {len(law)} bands)"
            )
        certified = _slope(unit["widths"], np.array(result["certified"])[:, MEDIAN, 0])
        lines.append(
            f"  {_name(record)} (largest entry {result['largest_entry']:.2f}): " + "; ".join(parts)
            + f"; certified {certified:.3f}"
        )  # fmt: skip
    verdict = "holds" if max(map(abs, off)) <= 0.08 else "violated"
    return [*lines, f"  slopes within 8 % of the law: {verdict}, {min(off):+.1%} to {max(off):+.1%}"]


def _needed_text(records: Sequence[Record]) -> list[str]:
    lines = ["needed widths, median [band] / law and 90 % [band] / law:"]
    exact = 0
    for record in _cases(records):
        parts = []
        result = record["result"]
        for bits, bands, law in zip(record["config"]["bits"], result["needed"], result["law"]["needed"], strict=True):
            told = [f"{b[0]:g} [{b[1]:g}, {b[2]:g}] / {w}" for b, w in zip(bands[1:], law[1:], strict=True)]
            parts.append(f"2^-{bits} " + " and ".join(told))
            exact += abs(bands[1][0] - law[1]) <= 1
        lines.append(f"  {_name(record)}: " + "; ".join(parts))
    return [
        *lines,
        f"  medians within one unit of the law: {exact} of {sum(len(r['config']['bits']) for r in _cases(records))}",
    ]


def _by_heads(records: Sequence[Record]) -> dict[int, tuple[Array, Array, Array]]:
    """By dimension: heads (H,), widths (W,), median sampled error (H, W)."""
    found = {}
    for d in dict.fromkeys(r["config"]["d"] for r in _cases(records)):
        rows = [r for r in _cases(records) if r["config"]["d"] == d]
        medians = np.array([np.array(r["result"]["sampled"])[:, MEDIAN, 0] for r in rows])
        found[d] = (np.array([r["config"]["heads"] for r in rows]), np.array(rows[0]["config"]["widths"]), medians)
    return found


def _heads_text(records: Sequence[Record]) -> list[str]:
    lines = ["median output error against the number of heads, exponent of the power law a width:"]
    for d, (heads, widths, medians) in _by_heads(records).items():
        if len(heads) > 1:
            powers = [np.polyfit(np.log(heads), np.log(column), 1)[0] for column in medians.T]
            told = ", ".join(f"{w} {p:.2f}" for w, p in zip(widths, powers, strict=True))
            lines.append(f"  d {d}: {told}")
    for record in _cases(records, "single_widths"):
        for width, rows in zip(record["config"]["single_widths"], record["result"]["sampled"], strict=True):
            heads, widths, medians = _by_heads(records)[record["config"]["d"]]
            alone = np.cumsum(np.array(rows)[:, MEDIAN, 0])[heads - 1]
            if width in widths:
                share = medians[:, list(widths).index(width)] / alone
                told = ", ".join(f"{h} {s:.2f}" for h, s in zip(heads, share, strict=True))
                lines.append(f"  d {record['config']['d']}, width {width}, over the sum of its heads' alone: {told}")
    return lines


def _length_text(records: Sequence[Record]) -> list[str]:
    lines = ["median output error against the length of the sequence:"]
    for record in _cases(records, "lengths"):
        medians = np.array(record["result"]["sampled"])[:, MEDIAN, 0]
        lengths = record["config"]["lengths"]
        power = np.polyfit(np.log(lengths), np.log(medians), 1)[0]
        lines.append(
            f"  {_name(record)}, {record['config']['mask']} mask: {medians[0]:.2g} at {lengths[0]}, {medians[-1]:.2g} "
            f"at {lengths[-1]}, largest over smallest {medians.max() / medians.min():.2f}, exponent {power:+.3f}"
        )
    return lines


def _draw_widths(records: Sequence[Record], folder: Path) -> list[Path]:
    """A row for each dimension, a column for each number of heads."""
    cases = _cases(records)
    rows, columns = (list(dict.fromkeys(r["config"][k] for r in cases)) for k in ("d", "heads"))
    figure, axes = plots.new_figure(len(rows), len(columns), width=3.4, height=3.0)
    for record in cases:
        panel = axes[rows.index(record["config"]["d"]), columns.index(record["config"]["heads"])]
        width = record["config"]["widths"]
        for name in ("paper", "certified", "sampled", "residual"):
            measured = np.array(record["result"][name])[:, MEDIAN]
            plots.curve_with_band(panel, width, *measured.T, label=LABELS[name])
        for name, dashes, label in (
            ("sampled", "--", "law of the output error"),
            ("residual", ":", "law of the residual"),
        ):
            plots.predicted(panel, width, np.array(record["result"]["law"][name])[:, MEDIAN], label, dashes)
        plots.log2_axis(panel)
        panel.set_title(_name(record))
        panel.set_xlabel(plots.axis_label("width", "units a coordinate"))
        panel.set_ylabel(plots.axis_label("median error", "output"))
    plots.legend_below(figure, axes[0, 0], columns=3)
    return plots.save(figure, folder / "widths")


def _draw_heads_and_lengths(records: Sequence[Record], folder: Path) -> list[Path]:
    figure, axes = plots.new_figure(1, 3, width=4.0, height=3.6)
    by_heads = _by_heads(records)
    for d, (heads, widths, medians) in by_heads.items():
        last = len(widths) - 1
        axes[0, 0].plot(heads, medians[:, last] / medians[0, last], "o-", label=f"d {d}, width {widths[last]}")
    heads = next(iter(by_heads.values()))[0]
    plots.predicted(axes[0, 0], heads, heads / heads[0], "linear")
    plots.log2_axis(axes[0, 0], "both")
    axes[0, 0].set_title("heads")
    axes[0, 0].set_xlabel(plots.axis_label("heads", "1"))
    axes[0, 0].set_ylabel(plots.axis_label("median error over that of one head", "1"))
    for record in _cases(records, "lengths"):
        measured = np.array(record["result"]["sampled"])[:, MEDIAN]
        label = f"d {record['config']['d']}, {record['config']['mask']} mask"
        plots.curve_with_band(axes[0, 1], record["config"]["lengths"], *measured.T, label=label)
    plots.log2_axis(axes[0, 1], "both")
    axes[0, 1].set_title("length of the sequence")
    axes[0, 1].set_xlabel(plots.axis_label("tokens", "1"))
    axes[0, 1].set_ylabel(plots.axis_label("median error, sampled", "output"))
    for record in _cases(records):
        if record["config"]["heads"] == heads[-1]:
            bands = np.array(record["result"]["needed"])
            told = np.array(record["result"]["law"]["needed"])
            plots.curve_with_band(
                axes[0, 2], record["config"]["bits"], *bands[:, MEDIAN].T, label=f"d {record['config']['d']}, median"
            )
            law = "law" if record is _cases(records)[-1] else "_"
            plots.predicted(axes[0, 2], record["config"]["bits"], told[:, MEDIAN], law)
    axes[0, 2].set_title(f"needed width, {heads[-1]} heads")
    axes[0, 2].set_xlabel(plots.axis_label("largest residual", "-log2"))
    axes[0, 2].set_ylabel(plots.axis_label("needed width", "units a coordinate"))
    for panel, place in zip(axes[0], ("upper left", "lower left", "upper left"), strict=True):
        panel.legend(fontsize=6, loc=place, ncols=2)
    bottom, top = axes[0, 1].get_ylim()
    axes[0, 1].set_ylim(bottom / 2, top)
    return plots.save(figure, folder / "heads-and-lengths")


EXPERIMENT = AttentionLaw()
