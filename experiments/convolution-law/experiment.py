"""Convolutions by subset sums: the error of their taps against the width, beside the law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

Array = npt.NDArray[np.float64]
MEDIAN = 1
CASES = (
    ("3x3", "nonnegative"),
    ("3x3", "signed"),
    ("residual", "nonnegative"),
    ("identity", "nonnegative"),
    ("identity", "signed"),
)
NAMES = {
    ("3x3", "nonnegative"): "3x3 convolution, inputs >= 0",
    ("3x3", "signed"): "3x3 convolution, signed inputs",
    ("residual", "nonnegative"): "small residual network, inputs >= 0",
    ("identity", "nonnegative"): "identity, made for inputs >= 0",
    ("identity", "signed"): "identity, made for signed inputs",
}


class ConvolutionLaw(Experiment):
    name = "convolution-law"
    claim = (
        "Every tap of a convolution is a subset sum over the random units of its channel: the largest error of the "
        "taps follows slt.laws.networks with the taps of a channel as its outputs, with one branch for inputs >= 0 "
        "and two for signed ones; one branch alone fails on signed inputs at every width (P26)."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 100,
        "network_seeds": 40,
        "widths": [12, 18, 24, 30, 36, 42, 48],
        "network_widths": [12, 24, 36, 48],
        "points": 64,
        "steps": 10,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 5,
        "network_seeds": 2,
        "widths": [12],
        "network_widths": [12],
        "points": 4,
        "steps": 2,
    }

    def units(self, config: Config) -> Sequence[Config]:
        units = []
        for network, inputs in CASES:
            alone = network != "residual"
            extra = {} if alone else {"points": config["points"], "steps": config["steps"]}
            units += [
                {
                    "network": network, "inputs": inputs, "width": width, "seed": config["seed"],
                    "seeds": config["seeds" if alone else "network_seeds"], **extra,
                }
                for width in config["widths" if alone else "network_widths"]
            ]  # fmt: skip
        return units

    def measure(self, unit: Config) -> Mapping[str, Any]:
        from .networks import measured

        return measured(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(2, 2, width=4.6, height=3.4)
        for panel, case in zip(axes.ravel(), CASES[:3], strict=False):
            _draw_weights(panel, records, case)
        _draw_identity(axes[1, 1], records)
        plots.legend_below(figure, axes[1, 0], columns=2)
        return plots.save(figure, folder / self.name)

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for case in CASES:
            group = _of(records, case)
            width, largest, law = _widths(group), _medians(group, "largest_weight"), _law(group)
            in_band = sum(
                b[MEDIAN][1] <= told <= b[MEDIAN][2]
                for b, told in zip(_values(group, "largest_weight"), law, strict=True)
            )
            ratio = largest / law
            seeds = group[0]["config"]["seeds"]
            lines.append(
                f"{NAMES[case]}, {seeds} seeds: median largest error {largest[0]:.3g} at width {width[0]:g}, "
                f"{largest[-1]:.3g} at {width[-1]:g}; measured / law {ratio.min():.2f}..{ratio.max():.2f}, the law in "
                f"{in_band} of {len(group)} bands of level 0.95; "
                f"{sum(r['result']['without_ticket'] for r in group)} sources without a ticket"
            )
            if case[0] != "identity":
                told = np.array([r["result"]["law"]["typical_weight"] for r in group])
                ratio = _medians(group, "typical_weight") / told
                lines.append(f"  median error, measured / law: {ratio.min():.2f}..{ratio.max():.2f}")
            if case[0] == "residual":
                certified, gaps = _medians(group, "certified"), _medians(group, "certified_over_sampled")
                below = sum(r["result"]["certified_below_sampled"] for r in group)
                lines.append(
                    f"  certified output error {certified[0]:.3g}..{certified[-1]:.3g}, "
                    f"{gaps.min():.2f}..{gaps.max():.2f} times the sampled one (medians); below it {below} times"
                )
            if case[0] == "identity":
                both = _medians(group, "on_both_signs")
                lines.append(f"  on inputs in [-1, 1]: output error {both[0]:.3g}..{both[-1]:.3g} (medians)")
        return "\n".join(lines)


def _of(records: Sequence[Record], case: tuple[str, str]) -> list[Record]:
    found = [r for r in records if (r["config"]["network"], r["config"]["inputs"]) == case]
    return sorted(found, key=lambda r: r["config"]["width"])


def _widths(group: Sequence[Record]) -> Array:
    return np.array([r["config"]["width"] for r in group], dtype=np.float64)


def _values(group: Sequence[Record], name: str) -> list[Any]:
    return [r["result"][name] for r in group]


def _medians(group: Sequence[Record], name: str) -> Array:
    return np.array([v[MEDIAN][0] for v in _values(group, name)])


def _law(group: Sequence[Record], quantile: int = MEDIAN) -> Array:
    return np.array([r["result"]["law"]["largest_weight"][quantile] for r in group])


def _draw_weights(panel: Any, records: Sequence[Record], case: tuple[str, str]) -> None:
    group = _of(records, case)
    width = _widths(group)
    shown = [
        ("largest tap error, 90 % of the sources", "largest_weight", 2),
        ("largest tap error, median source", "largest_weight", MEDIAN),
        ("median tap error, median source", "typical_weight", MEDIAN),
    ]
    if case[0] == "residual":
        shown += [("output error, certified", "certified", MEDIAN), ("output error, sampled", "sampled", MEDIAN)]
    for label, name, quantile in shown:
        band = np.array([v[quantile] for v in _values(group, name)])
        plots.curve_with_band(panel, width, *band.T, label=label)
        if name == "largest_weight":
            plots.predicted(panel, width, _law(group, quantile), "_")
    typical = np.array([r["result"]["law"]["typical_weight"] for r in group])
    plots.predicted(panel, width, typical, "law")
    _dressed(panel, NAMES[case])


def _draw_identity(panel: Any, records: Sequence[Record]) -> None:
    for case in CASES[3:]:
        group = _of(records, case)
        band = np.array([v[MEDIAN] for v in _values(group, "on_both_signs")])
        label = "one branch" if case[1] == "nonnegative" else "two branches"
        plots.curve_with_band(panel, _widths(group), *band.T, label=label)
    plots.predicted(panel, _widths(group), _law(group), "law, two branches")
    _dressed(panel, "identity, on inputs in [-1, 1]")
    plots.legend(panel)


def _dressed(panel: Any, title: str) -> None:
    plots.log2_axis(panel)
    panel.set_title(title)
    panel.set_xlabel(plots.axis_label("width", "hidden channels a channel"))
    panel.set_ylabel(plots.axis_label("error", "1", "measured"))


EXPERIMENT = ConvolutionLaw()
