"""L + 1 random layers with replicated rows: errors against the number of copies, floors against the declared scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.architectures.chains import spectral_chain
from slt.constructions import Construction
from slt.errors import NoUsableItemError
from slt.laws.error_floors import gelu_floor_quantile, sigmoid_floor_quantile, tanh_floor_quantile
from slt.laws.no_miss import smallest_error
from slt.laws.two_layer_sums import LayerSums
from slt.records import Record
from slt.runner import Config, Experiment
from slt.weights import LATTICE

from .networks import activated, activation_of, floors

DOMAIN = slt.Ball(1.0)
PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
MEASURES = ("largest_sum", "later_sum", "sampled", "certified")
DEPTHS = {"L + 1": "L + 1, replicated rows", "2L": "2L, two-layer sums"}
# 2-5-5-1, spectral norm 1: sup error by copies, geometric means of 3 seeds (another program, another target)
REFERENCE = {12: 2.7e-1, 16: 4.3e-2, 20: 1.2e-3, 24: 5.4e-4, 28: 2.3e-6}

Array = npt.NDArray[np.float64]


class ReplicatedRowsLaw(Experiment):
    name = "replicated-rows-law"
    claim = (
        "A ticket of L + 1 random layers, every hidden neuron built rho times, comes nearer to its target of L layers "
        "by one bit a copy in the layers behind the first block, as slt.laws.replicated_rows says; with other "
        "activations its first block has a floor that falls as the square of the declared scale (tanh, sigmoid) or as "
        "one over it (GELU), and none for leaky ReLUs."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 40,
        "targets": ["2-5-5-1", "4-8-8-2 biases"],
        "widths": [8, 12, 16, 20, 24, 28],
        "max_items": 28,
        "points": 24,
        "steps": 8,
        "activations": ["Tanh", "Sigmoid", "GELU", "LeakyReLU"],
        "exponents": [3, 5, 7, 9, 11],
        "floor_width": 20,
        "floor_seeds": 10,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 4,
        "targets": ["2-3-2-1"],
        "widths": [8, 12],
        "max_items": 16,
        "points": 8,
        "steps": 2,
        "activations": ["Tanh", "GELU"],
        "exponents": [4, 6],
        "floor_width": 8,
        "floor_seeds": 2,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "max_items", "points", "steps")}
        rows = [
            {"kind": "rows", "target": target, "width": width, "seeds": config["seeds"], **shared}
            for target in config["targets"]
            for width in config["widths"]
        ]
        smooth = {"target": config["targets"][0], "width": config["floor_width"], "seeds": config["floor_seeds"]}
        return rows + [
            {"kind": "floors", "activation": name, "exponents": config["exponents"], **smooth, **shared}
            for name in config["activations"]
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds, with bands of level 0.95, of

        rows     for either depth: the largest error of all sums and of those behind the first block, exact; the sup
                 error on the unit ball, sampled and certified; beside them the laws' medians of the largest errors
        floors   for every scale: over all weights of the first layer and copies of all seeds the quantiles of the
                 floor, and of the law; the sup error, sampled

        A source without a unit of the right sign makes no ticket: its errors count as infinite.
        """
        return self._rows(unit) if unit["kind"] == "rows" else self._floors(unit)

    def _rows(self, unit: Config) -> dict[str, Any]:
        key = slt.Key(unit["seed"]) / self.name
        target = spectral_chain(unit["target"], key)
        points = _points(unit, key, target.inputs)
        layers = [LayerSums(a.weight, 2 if i == 0 else 1, a.bias) for i, a in enumerate(target.layers)]
        width, most, found = unit["width"], unit["max_items"], {}
        chosen: dict[str, Construction] = {"L + 1": slt.ReplicatedRows(), "2L": slt.TwoLayerSum()}
        for depth, construction in chosen.items():
            tickets = [_ticket(unit, target, construction, key / f"source {s}") for s in range(unit["seeds"])]
            table = np.array([_errors(ticket, target, points, unit["steps"]) for ticket in tickets])
            known = [ticket for ticket in tickets if ticket is not None]
            found[depth] = {
                **{name: _bands(table[:, i]) for i, name in enumerate(MEASURES)},
                "without_ticket": len(tickets) - len(known),
                "certified_below_sampled": int(np.count_nonzero(table[:, 3] < table[:, 2])),
                "certified_over_sampled": float(np.median(table[:, 3] / np.maximum(table[:, 2], 1e-300)))
                if len(known) == len(tickets)
                else None,
                "weights": known[0].source_network.weights if known else None,
                "kept": float(np.median([ticket.kept for ticket in known])) if known else None,
            }
        later = [LayerSums(layer.weights, 1) for layer in layers[1:]]
        return {
            **found,
            "law": {
                "L + 1": laws.replicated_error_quantile(0.5, width, layers, max_items=most),
                "2L": laws.network_error_quantile(0.5, width, layers, max_items=most),
                "later": _later_quantile(0.5, width, later, most),
            },
        }

    def _floors(self, unit: Config) -> dict[str, Any]:
        key = slt.Key(unit["seed"]) / self.name
        plain = spectral_chain(unit["target"], key)
        points = _points(unit, key, plain.inputs)
        measured, told, sup = [], [], []
        for exponent in unit["exponents"]:
            activation = activation_of(unit["activation"], exponent)
            target = activated(plain, activation)
            tickets = [
                _ticket(unit, target, slt.ReplicatedRows(activation), key / f"source {s}") for s in range(unit["seeds"])
            ]
            known = [ticket for ticket in tickets if ticket is not None]
            all_floors = np.concatenate([floors(ticket).ravel() for ticket in known])
            measured.append([float(np.quantile(all_floors, p)) for p in PROBABILITIES])
            told.append([_floor_law(unit, exponent, p, plain.layers[0].weight) for p in PROBABILITIES])
            worst = [slt.ascend(ticket, target, DOMAIN, points, steps=unit["steps"]) for ticket in known]
            errors = [slt.sampled(t, target, x).value for t, x in zip(known, worst, strict=True)]
            sup.append(_bands(np.array(errors + [np.inf] * (len(tickets) - len(known)))))
        return {"floor": measured, "law": told, "sampled": sup}

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        targets = list(dict.fromkeys(r["config"]["target"] for r in _rows_of(records)))
        figure, axes = plots.new_figure(1, len(targets) + 1, width=4.6, height=4.2)
        for panel, target in zip(axes[0], targets, strict=False):
            _draw_rows(panel, [r for r in _rows_of(records) if r["config"]["target"] == target], target)
        _draw_floors(axes[0, -1], _floors_of(records))
        plots.legend_below(figure, axes[0, 0], columns=3)
        return plots.save(figure, folder / self.name)

    def summary(self, records: Sequence[Record]) -> str:
        rows = _rows_of(records)
        wrong = sum(r["result"][depth]["certified_below_sampled"] for r in rows for depth in DEPTHS)
        lines = [f"{rows[0]['config']['seeds']} source seeds a width; certified below sampled {wrong} times"]
        for target in dict.fromkeys(r["config"]["target"] for r in rows):
            case = [r for r in rows if r["config"]["target"] == target]
            lines += _case_text(case, target)
        for record in _floors_of(records):
            lines.append(_floor_text(record))
        return "\n".join(lines)


