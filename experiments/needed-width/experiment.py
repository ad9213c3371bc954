"""How many random items it takes to come within an error of a target, draw by draw, beside the law."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from slt import plots
from slt.laws.needed_width import proportion_band, quantile_band
from slt.laws.random_subset_sum import average_miss_probability, needed_items
from slt.records import Record
from slt.runner import Config, Experiment
from slt.subset_sum import Status, solve
from slt.weights import Key, Uniform

LATTICE = 52
ITEMS = 44  # the most that the solver searches through; a draw that needs more counts as infinite
PROBABILITIES = (0.5, 0.9, 0.99)
LEVEL = 0.99

Array = npt.NDArray[np.float64]


class NeededWidth(Experiment):
    name = "needed-width"
    claim = (
        "The number of uniform items that a uniform target needs for an error grows by one for every bit: its median "
        "is 7, 9, 11, 13, 15, 17 at the errors 2^-6, 2^-8 .. 2^-16, and its quantiles are those of slt.laws."
    )
    default_config: ClassVar[Config] = {"seed": 0, "bits": list(range(6, 21)), "draws": 20000}
    smoke_config: ClassVar[Config] = {"bits": [6, 8, 10], "draws": 2000}

    def units(self, config: Config) -> Sequence[Config]:
        return [{"bits": bits, "draws": config["draws"], "seed": config["seed"]} for bits in config["bits"]]

    def measure(self, unit: Config) -> dict[str, Any]:
        """How many draws need how many items for the error 2^-bits, and quantiles with bands of level 0.99.

        The items of a draw are one sequence and its needed width is the length of the shortest prefix with a subset sum
        within the error, 0 where nothing at all is. All errors share the draws.
        """
        key, draws = Key(unit["seed"]) / self.name, unit["draws"]
        items = Uniform(LATTICE).draw(key / "items", (draws, 1, ITEMS))[:, 0]
        targets = Uniform(LATTICE).draw(key / "targets", (draws, 1, 1))[:, 0, 0]
        result = solve(items, targets, tolerance=2.0 ** -unit["bits"], lattice=LATTICE)
        reached = result.status == Status.WITHIN_TOLERANCE
        width = np.where(reached, result.prefix, np.inf)
        sizes, counts = np.unique(result.prefix[reached], return_counts=True)
        return {
            "widths": np.column_stack([sizes, counts]),
            "unreached": int(np.count_nonzero(~reached)),
            "quantiles": [_band(width, p) for p in PROBABILITIES],
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(1, 2, width=4.2, height=4.0)
        _draw_quantiles(axes[0, 0], records)
        _draw_misses(axes[0, 1], records)
        return plots.save(figure, folder / "needed-width")

    def summary(self, records: Sequence[Record]) -> str:
        bits, measured, law = _compared(records)
        draws = sorted({r["config"]["draws"] for r in records})
        unreached = sum(r["result"]["unreached"] for r in records)
        lines = [
            f"needed items, measured [band of level {LEVEL}] / law, {' or '.join(f'{d:,}' for d in draws)} draws; "
            f"more than {ITEMS} items are needed by {unreached} over all errors"
        ]
        for i, bit in enumerate(bits):
            parts = [
                f"{p:.0%} {measured[i, j, 0]:g} [{measured[i, j, 1]:g}, {measured[i, j, 2]:g}] / {law[i, j]:g}"
                for j, p in enumerate(PROBABILITIES)
            ]
            lines.append(f"2^-{bit}: " + ", ".join(parts))
        off = measured[:, :, 0] - law
        for j, p in enumerate(PROBABILITIES):
            lines.append(
                f"{p:.0%}: the law is exact at {np.count_nonzero(off[:, j] == 0)} of {len(bits)} errors, "
                f"measured minus law {off[:, j].min():g}..{off[:, j].max():g}"
            )
        if len(bits) > 1:
            slope = np.polyfit(bits, measured[:, 0, 0], 1)[0]
            lines.append(
                f"items per bit, least squares of the medians: {slope:.3f}, of the law's medians "
                f"{np.polyfit(bits, law[:, 0], 1)[0]:.3f}"
            )
        return "\n".join([*lines, _share_text(records)])


def _band(width: Array, probability: float) -> list[float]:
    band = quantile_band(width, probability, LEVEL)
    return [band.estimate, band.low, band.high]


def _compared(records: Sequence[Record]) -> tuple[npt.NDArray[np.int64], Array, Array]:
    """bits (E,); measured (E, 3, 3): estimate, low, high of the quantiles; the law's (E, 3)."""
    ordered = sorted(records, key=lambda r: r["config"]["bits"])
    bits = np.array([r["config"]["bits"] for r in ordered])
    law = np.array([[needed_items(2.0**-bit, p) for p in PROBABILITIES] for bit in bits.tolist()], dtype=np.float64)
    return bits, np.array([r["result"]["quantiles"] for r in ordered]), law


