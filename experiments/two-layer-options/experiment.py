"""Options of the two-layer construction, each beside the law that predicts it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

from .errors import Locked, Removed, Sizes
from .greedy import Greedy
from .hits import Fewest, Perturbed, Quantised
from .option import Option

GREEDY = Greedy()
OPTIONS: tuple[Option, ...] = (Sizes(), Fewest(), Removed(), Locked(), Perturbed(), Quantised(), GREEDY)


class TwoLayerOptions(Experiment):
    name = "two-layer-options"
    claim = (
        "What an option of the two-layer construction costs or saves is what its law says: subsets of one size, fewest "
        "units, removed and locked edges, weights that may be moved, weights of few bits, and a greedy in base golden "
        "ratio."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 300,
        "width": 80,
        "n": [8, 12, 16],
        "sizes": [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14],
        "tolerance": 0.01,
        "widths": [12, 16, 20, 24, 28, 32, 36, 40],
        "densities": [1.0, 0.7, 0.5, 0.3],
        "free": [10, 14],
        "locked": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3],
        "slacks": [0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001],
        "most": 20,
        "bits": [2, 3, 4, 5, 6, 7, 8],
        "smallest": 2.0**-6,
        "wide": [25, 50, 100, 200, 400, 800, 1600],
        "bins": [2, 4, 6, 8],
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "width": 40,
        "n": [6, 8],
        "sizes": [1, 2, 4],
        "widths": [12, 16],
        "densities": [1.0, 0.7],
        "free": [8],
        "locked": [0.0, 0.1],
        "slacks": [0.1, 0.01],
        "most": 10,
        "bits": [2, 3],
        "wide": [25, 50],
        "bins": [2, 4],
    }

    def units(self, config: Config) -> Sequence[Config]:
        return [unit for option in OPTIONS for unit in option.units(config)]

    def measure(self, unit: Config) -> Any:
        return _option(unit).measure(unit)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(4, 2, width=5.2, height=3.5)
        panels = axes.ravel()
        for option, panel in zip(OPTIONS, panels, strict=False):
            panel.set_title(option.title)
            option.draw(panel, _of(records, option))
        GREEDY.draw_errors(panels[-1], _of(records, GREEDY))
        return plots.save(figure, folder / "two-layer-options")

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for option in OPTIONS:
            mine = _of(records, option)
            lines.append(f"{option.name} ({option.law}), {mine[0]['config']['seeds']} sources a point")
            lines += option.lines(mine)
        return "\n".join(lines)


def _option(unit: Config) -> Option:
    return next(option for option in OPTIONS if option.name == unit["option"])


def _of(records: Sequence[Record], option: Option) -> list[Record]:
    return [record for record in records if record["config"]["option"] == option.name]


EXPERIMENT = TwoLayerOptions()