def _points(unit: Config, key: slt.Key, inputs: int) -> Array:
    draws = slt.Uniform().draw(key / "inputs", (1, unit["points"], inputs))[0]
    return DOMAIN.project(np.ldexp(draws.astype(np.float64), -LATTICE))


def _ticket(unit: Config, target: Any, construction: Construction, key: slt.Key) -> slt.Ticket | None:
    """The ticket in one source; None if that has no unit of the right sign somewhere."""
    try:
        return slt.find_ticket(
            target, width=unit["width"], seed=key, inputs=DOMAIN, max_items=unit["max_items"], construction=construction
        )
    except NoUsableItemError:
        return None


def _errors(ticket: slt.Ticket | None, target: slt.Target, points: Array, steps: int) -> list[float]:
    """``MEASURES`` of one ticket, infinite where there is none."""
    if ticket is None:
        return [np.inf] * len(MEASURES)
    residuals = ticket.residuals()
    later = [
        np.abs(branch.residual).max()
        for name, part in residuals.parts.items()
        for branch in part.branches
        if name.endswith("weight") and name != "layer 0/weight"
    ]
    network = ticket.collapsed()
    worst = slt.ascend(network, target, DOMAIN, points, steps=steps)
    sampled, certified = slt.sampled(network, target, worst), slt.certified(network, target, DOMAIN)
    return [float(residuals.errors.max()), float(max(later)), float(sampled), float(certified)]


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