def _shares(record: Record) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The sizes n from 0 on and how many draws need more than n items, (sizes,) each, up to the widest draw."""
    widths = np.array(record["result"]["widths"])
    n = np.arange(int(widths[:, 0].max()))
    return n, record["result"]["unreached"] + np.array([widths[widths[:, 0] > size, 1].sum() for size in n])


def _share_text(records: Sequence[Record]) -> str:
    """How the shares of draws that n items are too few for compare with the law, where 20 draws or more are."""
    parts = []
    for record in sorted(records, key=lambda r: r["config"]["bits"]):
        n, more = _shares(record)
        n, more = n[more >= 20], more[more >= 20]
        bands = [proportion_band(count, record["config"]["draws"], LEVEL) for count in more]
        law = average_miss_probability(2.0 ** -record["config"]["bits"], n)
        ratio = np.array([b.estimate for b in bands]) / law
        held = sum(b.low <= told <= b.high for b, told in zip(bands, law, strict=True))
        parts.append(f"2^-{record['config']['bits']} {ratio.min():.2f}..{ratio.max():.2f}, {held} of {len(n)} in band")
    return "shares of draws that n items are too few for, measured / law: " + "; ".join(parts)


def _draw_quantiles(panel: Any, records: Sequence[Record]) -> None:
    bits, measured, law = _compared(records)
    error = np.exp2(-bits.astype(np.float64))
    for j in reversed(range(len(PROBABILITIES))):
        plots.curve_with_band(panel, error, *measured[:, j].T, label=f"{PROBABILITIES[j]:.0%} of the draws")
        plots.predicted(panel, error, law[:, j], "law" if j == 0 else "_")
    plots.log2_axis(panel, "x")
    panel.invert_xaxis()
    panel.set_yticks(range(0, ITEMS, 5))
    panel.set_ylim(law.min() - 2, law.max() + 2)
    panel.set_title("items that a draw needs")
    panel.set_xlabel(plots.axis_label("error", "units of the items"))
    panel.set_ylabel(plots.axis_label("needed items, measured", "1"))
    plots.legend(panel)


def _draw_misses(panel: Any, records: Sequence[Record]) -> None:
    """The share of draws that n items are too few for, at up to four errors."""
    ordered = sorted(records, key=lambda r: r["config"]["bits"])
    wanted = [r for r in ordered if r["config"]["bits"] in (6, 10, 14, 18)] or ordered[:4]
    for record in wanted:
        bits, draws = record["config"]["bits"], record["config"]["draws"]
        n, more = _shares(record)
        bands = [proportion_band(count, draws, LEVEL) for count in more]
        plots.curve_with_band(
            panel, n, [b.estimate for b in bands], [b.low for b in bands], [b.high for b in bands], f"error 2^-{bits}"
        )
        plots.predicted(panel, n, average_miss_probability(2.0**-bits, n), "law" if record is wanted[-1] else "_")
    panel.set_yscale("log")
    panel.set_ylim(0.5 / max(r["config"]["draws"] for r in wanted), 1.5)
    panel.set_title("draws that n items are too few for")
    panel.set_xlabel(plots.axis_label("items n", "1"))
    panel.set_ylabel(plots.axis_label("share of draws, measured", "1"))
    plots.legend(panel)


EXPERIMENT = NeededWidth()
