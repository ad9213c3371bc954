"""Two-layer sums for small networks: the error of their tickets against the width, beside the laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import plots
from slt.architectures.chains import spectral_chain
from slt.constructions.construction import Request
from slt.constructions.splits import split_of
from slt.errors import NoUsableItemError
from slt.laws.lower_bound import pruning_error_bound
from slt.laws.needed_width import quantile_band
from slt.laws.networks import network_no_miss_probability
from slt.laws.two_layer_sums import LayerSums, block_error_slope, weight_miss_probability
from slt.records import Record
from slt.runner import Config, Experiment
from slt.weights import LATTICE

DOMAIN = slt.Ball(1.0)
PROBABILITIES = (0.1, 0.5, 0.9)
LEVEL = 0.95
MEDIAN = PROBABILITIES.index(0.5)
LAW_PROBABILITIES = PROBABILITIES[MEDIAN:]
MEASURES = ("typical_weight", "largest_weight", "sampled", "certified")
NAMES = {"sign_optimal": "sign-optimal split", "paper": "paper's split"}

Array = npt.NDArray[np.float64]


class MlpLaw(Experiment):
    name = "mlp-law"
    claim = (
        "A ticket of two-layer sums comes nearer to its target network with every hidden unit: the median weight error "
        "falls by 1/2 bit a unit (sign-optimal split) or 1/4 bit (paper's split), and the largest one follows "
        "slt.laws.networks, whose slope depends on the width."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 200,
        "targets": ["2-5-5-1", "4-8-8-2 biases"],
        "sign_optimal_widths": [12, 18, 24, 30, 36, 42, 48],
        "paper_widths": [24, 36, 48, 60, 72, 84],
        "max_items": 44,
        "points": 256,
        "steps": 20,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "targets": ["2-3-1"],
        "sign_optimal_widths": [8, 12],
        "paper_widths": [16],
        "points": 32,
        "steps": 5,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "max_items", "points", "steps")}
        return [
            {"target": target, "split": split, "width": width, **shared}
            for target in config["targets"]
            for split in ("sign_optimal", "paper")
            for width in config[f"{split}_widths"]
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds, with bands of level 0.95: median and largest weight error of a ticket, sampled
        and certified sup error on the unit ball, and certified over sampled; beside them what the laws predict.

        A source without a unit of the right sign for some coordinate makes no ticket: its errors count as infinite.
        The target and the inputs are the same for all seeds and widths; a narrower source is part of a wider one.
        """
        key = slt.Key(unit["seed"]) / self.name
        target = target_network(unit["target"], unit["seed"])
        draws = slt.Uniform().draw(key / "inputs", (1, unit["points"], target.inputs))[0]
        points = DOMAIN.project(np.ldexp(draws.astype(np.float64), -LATTICE))
        tickets = [_ticket(unit, target, seed) for seed in range(unit["seeds"])]
        table = np.array([_errors(ticket, target, points, unit["steps"]) for ticket in tickets])
        found = table[np.isfinite(table[:, 0])]
        ratio = found[:, 3] / np.maximum(found[:, 2], 1e-300)
        return {
            **{name: [_band(table[:, i], p) for p in PROBABILITIES] for i, name in enumerate(MEASURES)},
            "certified_over_sampled": [_band(ratio, p) for p in PROBABILITIES] if len(found) else None,
            "certified_below_sampled": int(np.count_nonzero(ratio < 1)),
            "without_ticket": len(table) - len(found),
            "law": _predicted(target, unit),
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*_draw_weights(records, folder), *_draw_networks(records, folder), *_draw_bounds(records, folder)]

    def summary(self, records: Sequence[Record]) -> str:
        seeds = sorted({r["config"]["seeds"] for r in records})
        none = sum(r["result"]["without_ticket"] for r in records)
        wrong = sum(r["result"]["certified_below_sampled"] for r in records)
        lines = [
            f"{' or '.join(map(str, seeds))} source seeds a width; {none} sources had no ticket; "
            f"the certified error was below the sampled one {wrong} times"
        ]
        for target, split in _cases(records):
            lines += _case_text(records, target, split)
        return "\n".join(lines)