def _later_quantile(probability: float, copies: int, later: list[LayerSums], most: int) -> float:
    """The largest error behind the first block: single weights alone, all but the last layer ``copies`` times."""
    sizes = np.concatenate([np.abs(layer.weights).ravel() for layer in later])
    times = np.concatenate([np.full(layer.weights.size, copies if layer is not later[-1] else 1) for layer in later])

    def log_chance(error: float) -> float:
        miss = laws.miss_probability(error, min(copies, most), sizes, laws.UNIFORM)
        miss = np.where(sizes <= error, 0.0, np.minimum(miss, 1 - 1e-16))
        return float(times @ np.log1p(-miss))

    return smallest_error(log_chance, probability, float(sizes.max()))


def _floor_law(unit: Config, exponent: int, probability: float, weight: Array) -> float:
    """What the laws say of the floor; half of the usable units are kept."""
    name, scale = unit["activation"], activation_of(unit["activation"], exponent).scale
    kept = min(unit["width"], unit["max_items"]) / 2
    if name == "Tanh":
        return tanh_floor_quantile(probability, scale, weight, kept)
    if name == "Sigmoid":
        return sigmoid_floor_quantile(probability, scale, weight, kept)
    # both signs have about width units each
    return gelu_floor_quantile(probability, scale, 2 * kept) if name == "GELU" else 0.0


def _rows_of(records: Sequence[Record]) -> list[Record]:
    found = [r for r in records if r["config"]["kind"] == "rows"]
    return sorted(found, key=lambda r: (r["config"]["target"], r["config"]["width"]))


def _floors_of(records: Sequence[Record]) -> list[Record]:
    return [r for r in records if r["config"]["kind"] == "floors"]


def _slope(widths: Array, error: Array, least: int = 0) -> str:
    """Bits a copy from width ``least`` on, least squares of the logarithms where they are finite."""
    known = np.isfinite(error) & (error > 0) & (widths >= least)
    return f"{np.polyfit(widths[known], np.log2(error[known]), 1)[0]:+.2f}" if known.sum() > 1 else "none"


def _draw_rows(panel: Any, case: list[Record], target: str) -> None:
    widths = np.array([r["config"]["width"] for r in case], dtype=np.float64)
    shown = (
        ("L + 1", "certified", "L + 1: sup error, certified"),
        ("L + 1", "sampled", "L + 1: sup error, sampled"),
        ("L + 1", "largest_sum", "L + 1: largest sum error"),
        ("L + 1", "later_sum", "L + 1: behind the first block"),
        ("2L", "sampled", "2L: sup error, sampled"),
        ("2L", "largest_sum", "2L: largest sum error"),
    )
    for depth, name, label in shown:
        measured = np.array([r["result"][depth][name][MEDIAN] for r in case])
        plots.curve_with_band(panel, widths, *measured.T, label=label)
    for name, dashes, label in (
        ("L + 1", "--", "law, L + 1"),
        ("later", ":", "law, behind the block"),
        ("2L", "-.", "law, 2L"),
    ):
        plots.predicted(panel, widths, [r["result"]["law"][name] for r in case], label, dashes)
    plots.log2_axis(panel)
    panel.set_title(f"target {target}")
    panel.set_xlabel(plots.axis_label("width", "copies; units a coordinate for 2L"))
    panel.set_ylabel(plots.axis_label("median error", "weight or output"))


