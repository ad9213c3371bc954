"""The initial scale of the random weights: what a sum of products f^2 u v can reach, against how finely it resolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from slt import laws, plots
from slt.records import Record
from slt.runner import Config, Experiment
from slt.subset_sum import solve
from slt.weights import Key, Uniform

LATTICE = 26  # of a factor; products lie on 2**-52
PROBABILITIES = (0.5, 0.9)
LEVEL = 0.99

Array = npt.NDArray[np.float64]


class AttentionScale(Experiment):
    name = "attention-scale"
    claim = (
        "With random weights multiplied by f a sum of n products f^2 u v reaches f^2 n / 8 and resolves f^2 2^-n: the "
        "best f grows with the root of the target, and the factor n_K^(1/4) of the theorem, which makes f = 1 by "
        "cancelling the softmax's 1 / sqrt(n_K), is what a logit scale of 1 does."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "draws": 2000,
        "items": 16,
        "targets": [0.1, 0.25, 0.5, 1.0, 2.0],
        "scales": [0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0],
        "control_target": 0.5,
        "control_items": [4, 8, 12, 16, 20, 24, 28, 32],
        "coordinates": 4,
    }  # fmt: skip
    smoke_config: ClassVar[Config] = {
        "draws": 100, "items": 8, "targets": [0.25, 1.0], "scales": [0.5, 1.0, 2.0], "control_items": [4, 8, 12],
    }  # fmt: skip

    def units(self, config: Config) -> Sequence[Config]:
        shared = {key: config[key] for key in ("seed", "draws")}
        scales = {"items": config["items"], "scales": config["scales"]}
        control = {key: config[key] for key in ("control_target", "control_items", "coordinates")}
        return [*({"target": w, **scales, **shared} for w in config["targets"]), {**control, **shared}]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles of the error of one sum with bands of level 0.99, and the share of draws that cannot reach: a row
        for each scale, or for each number of items with and without the theorem's factor and the softmax's normaliser.

        All scales and numbers of items share the draws.
        """
        if "scales" in unit:
            return _rows(unit, [(unit["target"], unit["items"], f) for f in unit["scales"]])
        rows = {}
        for name, scale in CONTROLS.items():
            cases = [(unit["control_target"], n, scale(unit["coordinates"] * n)) for n in unit["control_items"]]
            rows[name] = _rows(unit, cases)
        return rows

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(1, 3, width=4.0, height=3.6)
        _draw_scales(axes[0, 0], axes[0, 1], records)
        _draw_control(axes[0, 2], records)
        return plots.save(figure, folder / "attention-scale")

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for record in _by_target(records):
            unit, medians, law = _compared(record)
            best = int(np.argmin(medians[:, 0]))
            told = laws.best_initial_scale(unit["items"], [unit["target"]])
            lines.append(
                f"target {unit['target']:g}, {unit['items']} items: best scale measured {unit['scales'][best]:.3g} "
                f"(median {medians[best, 0]:.2g}), by the law {told:.3g}; out of reach at the smallest scale "
                f"{record['result']['unreached'][0]:.0%}, at the best {record['result']['unreached'][best]:.1%}; "
                f"measured / law {np.min(medians[:, 0] / law):.2f} to {np.max(medians[:, 0] / law):.2f}"
            )
        for record in records:
            if "coordinates" in record["config"]:
                unit = record["config"]
                lines.append(
                    f"target {unit['control_target']:g}, d {unit['coordinates']}, medians at "
                    f"{', '.join(map(str, unit['control_items']))} items a coordinate:"
                )
                for name in CONTROLS:
                    found = record["result"][name]
                    told = ", ".join(f"{row[0][0]:.1e}" for row in found["quantiles"])
                    lines.append(f"  {name}: {told}; out of reach {found['unreached'][-1]:.0%} at the last")
        return "\n".join(lines)


def _scale(of_weights: float, of_logits: float) -> Callable[[int], float]:
    """f by the dimension of keys n_K: f^2 = n_K^(2 of_weights) n_K^of_logits."""
    return lambda n_K: float(n_K) ** (of_weights + of_logits / 2)


