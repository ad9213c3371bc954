"""What is predicted: one panel a prediction, with its law as (items, line, points) -> (points, quantities)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slt import laws
from slt.laws import ItemLaw

from .samples import TARGET, Array, Whole, slack

PROBABILITIES = (0.1, 0.5, 0.9, 0.99)
QUANTILES = ("10 %", "50 %", "90 %", "99 %")
TAIL = 14  # the number of items at which whole tails are kept


def quantile_law(law: Callable[..., Any]) -> Callable[..., Array]:
    """(points, 4) from law(probability, items, line, points)."""
    return lambda items, line, x: np.column_stack([law(p, items, line, np.array(x)) for p in PROBABILITIES])


def each(law: Callable[..., Any]) -> Callable[..., Array]:
    """(points, 1) from law(items, line, point)."""
    return lambda items, line, x: np.array([[float(law(items, line, point))] for point in x])


def geometric_mean(items: ItemLaw, line: Mapping[str, Any], x: Sequence[int]) -> Array:
    # P1 holds the square of the target in the exponent, whose mean over uniform targets is 1/3
    z = np.sqrt(1 / 3) if line["target"] is None else line["target"]
    return np.asarray(laws.geometric_mean_error(np.array(x), z, items))[:, None]


def corrected_mean(items: ItemLaw, line: Mapping[str, Any], x: Sequence[int]) -> Array:
    return geometric_mean(items, line, x) * laws.finite_size_factor(np.array(x), items)[:, None]


def single_quantile(p: float, items: ItemLaw, line: Mapping[str, Any], n: Whole) -> Any:
    if line["target"] is None:
        return laws.average_error_quantile(p, n, items)
    return laws.error_quantile(p, n, line["target"], items)


@dataclass(frozen=True)
class Panel:
    """One prediction: which measurement it is about, and its law (items, line, points) -> (points, quantities)."""

    name: str
    data: str
    title: str
    axis: str
    law: Callable[[ItemLaw, Mapping[str, Any], Sequence[Any]], Array]
    quantities: Sequence[str] = QUANTILES
    chosen: Callable[[Mapping[str, Any]], bool] = lambda line: True
    counted: Callable[[Any], bool] = lambda point: True
    """The points that the verdict counts; the rest is drawn."""

    @property
    def shown(self) -> int:
        """The quantity that is drawn: the median, or the only one."""
        return 1 if len(self.quantities) > 1 else 0


def near_zero(line: Mapping[str, Any]) -> bool:
    return bool(line["target"] == 0.05)


def enough(n: int) -> bool:
    return n >= 10


def many(n: int) -> bool:
    return n >= 16


N_AXIS = "items n"
PANELS = (
    Panel("P1", "single", "geometric mean", N_AXIS, geometric_mean, ("mean log",), near_zero, enough),
    Panel(
        "P1'", "single", "with the kurtosis", N_AXIS, corrected_mean, ("mean log",), near_zero, enough
    ),
    Panel("P2", "single", "quantiles", N_AXIS, quantile_law(single_quantile), counted=many),
    Panel(
        "P4", "tail", f"tail near 0, n = {TAIL}", "error t", each(lambda i, c, t: laws.near_zero_tail(t, TAIL, i)),
        ("P",), near_zero, lambda t: t >= 2.0**-10,
    ),
    Panel(
        "P5", "tail", f"reach, n = {TAIL}", "error t", each(lambda i, c, t: laws.reach_tail(t, TAIL, c["target"], i)),
        ("P",), lambda c: c["target"] == 1.0, lambda t: t >= 2.0**-6,
    ),
    Panel(
        "P4+P5", "tail", f"mixture and reach, n = {TAIL}", "error t",
        each(lambda i, c, t: laws.miss_probability(t, TAIL, c["target"], i)), ("P",), lambda c: c["target"] is not None,
    ),
    Panel(
        "P6", "all targets", "all targets in [-1/2, 1/2]", N_AXIS,
        quantile_law(lambda p, i, c, n: laws.all_targets_quantile(p, n, items=i)), counted=enough,
    ),
    Panel(
        "P7", "partition", "partition", N_AXIS, quantile_law(lambda p, i, c, n: laws.partition_quantile(p, n, i)),
        counted=enough,
    ),
    Panel(
        "P8", "fixed size", "n/4 or n/2 of n items", N_AXIS,
        quantile_law(lambda p, i, c, n: laws.fixed_size_quantile(p, n, n // c["one in"], TARGET, i)), counted=enough,
    ),
    Panel(
        "P9", "vectors", "d dimensions", N_AXIS,
        quantile_law(lambda p, i, c, n: laws.vector_quantile(p, n, c["d"], TARGET, i)), counted=enough,
    ),
    Panel(
        "P15", "worst", "worst of many", "instances",
        quantile_law(lambda p, i, c, m: laws.worst_error_quantile(p, m, c["n"], None, i)),
    ),
    Panel(
        "P16", "golden ratio", "golden ratio: all bins filled", "hyperbolic samples",
        each(lambda i, c, m: laws.all_bins_filled(m, c["bins"], 0.5 / (c["bins"] + 1))[-1]), ("P",),
    ),
    Panel(
        "P17", "random graph", "random graph", N_AXIS,
        quantile_law(lambda p, i, c, n: [laws.thinned_quantile(p, int(m), c["density"], TARGET, i) for m in n]),
    ),
    Panel(
        "P18", "locked", "locked items", "locked",
        quantile_law(lambda p, i, c, m: laws.locked_quantile(p, c["free"], m, TARGET, i)),
    ),
    Panel(
        "P19", "perturbed", "perturbed: exact hits", N_AXIS,
        each(lambda i, c, n: laws.perturbed_exact_probability(n, target=TARGET, items=i, **slack(c))), ("P",),
    ),
    Panel(
        "P20", "quantised", "whole numbers: exact hits", N_AXIS,
        each(lambda i, c, n: laws.quantised_exact_probability(n, c["levels"], c["levels"] // 2)), ("P",),
    ),
    Panel(
        "P27", "fewest items", "more than k items needed", "k",
        each(lambda i, c, k: laws.fewest_items_tail(c["tolerance"], c["n"], TARGET, i)[k]), ("P",),
    ),
)  # fmt: skip