def target_network(name: str, seed: int) -> slt.Target:
    """The target of that name, ``spectral_chain``, the same for all sources."""
    return spectral_chain(name, slt.Key(seed) / MlpLaw.name)


def _ticket(unit: Config, target: slt.Target, seed: int) -> slt.Ticket | None:
    """The ticket in one source; None if that has no unit of the right sign somewhere."""
    try:
        return slt.find_ticket(
            target,
            width=unit["width"],
            seed=slt.Key(unit["seed"]) / MlpLaw.name / unit["target"] / f"source {seed}",
            inputs=DOMAIN,
            max_items=unit["max_items"],
            construction=slt.TwoLayerSum(split=unit["split"]),
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
    band = quantile_band(sample, probability, LEVEL)
    return [band.estimate, band.low, band.high]


def law_layers(target: slt.Target) -> list[LayerSums]:
    """What the laws need: inputs of the ball take both signs, those behind a ReLU one."""
    return [LayerSums(layer.weight, 2 if i == 0 else 1, layer.bias) for i, layer in enumerate(target.layers)]


def _predicted(target: slt.Target, unit: Config) -> dict[str, Any]:
    """The laws' median over all sums of their errors (P11, P12), and quantiles of the largest (P15)."""
    law, layers = split_of(unit["split"]).law, law_layers(target)
    width, most = unit["width"], unit["max_items"]
    sizes = np.concatenate(
        [np.repeat(np.abs(layer.weights).ravel(), layer.branches) for layer in layers]
        + [np.abs(layer.biases) for layer in layers if layer.biases is not None]
    )
    typical = _where(
        lambda error: 1 - float(weight_miss_probability(error, width, sizes, law, 1, most).mean()),
        0.5, 2.0**-60, float(sizes.max()),
    )  # fmt: skip
    # network_error_quantile, with a start that spares two thirds of the time
    largest = [typical]
    for p in LAW_PROBABILITIES:
        largest.append(
            _where(
                lambda error: network_no_miss_probability(error, width, layers, law, most),
                p, largest[-1], float(sizes.max()),
            )
        )  # fmt: skip
    return {"typical_weight": typical, "largest_weight": largest[1:]}


def _where(chance: Callable[[float], float], probability: float, low: float, high: float) -> float:
    """The error in [low, high] at which ``chance``, which increases, is ``probability``; 1e-3 relative."""
    from scipy.optimize import brentq

    if chance(low) >= probability:
        return low
    return math.exp(brentq(lambda x: chance(math.exp(x)) - probability, math.log(low), math.log(high), xtol=1e-3))


def propagated(error: float, target: slt.Target) -> float:
    """The largest sup error on the unit ball that weight errors of at most ``error`` can make, by norms of matrices.

    A layer whose entries are all off by at most ``error`` adds at most error * sqrt(inputs * outputs) times the norm
    of its input. A worst case, not an expectation: it takes all errors to be the largest and to add up.
    """
    size, gap = 1.0, 0.0
    for layer in target.layers:
        norm = float(np.linalg.norm(layer.weight, 2))
        bias = 0.0 if layer.bias is None else float(np.linalg.norm(layer.bias))
        slip = 0.0 if layer.bias is None else error * math.sqrt(layer.outputs)
        gap = norm * gap + error * math.sqrt(layer.inputs * layer.outputs) * (size + gap) + slip
        size = norm * size + bias
    return gap


def error_bounds(target: slt.Target, widths: Sequence[int]) -> dict[str, Array]:
    """What no pruning of the source beats (P28), (W,) each: all its weights being prunable, or those of the second
    layers only, which the sums decide over.

    Half of the targets of this shape with weights and biases uniform on [-1, 1] have a larger largest weight error, in
    any random network of so many weights. Of the one target of the experiment the bound does not speak.
    """
    numbers = sum(layer.weight.size + (0 if layer.bias is None else layer.bias.size) for layer in target.layers)
    construction, key, law = slt.TwoLayerSum(), slt.Key(0), slt.Uniform()
    weights = [construction.lay_out(Request(target, width, key, law, DOMAIN, None, 1)).weights for width in widths]
    return {
        "all": pruning_error_bound(weights, numbers),
        "second layers": pruning_error_bound(numbers * np.asarray(widths), numbers),
    }


def _cases(records: Sequence[Record]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r["config"]["target"], r["config"]["split"]) for r in records))


