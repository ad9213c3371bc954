"""The golden-ratio greedy in hyperbolic weights: bins that hold a product, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slt import laws, plots
from slt.constructions import Logarithmic
from slt.records import Record
from slt.runner import Config
from slt.subset_sum import Problem, golden_ratio

from .option import WEIGHT, Option, error_of, median, share, tickets


class Greedy(Option):
    """Each record holds both panels' curves: bins and errors come from the same tickets."""

    name = "golden ratio"
    title = "greedy, hyperbolic weights: first k bins filled (P16)"
    law = "P16, slt.laws.every_bin_filled"

    def units(self, config: Config) -> list[dict[str, Any]]:
        return [self.shared(config, smallest=config["smallest"], widths=config["wide"], bins=config["bins"])]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        deepest, smallest = max(unit["bins"]), unit["smallest"]
        # a unit of the width serves if its sign is right, half of the time
        chances = laws.hyperbolic_product_bin_probability(np.arange(1, 2 * deepest + 1), smallest, WEIGHT) / 2
        filled: dict[int, list[Any]] = {k: [] for k in unit["bins"]}
        low: dict[int, list[float]] = {k: [] for k in unit["bins"]}
        high: dict[int, list[float]] = {k: [] for k in unit["bins"]}
        errors, promised, above = [], [], 0
        for width in unit["widths"]:
            found = [t for t in tickets(unit, Logarithmic(smallest), width=width)]
            bins = np.array([_bins(ticket) for ticket in found])
            error = np.array([error_of(ticket) for ticket in found])
            bound = WEIGHT * laws.golden_ratio_bound(bins)
            above += int(np.count_nonzero(error > bound * (1 + 1e-12) + 2.0**-46))
            errors.append(median(error.tolist()))
            reached = [float(laws.every_bin_filled(width, chances[:k])[1]) for k in range(1, chances.size + 1)]
            promised.append(float(WEIGHT * laws.golden_ratio_bound(int(np.count_nonzero(np.array(reached) >= 0.5)))))
            for k in unit["bins"]:
                filled[k].append(share(list(bins >= k)))
                union, product = laws.every_bin_filled(width, chances[:k])
                low[k].append(float(union))
                high[k].append(float(product))
        return {
            "filled": [filled[k] for k in unit["bins"]],
            "low": [low[k] for k in unit["bins"]],
            "high": [high[k] for k in unit["bins"]],
            "errors": errors,
            "promised": promised,
            "above_the_bound": above,
        }

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        (record,) = records
        unit, result = record["config"], record["result"]
        plots.log2_axis(axes, "x")
        axes.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
        axes.set_ylabel(plots.axis_label("P(first k bins filled)", "1", "measured"))
        for k, seen, low, high in zip(unit["bins"], result["filled"], result["low"], result["high"], strict=True):
            last = k == unit["bins"][-1]
            plots.curve_with_band(axes, unit["widths"], *np.array(seen).T, label=f"k = {k}")
            plots.predicted(axes, unit["widths"], high, "upper bound" if last else "_")
            plots.predicted(axes, unit["widths"], low, "union bound" if last else "_", ":")
        plots.legend(axes)

    def draw_errors(self, axes: Any, records: Sequence[Record]) -> None:
        """The second panel."""
        (record,) = records
        unit, result = record["config"], record["result"]
        axes.set_title("greedy, hyperbolic weights: what is left (P16)")
        plots.log2_axis(axes, "both")
        axes.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
        axes.set_ylabel(plots.axis_label("error, median", "1", "measured"))
        plots.curve_with_band(axes, unit["widths"], *np.array(result["errors"]).T, label="median error")
        plots.predicted(axes, unit["widths"], result["promised"], "bound at the median number of bins")
        plots.legend(axes)

    def lines(self, records: Sequence[Record]) -> list[str]:
        (record,) = records
        unit, result = record["config"], record["result"]
        seen, low, high = (np.array(result[name]) for name in ("filled", "low", "high"))
        held = int(np.count_nonzero((seen[..., 1] <= high) & (low <= seen[..., 2])))
        ratio = np.array(result["errors"])[:, 0] / np.array(result["promised"])
        return [
            f"  shares of filled bins: {held} of {low.size} bands meet the two bounds; measured - upper bound "
            f"{(seen[..., 0] - high).min():+.3f}..{(seen[..., 0] - high).max():+.3f}",
            f"  errors above their own bound: {result['above_the_bound']} of {unit['seeds'] * len(unit['widths'])}; "
            f"median error / bound at the median number of bins {ratio.min():.2f}..{ratio.max():.2f}",
        ]


def _bins(ticket: Any) -> int:
    """How many bins in a row, from that of the weight on, hold a product of its sign."""
    if ticket is None:
        return 0
    source = ticket.source_network
    (part,) = source.distinct_parts.values()
    first = source.first(part)[0]
    items = (source.second(part, slice(0, 1))[0, 0].astype(np.int64) * first)[first > 0]
    goal = int(np.rint(np.ldexp(WEIGHT, 2 * source.law.exponent)))
    return int(golden_ratio(Problem.of(items, [goal])).bins[0])
