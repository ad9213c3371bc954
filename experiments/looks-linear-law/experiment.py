"""Mirrored pairs against two-layer sums: the error of tickets against the number of hidden units, beside the laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.architectures.chains import spectral_chain
from slt.errors import NoUsableItemError
from slt.records import Record
from slt.runner import Config, Experiment
from slt.weights import LATTICE

DOMAIN = slt.Ball(1.0)
PROBABILITIES = (0.1, 0.5, 0.9)
LEVEL = 0.95
MEDIAN = PROBABILITIES.index(0.5)
MEASURES = ("typical_weight", "largest_weight", "sampled", "certified")
# source: construction, units (or pairs) in two hidden units, what the law counts, its name
SOURCES: dict[str, tuple[Any, int, Any, str]] = {
    "looks_linear": (slt.LooksLinear(), 1, laws.EVERY_UNIT, "mirrored pairs"),
    "sign_optimal": (slt.TwoLayerSum("sign_optimal"), 2, laws.SIGN_OPTIMAL, "two-layer sums, sign-optimal"),
    "paper": (slt.TwoLayerSum("paper"), 2, laws.PAPER, "two-layer sums, paper's split"),
}

Array = npt.NDArray[np.float64]


class LooksLinearLaw(Experiment):
    name = "looks-linear-law"
    claim = (
        "A mirrored pair of hidden units serves a target weight on both signs of its input: errors of weights fall by "
        "one bit a pair, half a bit a hidden unit, as the law with as many candidates as pairs says, and at the same "
        "number of hidden units the largest one is smaller than with two-layer sums."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 60,
        "targets": ["2-5-5-1", "4-8-8-2 biases"],
        "hidden": [12, 18, 24, 30, 36, 42, 48],
        "max_items": 44,
        "points": 128,
        "steps": 10,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "targets": ["2-1"],
        "hidden": [10, 14],
        "points": 32,
        "steps": 5,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "max_items", "points", "steps")}
        return [
            {"target": target, "source": source, "hidden": hidden, **shared}
            for target in config["targets"]
            for source in SOURCES
            for hidden in config["hidden"]
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds, with bands of level 0.95: median and largest weight error of a ticket, sampled
        and certified sup error on the unit ball; how many sums a ticket has and how many weights its source; beside
        them what the laws predict.

        A source without a unit of the right sign for some coordinate makes no ticket: its errors count as infinite.
        """
        target = target_network(unit["target"], unit["seed"])
        key = slt.Key(unit["seed"]) / self.name
        draws = slt.Uniform().draw(key / "inputs", (1, unit["points"], target.inputs))[0]
        points = DOMAIN.project(np.ldexp(draws.astype(np.float64), -LATTICE))
        tickets = [_ticket(unit, target, seed) for seed in range(unit["seeds"])]
        table = np.array([_errors(ticket, target, points, unit["steps"]) for ticket in tickets])
        found = [ticket for ticket in tickets if ticket is not None]
        return {
            **{name: [_band(table[:, i], p) for p in PROBABILITIES] for i, name in enumerate(MEASURES)},
            "certified_below_sampled": int(np.count_nonzero(table[:, 3] < table[:, 2])),
            "without_ticket": len(tickets) - len(found),
            "sums": found[0].residuals().sums if found else None,
            "weights": found[0].source_network.weights if found else None,
            "law": _predicted(target, unit),
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        targets = list(dict.fromkeys(r["config"]["target"] for r in records))
        figure, axes = plots.new_figure(len(targets), 3, width=4.2, height=3.3)
        shown = (
            ("typical_weight", "median weight error", "measured"),
            ("largest_weight", "largest weight error", "measured"),
            ("certified", "sup error on the unit ball", None),
        )
        for row, target in zip(axes, targets, strict=True):
            for panel, (measure, label, kind) in zip(row, shown, strict=True):
                for (source, (*_, name)), colour in zip(SOURCES.items(), plots.PALETTE, strict=False):
                    hidden, measured, law = _compared(records, target, source)
                    plots.curve_with_band(panel, hidden, *measured[measure][:, MEDIAN].T, label=name)
                    if measure == "certified":
                        panel.plot(hidden, measured["sampled"][:, MEDIAN, 0], ":", color=colour)
                    if measure in law:
                        plots.predicted(panel, hidden, law[measure], "law" if source == "paper" else "_")
                plots.log2_axis(panel)
                panel.set_title(f"target {target}")
                panel.set_xlabel(plots.axis_label("hidden units of a coordinate", "1"))
                panel.set_ylabel(plots.axis_label(label, "1" if "weight" in measure else "output", kind))
            row[2].set_title(f"{target}: certified, sampled (dotted)")
        plots.legend_below(figure, axes[0, 0], columns=4)
        return plots.save(figure, folder / "looks-linear-law")

    def summary(self, records: Sequence[Record]) -> str:
        none = sum(r["result"]["without_ticket"] for r in records)
        wrong = sum(r["result"]["certified_below_sampled"] for r in records)
        seeds = max(r["config"]["seeds"] for r in records)
        lines = [
            f"{seeds} source seeds for each number of hidden units; {none} sources had no ticket; the certified error "
            f"was below the sampled one {wrong} times"
        ]
        for target in dict.fromkeys(r["config"]["target"] for r in records):
            for source in SOURCES:
                lines += _case_text(records, target, source)
        return "\n".join(lines)


def target_network(name: str, seed: int) -> slt.Target:
    """The target of that name, ``spectral_chain``, the same for all sources."""
    return spectral_chain(name, slt.Key(seed) / LooksLinearLaw.name)


def _width(unit: Config) -> int:
    return int(unit["hidden"] * SOURCES[unit["source"]][1] // 2)


def _ticket(unit: Config, target: slt.Target, seed: int) -> slt.Ticket | None:
    """The ticket in one source; None if that has no unit of the right sign somewhere."""
    try:
        return slt.find_ticket(
            target,
            width=_width(unit),
            seed=slt.Key(unit["seed"]) / LooksLinearLaw.name / unit["target"] / f"source {seed}",
            inputs=DOMAIN,
            max_items=unit["max_items"],
            construction=SOURCES[unit["source"]][0],
        )
    except NoUsableItemError:
        return None


def _errors(ticket: slt.Ticket | None, target: slt.Target, points: Array, steps: int) -> list[float]:
    """``MEASURES`` of one ticket, infinite where there is none."""
    if ticket is None:
        return [np.inf] * len(MEASURES)
    weights = ticket.residuals().errors
    worst = slt.ascend(ticket, target, DOMAIN, points, steps=steps)
    sampled, certified = slt.sampled(ticket, target, worst), slt.certified(ticket, target, DOMAIN)
    return [float(np.median(weights)), float(weights.max()), float(sampled), float(certified)]


def _band(sample: Array, probability: float) -> list[float]:
    band = laws.quantile_band(sample, probability, LEVEL)
    return [band.estimate, band.low, band.high]


def _predicted(target: slt.Target, unit: Config) -> dict[str, float]:
    """The laws' median over all sums of their errors (P12, P13), and median of the largest (P15)."""
    construction, _, counts, _ = SOURCES[unit["source"]]
    layers = construction.law_layers(target, DOMAIN)
    width, most = _width(unit), unit["max_items"]
    return {
        # a sum in the middle of all: half of them are expected to miss by more
        "typical_weight": _where_half_miss(layers, width, counts, most),
        "largest_weight": laws.network_error_quantile(0.5, width, layers, counts, most),
    }


def _where_half_miss(layers: list[laws.LayerSums], width: int, counts: Any, most: int) -> float:
    from scipy.optimize import brentq

    sizes = [np.repeat(np.abs(a).ravel(), branches) for layer in layers for a, branches in layer.groups()]
    weights = np.concatenate(sizes)

    def missing(log_error: float) -> float:
        miss = laws.weight_miss_probability(2.0**log_error, width, weights, counts, 1, most)
        return float(miss.mean()) - 0.5

    top = float(np.log2(weights.max()))
    return float(2.0 ** brentq(missing, -60.0, top, xtol=1e-3))


def _of(records: Sequence[Record], target: str, source: str) -> list[Record]:
    found = [r for r in records if (r["config"]["target"], r["config"]["source"]) == (target, source)]
    return sorted(found, key=lambda r: r["config"]["hidden"])


def _compared(records: Sequence[Record], target: str, source: str) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """Hidden units (H,); by measure what was measured, (H, 3 quantiles, 3: estimate, low, high); the laws' (H,)."""
    case = _of(records, target, source)
    measured = {name: np.array([r["result"][name] for r in case], dtype=np.float64) for name in MEASURES}
    law = {name: np.array([r["result"]["law"][name] for r in case]) for name in ("typical_weight", "largest_weight")}
    return np.array([r["config"]["hidden"] for r in case], dtype=np.float64), measured, law


def _slope(hidden: Array, error: Array) -> str:
    """Bits per hidden unit, least squares of the logarithms where they are finite."""
    known = np.isfinite(error) & (error > 0)
    return f"{np.polyfit(hidden[known], np.log2(error[known]), 1)[0]:+.3f}" if known.sum() > 1 else "none"


def _case_text(records: Sequence[Record], target: str, source: str) -> list[str]:
    hidden, measured, law = _compared(records, target, source)
    _, units, counts, name = SOURCES[source]
    last = _of(records, target, source)[-1]["result"]
    asymptote = laws.block_error_slope(counts) * units / 2
    lines = [
        f"{target}, {name}, {hidden[0]:g} to {hidden[-1]:g} hidden units, {last['sums']} sums, {last['weights']:,} "
        f"weights at the largest; asymptotic slope {asymptote:+.2f} bits a hidden unit"
    ]
    half = len(hidden) // 2
    for part, text in ((slice(None), "all"), (slice(half, None), f"from {hidden[half]:g} on")):
        slopes = [
            f"{m.replace('_', ' ')} {_slope(hidden[part], measured[m][part, MEDIAN, 0])}"
            + (f" (law {_slope(hidden[part], law[m][part])})" if m in law else "")
            for m in MEASURES
        ]
        lines.append(f"  slope of medians, {text}: {', '.join(slopes)}")
    for m in law:
        estimate, low, high = measured[m][:, MEDIAN].T
        ratio, held = estimate / law[m], np.count_nonzero((low <= law[m]) & (law[m] <= high))
        lines.append(
            f"  {m.replace('_', ' ')}, measured / law: {ratio.min():.2f}..{ratio.max():.2f}; the law is in {held} of "
            f"{len(hidden)} bands of level {LEVEL}; {estimate[-1]:.2e} at {hidden[-1]:g}"
        )
    lines.append(f"  certified sup error at {hidden[-1]:g}: {measured['certified'][-1, MEDIAN, 0]:.2e}")
    return lines


EXPERIMENT = LooksLinearLaw()