def _of(records: Sequence[Record], target: str, split: str) -> list[Record]:
    found = [r for r in records if (r["config"]["target"], r["config"]["split"]) == (target, split)]
    return sorted(found, key=lambda r: r["config"]["width"])


def _compared(records: Sequence[Record], target: str, split: str) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """widths (W,); by measure what was measured, (W, 3 quantiles, 3: estimate, low, high); what the laws say, (W,):
    "typical_weight", "largest_weight" and "largest_weight_90" (its 90 % quantile), and "network", by ``propagated``."""
    case = _of(records, target, split)
    measured = {name: np.array([r["result"][name] for r in case], dtype=np.float64) for name in MEASURES}
    largest = np.array([r["result"]["law"]["largest_weight"] for r in case])
    networks = [target_network(target, r["config"]["seed"]) for r in case]
    law = {
        "typical_weight": np.array([r["result"]["law"]["typical_weight"] for r in case]),
        "largest_weight": largest[:, 0],
        "largest_weight_90": largest[:, 1],
        "network": np.array([propagated(e, network) for e, network in zip(largest[:, 0], networks, strict=True)]),
    }
    return np.array([r["config"]["width"] for r in case], dtype=np.float64), measured, law


def _slope(width: Array, error: Array) -> str:
    """Bits per hidden unit, least squares of the logarithms where they are finite."""
    known = np.isfinite(error) & (error > 0)
    if known.sum() < 2:
        return "none"
    return f"{np.polyfit(width[known], np.log2(error[known]), 1)[0]:+.3f}"


def _case_text(records: Sequence[Record], target: str, split: str) -> list[str]:
    width, measured, law = _compared(records, target, split)
    medians = {name: measured[name][:, MEDIAN, 0] for name in MEASURES}
    half = len(width) // 2
    lines = [
        f"{target}, {NAMES[split]}, widths {width[0]:g}..{width[-1]:g} "
        f"(asymptotic slope of the median weight {block_error_slope(split_of(split).law):+.2f} bits a unit)"
    ]
    for part, text in ((slice(None), "all widths"), (slice(half, None), f"from width {width[half]:g} on")):
        slopes = [
            f"{name.replace('_', ' ')} {_slope(width[part], medians[name][part])}"
            + (f" (law {_slope(width[part], law[name][part])})" if name in law else "")
            for name in MEASURES
        ]
        lines.append(f"  slope of medians, {text}: " + ", ".join(slopes))
    for name in ("typical_weight", "largest_weight"):
        ratio = medians[name] / law[name]
        held = np.count_nonzero(
            (measured[name][:, MEDIAN, 1] <= law[name]) & (law[name] <= measured[name][:, MEDIAN, 2])
        )
        lines.append(
            f"  {name.replace('_', ' ')}, measured / law: {ratio.min():.2f}..{ratio.max():.2f}; "
            f"the law is in {held} of {len(width)} bands of level {LEVEL}"
        )
    bounds = error_bounds(target_network(target, _of(records, target, split)[-1]["config"]["seed"]), [int(width[-1])])
    bits = -np.log2([medians["largest_weight"][-1], bounds["second layers"][0], bounds["all"][0]])
    lines.append(
        f"  largest weight error at width {width[-1]:g}: {bits[0]:.1f} bits; for weights uniform on [-1, 1] no choice "
        f"of second layers has more than {bits[1]:.1f}, no pruning more than {bits[2]:.1f}"
    )
    gaps = [r["result"]["certified_over_sampled"] for r in _of(records, target, split)]
    middle = [gap[MEDIAN][0] for gap in gaps if gap is not None]
    if middle:
        lines.append(f"  certified over sampled error, medians: {min(middle):.2f}..{max(middle):.2f}")
    return lines


