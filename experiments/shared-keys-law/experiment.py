"""One random pair of keys and values for all heads of a full multi-head target, beside a pair for each head."""

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
from slt.weights import LATTICE

PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
SOURCES = {"shared": "one pair of keys and values", "own": "a pair for each head"}
MEASURES = ("residual", "certified")

Array = npt.NDArray[np.float64]


class SharedKeysLaw(Experiment):
    name = "shared-keys-law"
    claim = (
        "One random pair of keys and values, shared by all heads, serves an arbitrary multi-head target at the same "
        "width as a pair for each head: their masks do not depend on the target, so the error and its slope a unit of "
        "width are the same, with fewer random weights."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 200,
        "dimensions": [2, 4],
        "heads": [2, 4, 8],
        "widths": [12, 14, 16, 18, 20, 22, 24, 26],
    }
    smoke_config: ClassVar[Config] = {"seeds": 10, "dimensions": [2], "heads": [2], "widths": [8, 10, 12]}

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "widths")}
        return [
            {"d": d, "heads": heads, "source": source, **shared}
            for d in config["dimensions"]
            for heads in config["heads"]
            for source in SOURCES
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds with bands of level 0.95, a row for each width: the largest residual of the
        merged matrices, exact, and the certified Euclidean error over the ball of radius sqrt(d); random weights of a
        source; the law, which does not see the sharing."""
        target = target_attention(unit["d"], unit["heads"], unit["seed"])
        domain = slt.Ball(float(np.sqrt(unit["d"])))
        construction = Attention(shared_keys=unit["source"] == "shared")
        table = np.zeros((len(MEASURES), len(unit["widths"]), unit["seeds"]))
        weights = []
        for i, width in enumerate(unit["widths"]):
            for seed in range(unit["seeds"]):
                key = slt.Key(unit["seed"]) / self.name / f"source {seed}"
                ticket = slt.find_ticket(target, width, key, domain, max_items=width, construction=construction)
                bounds = attention_bounds(ticket.collapsed(), target, domain, order=2)
                table[:, i, seed] = ticket.residuals().errors.max(), bounds.certified.value
            weights.append(ticket.source_network.weights)
        merged = target.merged()
        wanted = np.concatenate([merged.query_key.ravel(), merged.value_output.ravel()])
        return {
            **{name: [_bands(row) for row in rows] for name, rows in zip(MEASURES, table, strict=True)},
            "weights": weights,
            "law": [laws.largest_residual_quantile(PROBABILITIES, w, wanted).tolist() for w in unit["widths"]],
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        pairs = _pairs(records)
        rows, columns = (list(dict.fromkeys(case[i] for case in pairs)) for i in (0, 1))
        figure, axes = plots.new_figure(len(rows), len(columns), width=3.6, height=3.2)
        for (d, heads), pair in pairs.items():
            panel = axes[rows.index(d), columns.index(heads)]
            width = pair["own"]["config"]["widths"]
            for name, quantity in (("certified", "certified error"), ("residual", "largest residual")):
                for source, text in SOURCES.items():
                    measured = np.array(pair[source]["result"][name])[:, MEDIAN]
                    plots.curve_with_band(panel, width, *measured.T, label=f"{quantity}, {text}")
            plots.predicted(panel, width, np.array(pair["own"]["result"]["law"])[:, MEDIAN], "law of the residual")
            plots.log2_axis(panel)
            panel.set_title(f"d {d}, {heads} heads")
            panel.set_xlabel(plots.axis_label("width", "units a coordinate"))
            panel.set_ylabel(plots.axis_label("median error", "output"))
        plots.legend_below(figure, axes[0, 0], columns=2)
        return plots.save(figure, folder / "shared-keys-law")

    def summary(self, records: Sequence[Record]) -> str:
        lines = ["slopes of medians, natural logarithm a unit of width: shared / own / law (asymptote -0.693)"]
        for (d, heads), pair in _pairs(records).items():
            width = pair["own"]["config"]["widths"]
            parts = []
            for name in MEASURES:
                medians = {s: np.array(pair[s]["result"][name])[:, MEDIAN, 0] for s in SOURCES}
                slopes = [np.polyfit(width, np.log(medians[s]), 1)[0] for s in SOURCES]
                ratio = medians["shared"] / medians["own"]
                parts.append(
                    f"{name} {slopes[0]:.3f} / {slopes[1]:.3f}, medians shared over own {ratio.min():.2f} to "
                    f"{ratio.max():.2f}, geometric mean {np.exp(np.log(ratio).mean()):.2f}"
                )
            law = np.polyfit(width, np.log(np.array(pair["own"]["result"]["law"])[:, MEDIAN]), 1)[0]
            fewer = pair["shared"]["result"]["weights"][-1] / pair["own"]["result"]["weights"][-1]
            lines.append(f"d {d}, {heads} heads: {'; '.join(parts)}; law {law:.3f}; {fewer:.2f} of the random weights")
        seeds = sorted({r["config"]["seeds"] for r in records})
        return "\n".join([*lines, f"{' or '.join(map(str, seeds))} seeds a point", "nothing is fitted to the errors"])


def target_attention(d: int, heads: int, seed: int) -> AttentionTarget:
    """Heads of d x d matrices with keys and values of their own, uniform, scaled to spectral norm 1 and rounded towards
    0 to the lattice 2**-23, so that they are the same on every machine."""
    matrices = []
    for name in ("query", "key", "value", "output"):
        key = slt.Key(seed) / SharedKeysLaw.name / "target" / f"{d}" / name
        draws = slt.Uniform().draw(key, (heads, d, d)).astype(np.float64)
        norms = np.ceil(np.ldexp(np.linalg.norm(draws, 2, axis=(1, 2)), 20)) / 2**20
        matrices.append(np.ldexp(np.trunc(np.ldexp(draws / norms[:, None, None], LATTICE)), -LATTICE))
    return AttentionTarget.from_arrays(*matrices)


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


def _pairs(records: Sequence[Record]) -> dict[tuple[int, int], dict[str, Record]]:
    """By dimension and heads, the records of both sources."""
    found: dict[tuple[int, int], dict[str, Record]] = {}
    for record in sorted(records, key=lambda r: (r["config"]["d"], r["config"]["heads"])):
        unit = record["config"]
        found.setdefault((unit["d"], unit["heads"]), {})[unit["source"]] = record
    return found


EXPERIMENT = SharedKeysLaw()
