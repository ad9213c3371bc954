"""Predictions for a whole network of two-layer sums: its chance of no miss, its largest weight error, its needed width.

Every target weight w_rj of a layer is a subset sum of products u_jk v_rjk, k = 1 .. width. The number n of units that a
branch may use (`two_layer_sums`) is shared by all outputs r of coordinate j. Given n, the misses of the outputs are
taken as independent, each with the probability p_n of `random_subset_sum.miss_probability` for products of uniforms:

    P(no miss) = prod over layers and coordinates of E_n prod_r (1 - p_n(w_rj)).

`split` gives the law of n (`unit_counts`: also sources in which every unit serves, and random graphs) and `sums` that
of p_n (`sum_laws`: subset sums of other items, or the best single product, as in `single_match`).

Epistemic status: predictions P11, P12 and P15, heuristics derived for this project and checked by simulation, no
theorems. Outputs of one coordinate also share the sizes of the u, which is neglected:
the true chance is somewhat larger (simulated 0.37 against 0.28), the number of misses is right within 20 %, and the
quantiles of the largest error mostly come out too large, by up to a half where the curve is steep (experiment mlp-law).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.no_miss import binned, log_no_miss, smallest_error, smallest_width
from slt.laws.random_subset_sum import average_error_quantile, error_quantile
from slt.laws.sum_laws import SUMS_OF_PRODUCTS, SumLaw
from slt.laws.two_layer_sums import LayerSums, checked, weight_miss_probability
from slt.laws.unit_counts import SIGN_OPTIMAL, UnitCounts

Array = NDArray[np.float64]


def layer_no_miss_probability(
    error: float,
    width: int,
    layer: LayerSums,
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> float:
    """P(every weight and bias of one layer is within `error`): see `network_no_miss_probability`."""
    return network_no_miss_probability(error, width, [layer], split, max_items, sums)


def network_no_miss_probability(
    error: float,
    width: int,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> float:
    """P(every sum of every layer is within `error`), the law in the head of this file (P11, P12, P15).

    `error` > 0 in units of the products; p_n is interpolated in |w| where there are more than 160 sizes.
    Heuristic. Raises `InputError`.
    """
    limit, units, cap = checked(error, width, max_items)
    return math.exp(_log_no_miss(limit, units, _some(layers), split, cap, sums))


def expected_misses(
    error: float,
    width: int,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> float:
    """Expected number of weights and biases that miss by more than `error`; same arguments. Heuristic (P15)."""
    limit, units, _ = checked(error, width, max_items)
    total = 0.0
    for layer in _some(layers):
        for sizes, branches in layer.groups():
            grid, cells = binned(sizes.reshape(1, -1), limit)
            total += float(cells[0] @ weight_miss_probability(limit, units, grid, split, branches, max_items, sums))
    return total


def needed_width_quantile(
    probability: float,
    error: float,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> int:
    """Smallest width at which no sum misses `error` with at least `probability`; bisection over widths. Heuristic.

    Raises `InputError` for bad input, `LimitError` when a width of 4096 is not enough (`max_items` may forbid any).
    """
    doing = "needed width of a network"
    wanted = float(probability_of("probability", probability, doing))
    limit, _, cap = checked(error, 1, max_items)
    network = _some(layers)
    return smallest_width(
        lambda width: _log_no_miss(limit, width, network, split, cap, sums),
        wanted, min(sums.most_width, split.most_width), doing, f" for error {limit}; allow more items or error",
    )  # fmt: skip


def network_error_quantile(
    probability: float,
    width: int,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> float:
    """The error that the largest error over all sums of a network stays below with `probability` (P15).

    At small widths it hardly falls with the width, as some weight cannot be reached; the slopes of `block_error_slope`
    and `worst_error_slope` come out only later. Units of the products; 1e-5 relative. Heuristic. Raises `InputError`.
    """
    wanted = float(probability_of("probability", probability, "largest error of a network"))
    _, units, cap = checked(1.0, width, max_items)
    network = _some(layers)
    largest = max(float(sizes.max()) for layer in network for sizes, _ in layer.groups())
    return smallest_error(lambda error: _log_no_miss(error, units, network, split, cap, sums), wanted, largest)


def worst_error_quantile(
    probability: ArrayLike, instances: ArrayLike, n: ArrayLike, target: float | None = None, items: ItemLaw = UNIFORM
) -> Array:
    """The error that the worst of `instances` independent subset sums of n items stays below with `probability` (P15).

    The quantile of one instance at probability^(1 / instances), so that instances * P(err > error) is about
    -ln(probability): reach and near-zero tail, not the typical error, decide. `target` None: each instance has its own,
    uniform on [-1, 1]. `probability`, `instances` >= 1 and `n` >= 1 broadcast; units of the items. Given the law of one
    instance it is exact; that law is a heuristic, and its far tail its weakest part.
    Exact optima (n = 12, 18, 10 and 100 instances, uniform targets, 1,000 worst cases): from 0.9 to 1.06 of the
    prediction where the worst is typical (uniform items, n = 18, median), but 0.15 to 1 where the reach decides.
    Raises `InputError` for bad input.
    """
    doing = "worst of many subset sums"
    q = probability_of("probability", probability, doing) ** (1 / count("instances", instances, doing, least=1))
    # so near 1 that only the bound of the error is left
    q = np.minimum(q, 1 - 1e-15)
    if target is None:
        return average_error_quantile(q, n, items)
    return error_quantile(q, n, float(finite("target", target, doing)), items)


def worst_error(instances: ArrayLike, n: ArrayLike, target: float | None = None, items: ItemLaw = UNIFORM) -> Array:
    """The error at which one of `instances` is expected to miss, instances * P(err > error) = 1: prediction P15.

    It is `worst_error_quantile` at probability 1/e, up to 1/instances. `instances` >= 2. Raises `InputError`.
    """
    many = count("instances", instances, "worst of many subset sums", least=2)
    return worst_error_quantile((1 - 1 / many) ** many, many, n, target, items)


def _some(layers: Sequence[LayerSums]) -> list[LayerSums]:
    if not layers:
        raise InputError("law of a network: no layer was given; give at least one LayerSums.")
    return list(layers)


def _log_no_miss(error: float, width: int, layers: list[LayerSums], split: UnitCounts, cap: int, sums: SumLaw) -> float:
    return sum(
        log_no_miss(error, width, sizes, branches, split, sums, cap)
        for layer in layers
        for sizes, branches in layer.groups()
    )
