"""An experiment of your own: copy this file to ``experiments/<name>/experiment.py``, give it the folder's name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from slt import plots
from slt.laws.needed_width import quantile_band
from slt.laws.random_subset_sum import error_quantile
from slt.records import Record
from slt.runner import Config, Experiment
from slt.subset_sum import solve
from slt.weights import Key, Uniform

LATTICE = 52  # on 23 bits, the lattice of network weights, exact hits would bend the law
LEVEL = 0.99
TARGET = 0.3


class Template(Experiment):
    name = "template"
    claim = "The median error of the best sum of n uniform items at target 0.3 is that of slt.laws."
    default_config: ClassVar[Config] = {"seed": 0, "items": [4, 6, 8, 10, 12, 14, 16], "draws": 4000}
    smoke_config: ClassVar[Config] = {"items": [4, 6, 8], "draws": 500}

    def units(self, config: Config) -> Sequence[Config]:
        """One unit for each size; a unit says all that ``measure`` needs, seed included."""
        return [{"items": n, "draws": config["draws"], "seed": config["seed"]} for n in config["items"]]

    def measure(self, unit: Config) -> dict[str, Any]:
        """The median error and its exact band; draws are addressed by the key, so fewer are a prefix of more."""
        key, draws = Key(unit["seed"]) / self.name, unit["draws"]
        items = Uniform(LATTICE).draw(key, (draws, 1, unit["items"]))[:, 0]
        target = np.full(draws, round(TARGET * 2**LATTICE))
        band = quantile_band(solve(items, target, lattice=LATTICE).error, 0.5, LEVEL)
        return {"median": [band.estimate, band.low, band.high]}

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        n, medians, law = _curves(records)
        figure, axes = plots.new_figure(1, 1, width=4.2, height=4.0)
        plots.curve_with_band(axes[0, 0], n, medians[:, 0], medians[:, 1], medians[:, 2], "measured")
        plots.predicted(axes[0, 0], n, law, "law")
        plots.log2_axis(axes[0, 0], "y")
        axes[0, 0].set_title(f"the best sum of n items, target {TARGET}")
        axes[0, 0].set_xlabel(plots.axis_label("items n", "1"))
        axes[0, 0].set_ylabel(plots.axis_label("median error, measured", "units of the items"))
        plots.legend(axes[0, 0])
        return plots.save(figure, folder / self.name)

    def summary(self, records: Sequence[Record]) -> str:
        n, medians, law = _curves(records)
        inside = (medians[:, 1] <= law) & (law <= medians[:, 2])
        lines = [f"n: median error, measured [band of level {LEVEL}] / law"]
        for size, (median, low, high), told in zip(n, medians, law, strict=True):
            lines.append(f"{size}: {median:.3g} [{low:.3g}, {high:.3g}] / {told:.3g}")
        return "\n".join([*lines, f"the law is in the band at {np.count_nonzero(inside)} of {len(n)} sizes"])


def _curves(records: Sequence[Record]) -> tuple[Any, Any, Any]:
    """Sizes (S,); measured medians (S, 3): estimate, low, high; the law's (S,)."""
    ordered = sorted(records, key=lambda record: record["config"]["items"])
    n = np.array([record["config"]["items"] for record in ordered])
    return n, np.array([record["result"]["median"] for record in ordered]), error_quantile(0.5, n, TARGET)


EXPERIMENT = Template()