def _panels(records: Sequence[Record]) -> tuple[Any, list[tuple[Any, str, str]]]:
    """A figure with a row for each target and a column for each split."""
    cases = _cases(records)
    targets, splits = (list(dict.fromkeys(case[i] for case in cases)) for i in (0, 1))
    figure, axes = plots.new_figure(len(targets), len(splits), width=4.2, height=3.4)
    panels = [(axes[targets.index(t), splits.index(s)], t, s) for t, s in cases]
    for panel, target, split in panels:
        panel.set_title(f"target {target}, {NAMES[split]}")
        plots.log2_axis(panel)
        panel.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
    return figure, panels


def _draw_weights(records: Sequence[Record], folder: Path) -> list[Path]:
    figure, panels = _panels(records)
    for panel, target, split in panels:
        width, measured, law = _compared(records, target, split)
        shown = (
            ("largest weight error, 90 % of the sources", measured["largest_weight"][:, 2], law["largest_weight_90"]),
            ("largest weight error, median source", measured["largest_weight"][:, MEDIAN], law["largest_weight"]),
            ("median weight error, median source", measured["typical_weight"][:, MEDIAN], law["typical_weight"]),
        )
        for label, seen, told in shown:
            plots.curve_with_band(panel, width, *seen.T, label=label)
            plots.predicted(panel, width, told, "law" if label == shown[-1][0] else "_")
        panel.set_ylabel(plots.axis_label("weight error", "1", "measured"))
    plots.legend_below(figure, panels[0][0], columns=2)
    return plots.save(figure, folder / "weights")


def _draw_networks(records: Sequence[Record], folder: Path) -> list[Path]:
    figure, panels = _panels(records)
    for panel, target, split in panels:
        width, measured, law = _compared(records, target, split)
        for name, label in (("certified", "certified upper bound"), ("sampled", "sampled lower bound")):
            plots.curve_with_band(panel, width, *measured[name][:, MEDIAN].T, label=label)
        plots.predicted(panel, width, law["network"], "predicted largest weight error, propagated by norms")
        plots.predicted(panel, width, law["largest_weight"], "predicted largest weight error", ":")
        panel.set_ylabel(plots.axis_label("sup error on the unit ball", "output"))
    plots.legend_below(figure, panels[0][0], columns=2)
    return plots.save(figure, folder / "networks")


def _draw_bounds(records: Sequence[Record], folder: Path) -> list[Path]:
    targets = list(dict.fromkeys(target for target, _ in _cases(records)))
    figure, axes = plots.new_figure(1, len(targets), width=4.2, height=3.4)
    for panel, target in zip(axes[0], targets, strict=True):
        shown = [split for t, split in _cases(records) if t == target]
        for split in shown:
            width, measured, _ = _compared(records, target, split)
            seen = measured["largest_weight"][:, MEDIAN]
            plots.curve_with_band(panel, width, *seen.T, label=f"largest weight error, {NAMES[split]}")
        case = _of(records, target, shown[0])
        widths = [int(w) for w in np.linspace(1, max(r["config"]["width"] for r in case), 40)]
        bounds = error_bounds(target_network(target, case[0]["config"]["seed"]), widths)
        plots.predicted(panel, widths, bounds["second layers"], "bound for uniform weights, second layers chosen", ":")
        plots.predicted(panel, widths, bounds["all"], "bound for uniform weights, any pruning")
        panel.set_title(f"target {target}")
        plots.log2_axis(panel)
        panel.set_ylim(2.0**-50, 2.0)
        panel.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
        panel.set_ylabel(plots.axis_label("weight error", "1"))
    plots.legend_below(figure, axes[0][0], columns=2)
    return plots.save(figure, folder / "bounds")


EXPERIMENT = MlpLaw()