def _draw_floors(panel: Any, records: list[Record]) -> None:
    for record in records:
        measured = np.array(record["result"]["floor"])
        if measured[:, MEDIAN].max() < 1e-12:
            continue
        exponents, name = np.array(record["config"]["exponents"], dtype=np.float64), record["config"]["activation"]
        plots.curve_with_band(panel, exponents, measured[:, MEDIAN], measured[:, 0], measured[:, 2], label=name)
        plots.predicted(
            panel, exponents, np.array(record["result"]["law"])[:, MEDIAN], "law" if name == "GELU" else "_"
        )
    plots.log2_axis(panel)
    panel.set_title("floors of the first block")
    panel.set_xlabel(plots.axis_label("declared scale 2^-k, GELU 2^k", "k"))
    panel.set_ylabel(plots.axis_label("floor of a weight, 10 to 90 %", "weight"))
    plots.legend(panel)


def _case_text(case: list[Record], target: str) -> list[str]:
    widths = np.array([r["config"]["width"] for r in case], dtype=np.float64)
    middle = int(widths[len(widths) // 2])
    lines = [f"{target}, widths {widths[0]:g}..{widths[-1]:g}"]
    for depth, text in DEPTHS.items():
        medians = {name: np.array([r["result"][depth][name][MEDIAN][0] for r in case]) for name in MEASURES}
        law = np.array([r["result"]["law"][depth] for r in case])
        slopes = ", ".join(f"{name.replace('_', ' ')} {_slope(widths, medians[name], middle)}" for name in MEASURES)
        ratio = medians["largest_sum"] / law
        finite = ratio[np.isfinite(ratio)]
        lines.append(
            f"  {text}: bits a copy from width {middle} on: {slopes}; law of the largest sum "
            f"{_slope(widths, law, middle)}"
        )
        lines.append(f"    largest sum, measured / law: {finite.min():.2f}..{finite.max():.2f}")
        loose = [r["result"][depth]["certified_over_sampled"] for r in case]
        known = [x for x in loose if x is not None]
        lines.append(
            f"    certified / sampled, medians: {min(known):.1f}..{max(known):.1f}" if known else "    no bound"
        )
        if depth == "L + 1":
            told = np.array([r["result"]["law"]["later"] for r in case])
            part = medians["later_sum"] / told
            lines.append(
                f"    behind the first block: measured / law {part.min():.2f}..{part.max():.2f}, law "
                f"{_slope(widths, told, middle)}"
            )
        numbers = "; ".join(
            f"{int(w)}: {error:.1e}"
            + (f" ({r['result'][depth]['weights']} weights)" if r["result"][depth]["weights"] else "")
            for w, error, r in zip(widths, medians["sampled"], case, strict=True)
        )
        lines.append(f"    median sup error by width: {numbers}")
    if target == "2-5-5-1":
        told = "; ".join(f"{w}: {error:.1e}" for w, error in REFERENCE.items())
        lines.append(f"  reference, L + 1, another target, geometric means of 3 seeds: {told}")
    return lines


def _floor_text(record: Record) -> str:
    name, result = record["config"]["activation"], record["result"]
    exponents = np.array(record["config"]["exponents"], dtype=np.float64)
    floor, law = (np.array(result[k])[:, MEDIAN] for k in ("floor", "law"))
    sup = "; ".join(f"{int(k)}: {band[MEDIAN][0]:.1e}" for k, band in zip(exponents, result["sampled"], strict=True))
    if not law.any():
        return f"{name}: floors up to {np.array(result['floor']).max():.1e} (none expected); sup error {sup}"
    return (
        f"{name}: slope of the median floor {_slope(exponents, floor)} bits a step of the scale (law "
        f"{_slope(exponents, law)}); measured / law {(floor / law).min():.2f}..{(floor / law).max():.2f}; "
        f"median sup error at width {record['config']['width']} by k: {sup}"
    )


EXPERIMENT = ReplicatedRowsLaw()
