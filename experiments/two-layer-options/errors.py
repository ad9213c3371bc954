"""Options that change the error of a sum: subsets of one size, removed and locked edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import bdtr

from slt import laws, plots
from slt.constructions import ErdosRenyi, FixedSize, RandomGraph, TwoLayerSum
from slt.records import Record
from slt.runner import Config

from .option import WEIGHT, Option, curves, error_of, median, median_of, ratios, tickets


class Sizes(Option):
    name = "fixed size"
    title = "exactly k of n units (P8)"
    law = "P8, slt.laws.fixed_size_quantile"

    def units(self, config: Config) -> list[dict[str, Any]]:
        return [self.shared(config, n=n, width=config["width"], sizes=_below(config["sizes"], n)) for n in config["n"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        n, width, seen, density = unit["n"], unit["width"], [], []
        for size in unit["sizes"]:
            found = list(tickets(unit, TwoLayerSum(selection=FixedSize(size)), width=width, max_items=n))
            seen.append(median([error_of(ticket) for ticket in found]))
            density.append(float(np.median([t.findings.kept / width for t in found if t is not None])))
        law = laws.fixed_size_quantile(0.5, n, unit["sizes"], WEIGHT, laws.UNIFORM_PRODUCT)
        return {"measured": seen, "law": law.tolist(), "density": density}

    def legend(self, unit: Config) -> str:
        return f"n = {unit['n']}"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        plots.log2_axis(axes)
        axes.set_xlabel(plots.axis_label("share k / n of the usable units", "1"))
        axes.set_ylabel(plots.axis_label("error, median", "1", "measured"))
        curves(axes, self, records, lambda unit: np.array(unit["sizes"]) / unit["n"])

    def lines(self, records: Sequence[Record]) -> list[str]:
        best = []
        for record in records:
            unit, result = record["config"], record["result"]
            at, told = int(np.argmin(np.array(result["measured"])[:, 0])), int(np.argmin(result["law"]))
            best.append(
                f"  n = {unit['n']}: least error at k = {unit['sizes'][at]} (law {unit['sizes'][told]}), density of "
                f"the second layer {result['density'][at]:.3f}, {result['density'][0]:.3f} at k = {unit['sizes'][0]}"
            )
        return ratios(self, records) + best


class Removed(Option):
    name = "removed edges"
    title = "edges there with probability p (P17)"
    law = "P17, slt.laws.thinned_quantile"

    def units(self, config: Config) -> list[dict[str, Any]]:
        return [self.shared(config, density=p, widths=config["widths"]) for p in config["densities"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        p, seen, law, without = unit["density"], [], [], 0
        for width in unit["widths"]:
            found = list(tickets(unit, ErdosRenyi(p), width=width, max_items=44))
            without += found.count(None)
            seen.append(median([error_of(ticket) for ticket in found]))
            # a unit serves if its sign is right and both its edges are there
            law.append(float(laws.thinned_quantile(0.5, width, p * p / 2, WEIGHT, laws.UNIFORM_PRODUCT)))
        return {"measured": seen, "law": law, "without_ticket": without}

    def legend(self, unit: Config) -> str:
        return f"p = {unit['density']:g}"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        plots.log2_axis(axes)
        axes.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
        axes.set_ylabel(plots.axis_label("error, median", "1", "measured"))
        curves(axes, self, records, lambda unit: unit["widths"])

    def lines(self, records: Sequence[Record]) -> list[str]:
        slopes = []
        for record in records:
            unit, result = record["config"], record["result"]
            half = max(0, min(len(unit["widths"]) // 2, len(unit["widths"]) - 2))
            seen, told = (
                np.polyfit(unit["widths"][half:], np.log2(y[half:]), 1)[0]
                for y in (np.array(result["measured"])[:, 0], np.array(result["law"]))
            )
            slopes.append(
                f"  p = {unit['density']:g}: {seen:+.3f} bits a hidden unit from width {unit['widths'][half]} on (law "
                f"{told:+.3f}, asymptote {-(unit['density'] ** 2) / 2:+.3f}); {result['without_ticket']} sources "
                "without a unit of the right sign"
            )
        return ratios(self, records) + slopes


class Locked(Option):
    name = "locked edges"
    title = "edges locked with probability q (P18)"
    law = "P18, slt.laws.locked_tail"

    def units(self, config: Config) -> list[dict[str, Any]]:
        shared = {"width": config["width"], "locked": config["locked"]}
        return [self.shared(config, free=free, **shared) for free in config["free"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        free, width, seen, law = unit["free"], unit["width"], [], []
        for q in unit["locked"]:
            frozen = TwoLayerSum(frozen=RandomGraph(1.0, q) if q else None)
            seen.append(median([error_of(t) for t in tickets(unit, frozen, width=width, max_items=free)]))
            # of the right sign and locked: half of q of all units
            counts = np.arange(width + 1)
            below = bdtr(counts, width, q / 2)
            chances = np.diff(below, prepend=0.0)
            counts, chances = counts[chances > 1e-9], chances[chances > 1e-9]
            law.append(
                median_of(
                    lambda e, c=counts, p=chances: (
                        laws.locked_tail(e[..., None], free, c, WEIGHT, laws.UNIFORM_PRODUCT) @ p
                    )
                )
            )
        return {"measured": seen, "law": law}

    def legend(self, unit: Config) -> str:
        return f"{unit['free']} free units"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        plots.log2_axis(axes)
        axes.set_xlabel(plots.axis_label("locked units for each free one, mean", "1"))
        axes.set_ylabel(plots.axis_label("error, median", "1", "measured"))
        for record in records:
            ratio = _locked_for_each_free(record["config"])
            start = record["result"]["law"][0]
            plots.predicted(
                axes, ratio, start * np.exp(2 * ratio), "exp(2 locked / free)" if record is records[-1] else "_", ":"
            )
        curves(axes, self, records, _locked_for_each_free)

    def lines(self, records: Sequence[Record]) -> list[str]:
        factors = []
        for record in records:
            unit, result = record["config"], record["result"]
            seen, told = np.array(result["measured"])[:, 0], np.array(result["law"])
            ratio = _locked_for_each_free(unit)[-1]
            factors.append(
                f"  {self.legend(unit)}: {ratio:.2f} locked for each free one raise the error {seen[-1] / seen[0]:.2f} "
                f"times (law {told[-1] / told[0]:.2f}, exp(2 locked / free) {np.exp(2 * ratio):.2f})"
            )
        return ratios(self, records) + factors


def _locked_for_each_free(unit: Config) -> Any:
    return np.array(unit["locked"]) * unit["width"] / 2 / unit["free"]


def _below(sizes: Sequence[int], n: int) -> list[int]:
    return [size for size in sizes if size < n]
