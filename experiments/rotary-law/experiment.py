"""Random rotary attention pruned to a target with rotary positions: error against the random key dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.records import Record
from slt.runner import Config, Experiment

from .networks import entries, gains, rotary, sequences

PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
MEASURES = ("residual", "sampled", "certified")
LABELS = {
    "residual": "largest residual",
    "sampled": "output error, sampled",
    "certified": "output error, certified",
}

Array = npt.NDArray[np.float64]


class RotaryLaw(Experiment):
    name = "rotary-law"
    claim = (
        "Pruned random attention with rotary positions comes nearer to a target with such positions by ln 2 for every "
        "d d_K dimensions of its random keys, one unit of width: the slope in n_K is -ln 2 / (d d_K) as an asymptote, "
        "and within 8 % that of slt.laws.attention over the widths 12 .. 26."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 200,
        "dimensions": [2, 3],
        "head_sizes": [2, 4],
        "widths": [12, 14, 16, 18, 20, 22, 24, 26],
        "sequences": 12,
        "tokens": 12,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "dimensions": [2],
        "head_sizes": [2, 4],
        "widths": [8, 10, 12],
        "sequences": 3,
        "tokens": 5,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "widths", "sequences", "tokens")}
        return [{"d": d, "head_size": size, **shared} for d in config["dimensions"] for size in config["head_sizes"]]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds with bands of level 0.95, a row for each width.

        residual: the largest of all sums, exact; sampled: the largest Euclidean error of an output token at fixed
        sequences; certified: over all sequences in the ball of radius sqrt(d), at any positions. Beside them what the
        laws predict for the first two.
        """
        key = slt.Key(unit["seed"]) / self.name
        domain = slt.Ball(math.sqrt(unit["d"]))
        target = rotary(unit["d"], unit["head_size"], key / "target")
        x = sequences(unit["d"], unit["sequences"], unit["tokens"], domain.radius, key / "sequences")
        table = np.zeros((len(unit["widths"]), unit["seeds"], len(MEASURES)))
        for i, width in enumerate(unit["widths"]):
            for seed in range(unit["seeds"]):
                ticket = slt.find_ticket(
                    target, width=width, seed=key / f"source {seed}", inputs=domain, max_items=width
                )
                merged = ticket.collapsed()
                table[i, seed] = (
                    ticket.residuals().errors.max(),
                    slt.sampled(merged, target, x, order=2).value,
                    slt.certified(merged, target, domain, order=2).value,
                )
        wanted, effects = entries(target), gains(target, x)
        widths = unit["widths"]
        return {
            **{name: [_bands(row) for row in table[:, :, m]] for m, name in enumerate(MEASURES)},
            "certified_below_sampled": int(np.count_nonzero(table[:, :, 2] < table[:, :, 1])),
            "largest_entry": float(np.abs(wanted).max()),
            "law": {
                "residual": [laws.largest_residual_quantile(PROBABILITIES, w, wanted).tolist() for w in widths],
                "sampled": [laws.output_error_quantile(PROBABILITIES, w, wanted, effects).tolist() for w in widths],
            },
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        cases = _cases(records)
        rows, columns = (list(dict.fromkeys(r["config"][k] for r in cases)) for k in ("d", "head_size"))
        figure, axes = plots.new_figure(len(rows), len(columns), width=4.4, height=3.4)
        for record in cases:
            d, size = record["config"]["d"], record["config"]["head_size"]
            panel = axes[rows.index(d), columns.index(size)]
            keys = d * size * np.array(record["config"]["widths"])
            for name in reversed(MEASURES):
                measured = np.array(record["result"][name])[:, MEDIAN]
                plots.curve_with_band(panel, keys, *measured.T, label=LABELS[name])
            for name, dashes, label in (
                ("sampled", "--", "law of the output error"),
                ("residual", ":", "law of the residual"),
            ):
                plots.predicted(panel, keys, np.array(record["result"]["law"][name])[:, MEDIAN], label, dashes)
            plots.log2_axis(panel)
            panel.set_title(f"d = {d}, d_K = {size}")
            panel.set_xlabel(plots.axis_label("random key dimension n_K", "1"))
            panel.set_ylabel(plots.axis_label("median error", "output or weight"))
        plots.legend_below(figure, axes[0, 0], columns=3)
        return plots.save(figure, folder / "rotary-law")

    def summary(self, records: Sequence[Record]) -> str:
        wrong = sum(r["result"]["certified_below_sampled"] for r in records)
        seeds = max(r["config"]["seeds"] for r in records)
        lines = [
            f"{seeds} source seeds a width; the certified error was below the sampled one {wrong} times",
            "slopes of medians, natural logarithm a dimension of n_K, measured / law, and the asymptote:",
        ]
        off = []
        for record in _cases(records):
            d, size, result = record["config"]["d"], record["config"]["head_size"], record["result"]
            keys = d * size * np.array(record["config"]["widths"], dtype=np.float64)
            parts = []
            for name in ("residual", "sampled"):
                measured = np.array(result[name])[:, MEDIAN]
                law = np.array(result["law"][name])[:, MEDIAN]
                slopes = _slope(keys, measured[:, 0]), _slope(keys, law)
                off.append(slopes[0] / slopes[1] - 1)
                ratio = measured[:, 0] / law
                held = np.count_nonzero((measured[:, 1] <= law) & (law <= measured[:, 2]))
                parts.append(
                    f"{LABELS[name]} {slopes[0]:.4f} / {slopes[1]:.4f} ({off[-1]:+.1%}; medians {ratio.min():.2f} to "
                    f"{ratio.max():.2f} of the law, in {held} of {len(law)} bands)"
                )
            loose = np.array(result["certified"])[:, MEDIAN, 0] / np.array(result["sampled"])[:, MEDIAN, 0]
            lines.append(
                f"  d {d}, d_K {size} (largest entry {result['largest_entry']:.2f}): {'; '.join(parts)}; asymptote "
                f"{-math.log(2) / (d * size):.4f}; certified / sampled {loose.min():.1f} to {loose.max():.1f}"
            )
        verdict = "holds" if max(map(abs, off)) <= 0.08 else "violated"
        return "\n".join([*lines, f"slopes within 8 % of the law: {verdict}, {min(off):+.1%} to {max(off):+.1%}"])


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


def _cases(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: (r["config"]["d"], r["config"]["head_size"]))


def _slope(keys: Array, error: Array) -> float:
    return float(np.polyfit(keys, np.log(error), 1)[0])


EXPERIMENT = RotaryLaw()