CONTROLS = {
    "weights n_K^(1/4), logits over sqrt(n_K): the theorem": _scale(0.25, -0.5),
    "weights 1, logits as they are: the control": _scale(0.0, 0.0),
    "weights 1, logits over sqrt(n_K)": _scale(0.0, -0.5),
    "weights n_K^(1/4), logits as they are": _scale(0.25, 0.0),
}
"""What multiplies weights uniform on [-1, 1], and what the logits."""


def _rows(unit: Config, cases: list[tuple[float, int, float]]) -> dict[str, Any]:
    key = Key(unit["seed"]) / AttentionScale.name
    most = max(n for _, n, _ in cases)
    u, v = (Uniform(LATTICE).draw(key / name, (unit["draws"], 1, most))[:, 0].astype(np.int64) for name in "uv")
    quantiles, unreached = [], []
    for target, n, scale in cases:
        items, square = (u * v)[:, :n], scale**2
        wanted = np.full(len(items), round(target / square * 2 ** (2 * LATTICE)), dtype=np.int64)
        errors = square * solve(items, wanted, lattice=2 * LATTICE).error
        bands = [laws.quantile_band(errors, p, LEVEL) for p in PROBABILITIES]
        quantiles.append([[b.estimate, b.low, b.high] for b in bands])
        reach = np.maximum(items, 0).sum(axis=1)
        unreached.append(float(np.mean(reach < wanted)))
    return {"quantiles": quantiles, "unreached": unreached}


def _by_target(records: Sequence[Record]) -> list[Record]:
    return sorted((r for r in records if "scales" in r["config"]), key=lambda r: r["config"]["target"])


def _compared(record: Record) -> tuple[Config, Array, Array]:
    """The unit, medians with their bands (scales, 3), and what the law says, (scales,)."""
    unit = record["config"]
    law = laws.scaled_error_quantile(0.5, unit["items"], unit["target"], np.array(unit["scales"]))
    return unit, np.array(record["result"]["quantiles"])[:, 0], law


def _draw_scales(left: Any, middle: Any, records: Sequence[Record]) -> None:
    for number, record in enumerate(_by_target(records)):
        unit, medians, law = _compared(record)
        plots.curve_with_band(left, unit["scales"], *medians.T, label=f"target {unit['target']:g}")
        plots.predicted(left, unit["scales"], law, "law" if number == 0 else "_")
        middle.plot(unit["scales"], record["result"]["unreached"], "o-", label=f"target {unit['target']:g}")
        told = laws.reach_failure_probability(unit["target"] / np.array(unit["scales"]) ** 2, unit["items"])
        plots.predicted(middle, unit["scales"], told, "normal approximation" if number == 0 else "_")
    plots.log2_axis(left, "both")
    plots.log2_axis(middle, "x")
    left.set_title(f"{_by_target(records)[0]['config']['items']} items")
    left.set_ylabel(plots.axis_label("median error", "1", "measured"))
    middle.set_title("reach")
    middle.set_ylabel(plots.axis_label("share of draws out of reach", "1"))
    for panel in (left, middle):
        panel.set_xlabel(plots.axis_label("initial scale f", "1"))
        panel.legend(fontsize=6)


def _draw_control(panel: Any, records: Sequence[Record]) -> None:
    for record in records:
        unit = record["config"]
        if "coordinates" not in unit:
            continue
        for (name, scale), colour in zip(CONTROLS.items(), plots.PALETTE, strict=False):
            medians = np.array(record["result"][name]["quantiles"])[:, 0]
            plots.curve_with_band(panel, unit["control_items"], *medians.T, name, colour)
            scales = [scale(unit["coordinates"] * n) for n in unit["control_items"]]
            law = laws.scaled_error_quantile(0.5, unit["control_items"], unit["control_target"], scales)
            plots.predicted(panel, unit["control_items"], law, "_")
        panel.set_title(f"target {unit['control_target']:g}, d {unit['coordinates']}")
    plots.log2_axis(panel)
    panel.set_xlabel(plots.axis_label("width", "units a coordinate"))
    panel.set_ylabel(plots.axis_label("median error", "1", "measured"))
    panel.legend(fontsize=6)


EXPERIMENT = AttentionScale()
