"""Pruning whole neurons, beside random features and beside pruning weights: error against the number of neurons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.errors import NoUsableItemError
from slt.neurons import Flips, FoundNeurons, Moments, RandomNeurons, Thinning
from slt.records import Record
from slt.runner import Config, Experiment

LEVEL = 0.95
PENALTY = 1e-6
THRESHOLD = 1.0
MEASURES = ("features", "thinned", "flipped", "weights")
NAMES = {
    "features": "random features, trained read-out",
    "thinned": "neurons kept: rounded ridge",
    "flipped": "neurons kept: rounded, then flips",
    "weights": "weights kept: two-layer sums",
}

Array = npt.NDArray[np.float64]


class NeuronSubnetworks(Experiment):
    name = "neuron-subnetworks"
    claim = (
        "A random network of depth 2 whose neurons are kept or removed whole, with one factor behind them, is no "
        "better than random features on the same neurons: its error falls on a smooth function in few dimensions, and "
        "stays large on a single ReLU neuron unless the neurons grow with the square of the dimension. Pruning single "
        "weights reaches the same neuron in a source that grows in proportion to the dimension."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 9,
        "cases": ["smooth, d = 4", "neuron, d = 4", "neuron, d = 8", "neuron, d = 16", "neuron, d = 32"],
        "neurons": [32, 64, 128, 256, 512, 1024],
        "points_a_neuron": 6,
        "test_points": 4096,
        "max_items": 24,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "cases": ["smooth, d = 2", "neuron, d = 3"],
        "neurons": [16, 32, 64],
        "test_points": 512,
        "max_items": 16,
    }

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "seeds", "points_a_neuron", "test_points", "max_items")}
        return [{"case": case, "neurons": k, **shared} for case in config["cases"] for k in config["neurons"]]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Medians over source seeds with bands of level 0.95 of the mean squared error on fresh Gaussian inputs over
        the variance of the target there: random features (ridge), neurons kept (rounded; rounded and flipped), and for
        a single neuron weights kept, in a two-layer source of at most as many random weights.

        A two-layer source too narrow for a unit of each sign makes no ticket: its error counts as infinite. Target and
        inputs are the same for all seeds; data are ``points_a_neuron`` times the neurons, 256 at least.
        """
        key = slt.Key(unit["seed"]) / self.name / unit["case"]
        case, d = _case(unit["case"])
        direction = _gaussian(key / "direction", 1, d)[0]
        direction = direction / np.linalg.norm(direction)
        x = _gaussian(key / "data", max(256, unit["points_a_neuron"] * unit["neurons"]), d)
        fresh = _gaussian(key / "test", unit["test_points"], d)
        y, wanted = _values(case, x @ direction), _values(case, fresh @ direction)
        rows, kept, numbers = [], [], set()
        for seed in range(unit["seeds"]):
            network = RandomNeurons(key / f"source {seed}", d, unit["neurons"])
            features, moments = network.features(fresh), Moments.of(network.features(x), y)
            predicted = [features @ moments.ridge(PENALTY)]
            thinned = Thinning(PENALTY).proposals(moments, network.key / "choice")
            for proposals in (thinned, Flips().improved(moments, thinned)):
                chosen = proposals[int(moments.errors(proposals).argmin())]
                found = FoundNeurons(network, chosen, float(np.float32(moments.scale(chosen))))
                predicted.append(found.scale * features[:, chosen].sum(axis=1))
            kept.append(float(found.kept.mean()))
            numbers.add(found.ticket().source_network.weights)
            errors = [float(np.mean((p - wanted) ** 2) / wanted.var()) for p in predicted]
            rows.append([*errors, _weight_error(unit, direction, fresh, wanted, seed, min(numbers))])
        table = np.array(rows)
        return {
            **{name: _band(table[:, i]) for i, name in enumerate(MEASURES) if case == "neuron" or name != "weights"},
            "kept": _band(np.array(kept)),
            "source_weights": min(numbers),
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        cases = list(dict.fromkeys(r["config"]["case"] for r in records))
        figure, axes = plots.new_figure(1, len(cases), width=3.3, height=3.4)
        for panel, case in zip(axes[0], cases, strict=True):
            for name, colour in zip(MEASURES, plots.PALETTE, strict=False):
                neurons, measured = _curve(records, case, name)
                if len(neurons):
                    plots.curve_with_band(panel, neurons, *measured.T, label=NAMES[name], colour=colour)
            plots.log2_axis(panel, "x")
            panel.set_yscale("log")
            panel.set_ylim(1e-6, 4)
            panel.set_title(case)
            panel.set_xlabel(plots.axis_label("random neurons", "1"))
            panel.set_ylabel(plots.axis_label("squared error / variance", "1"))
        plots.legend_below(figure, axes[0, -1], columns=4)
        return plots.save(figure, folder / "neuron-subnetworks")

    def summary(self, records: Sequence[Record]) -> str:
        seeds = max(r["config"]["seeds"] for r in records)
        lines = [f"medians over {seeds} source seeds of the squared error over the target's variance, fresh inputs"]
        for case in dict.fromkeys(r["config"]["case"] for r in records):
            lines.append(f"{case}:")
            for name in MEASURES:
                neurons, measured = _curve(records, case, name)
                if len(neurons):
                    values = ", ".join(f"{k:g}: {error:.2e}" for k, error in zip(neurons, measured[:, 0], strict=True))
                    lines.append(f"  {NAMES[name]:34} {values}")
            neurons, share = _curve(records, case, "kept")
            lines.append(f"  share of neurons kept by flips: {share[:, 0].min():.2f}..{share[:, 0].max():.2f}")
        return "\n".join(lines)


def _case(name: str) -> tuple[str, int]:
    """("smooth" or "neuron", d)."""
    kind, _, size = name.partition(", d = ")
    return kind, int(size)


def _values(case: str, along: Array) -> Array:
    """The target at inputs with these coordinates along its direction, a unit vector."""
    return np.sin(along) if case == "smooth" else np.maximum(along - THRESHOLD, 0.0)


def _gaussian(key: slt.Key, count: int, d: int) -> Array:
    law = slt.Normal()
    drawn: Array = law.draw(key, (1, count, d))[0] * 2.0**-law.exponent
    return drawn


def _weight_error(unit: Config, direction: Array, x: Array, wanted: Array, seed: int, weights: int) -> float:
    """The same error of a ticket of two-layer sums, in the widest source of at most ``weights`` random weights."""
    case, d = _case(unit["case"])
    width = weights // ((d + 1) * (d + 2))
    if case != "neuron" or not width:
        return np.inf
    layer = slt.Target.from_arrays([direction[None], [[1.0]]], [[-THRESHOLD], None]).layers[0]
    try:
        ticket = slt.find_ticket(
            slt.Target((layer,)),
            width=width,
            seed=slt.Key(unit["seed"]) / NeuronSubnetworks.name / unit["case"] / f"weights {seed}",
            max_items=unit["max_items"],
        )
    except NoUsableItemError:
        return np.inf
    assert ticket.source_network.weights <= weights
    return float(np.mean((ticket.collapsed().forward(x)[:, 0] - wanted) ** 2) / wanted.var())


def _band(sample: Array) -> list[float]:
    band = laws.quantile_band(sample, 0.5, LEVEL)
    return [band.estimate, band.low, band.high]


def _curve(records: Sequence[Record], case: str, name: str) -> tuple[Array, Array]:
    """Neurons (K,) and what was measured, (K, 3): median, low, high."""
    found = [r for r in records if r["config"]["case"] == case and name in r["result"]]
    found = sorted(found, key=lambda r: r["config"]["neurons"])
    return (
        np.array([r["config"]["neurons"] for r in found], dtype=np.float64),
        np.array([r["result"][name] for r in found], dtype=np.float64).reshape(-1, 3),
    )


EXPERIMENT = NeuronSubnetworks()
