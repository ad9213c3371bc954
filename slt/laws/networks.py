"""Predictions for a whole network of two-layer sums: its chance of no miss, its largest weight error, its needed width.

Every target weight w_rj of a layer is a subset sum of products u_jk v_rjk, k = 1 .. width. The number n of units that a
branch may use (`two_layer_sums`) is shared by all outputs r of coordinate j. Given n, the misses of the outputs are
taken as independent, each with the probability p_n of `random_subset_sum.miss_probability` for products of uniforms:

    P(no miss) = prod over layers and coordinates of E_n prod_r (1 - p_n(w_rj)).

Epistemic status: predictions P11, P12 and P15, heuristics derived for this project and checked by simulation, no
theorems. Outputs of one coordinate also share the sizes of the u, which is neglected:
the true chance is somewhat larger (simulated 0.37 against 0.28), the number of misses is right within 20 %, and the
quantiles of the largest error mostly come out too large, by up to a half where the curve is steep (experiment mlp-law).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, probability_of
from slt.laws.item_laws import UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.random_subset_sum import average_error_quantile, error_quantile, miss_probability
from slt.laws.two_layer_sums import SIGN_OPTIMAL, LayerSums, Split, checked, weight_miss_probability

Array = NDArray[np.float64]
_GRID: Final = 160
_MOST_WIDTH: Final = 4096


def layer_no_miss_probability(
    error: float, width: int, layer: LayerSums, split: Split = SIGN_OPTIMAL, max_items: int | None = None
) -> float:
    """P(every weight and bias of one layer is within `error`): see `network_no_miss_probability`."""
    return network_no_miss_probability(error, width, [layer], split, max_items)


def network_no_miss_probability(
    error: float, width: int, layers: Sequence[LayerSums], split: Split = SIGN_OPTIMAL, max_items: int | None = None
) -> float:
    """P(every sum of every layer is within `error`), the law in the head of this file (P11, P12, P15).

    `error` > 0 in units of the products; p_n is interpolated in |w| on 160 points. Heuristic. Raises `InputError`.
    """
    limit, units, cap = checked(error, width, max_items)
    return math.exp(_log_no_miss(limit, units, _some(layers), split, cap))


def expected_misses(
    error: float, width: int, layers: Sequence[LayerSums], split: Split = SIGN_OPTIMAL, max_items: int | None = None
) -> float:
    """Expected number of weights and biases that miss by more than `error`; same arguments. Heuristic (P15)."""
    limit, units, _ = checked(error, width, max_items)
    total = 0.0
    for layer in _some(layers):
        for sizes, branches in layer.groups():
            grid, cells = _binned(sizes.reshape(1, -1), limit)
            total += float(cells[0] @ weight_miss_probability(limit, units, grid, split, branches, max_items))
    return total


def needed_width_quantile(
    probability: float,
    error: float,
    layers: Sequence[LayerSums],
    split: Split = SIGN_OPTIMAL,
    max_items: int | None = None,
) -> int:
    """Smallest width at which no sum misses `error` with at least `probability`; bisection over widths. Heuristic.

    Raises `InputError` for bad input, `LimitError` when a width of 4096 is not enough (`max_items` may forbid any).
    """
    wanted = math.log(float(probability_of("probability", probability, "needed width of a network")))
    limit, _, cap = checked(error, 1, max_items)
    network = _some(layers)
    high = 4
    while _log_no_miss(limit, high, network, split, cap) < wanted:
        high *= 2
        if high > _MOST_WIDTH:
            raise LimitError(
                f"needed width of a network: {_MOST_WIDTH} is not enough for error {limit}; allow more items or error."
            )
    low = -1 if high == 4 else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = _log_no_miss(limit, middle, network, split, cap) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def network_error_quantile(
    probability: float,
    width: int,
    layers: Sequence[LayerSums],
    split: Split = SIGN_OPTIMAL,
    max_items: int | None = None,
) -> float:
    """The error that the largest error over all sums of a network stays below with `probability` (P15).

    At small widths it hardly falls with the width, as some weight cannot be reached; the slopes of `block_error_slope`
    and `worst_error_slope` come out only later. Units of the products; 1e-5 relative. Heuristic. Raises `InputError`.
    """
    wanted = math.log(float(probability_of("probability", probability, "largest error of a network")))
    _, units, cap = checked(1.0, width, max_items)
    network = _some(layers)
    largest = max(float(sizes.max()) for layer in network for sizes, _ in layer.groups())
    if largest == 0.0:
        return 0.0

    def surplus(log_error: float) -> float:
        log_chance = _log_no_miss(math.exp(log_error), units, network, split, cap)
        return math.log(-wanted) - math.log(max(-log_chance, 1e-300))

    # down from the largest weight in growing steps: wide networks need many bits, narrow ones almost none
    high = math.log(largest)
    step = 2 * math.log(2)
    low = high - step
    while surplus(low) > 0:
        high, step = low, 1.6 * step
        low = high - step
    from scipy.optimize import brentq

    return math.exp(brentq(surplus, low, high, xtol=1e-5))


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


def _log_no_miss(error: float, width: int, layers: list[LayerSums], split: Split, cap: int) -> float:
    total = 0.0
    for layer in layers:
        for sizes, branches in layer.groups():
            grid, cells = _binned(sizes.T, error)
            known = np.arange(min(width, cap) + 1)[:, None]
            miss = miss_probability(error, known, grid, UNIFORM_PRODUCT)
            log_hit = np.log(np.maximum(1 - miss, 1e-300)) @ cells.T
            for counts, chances in split.usable(width, branches):
                log_terms = log_hit[np.minimum(counts, cap)].sum(axis=1) + np.log(np.maximum(chances, 1e-300))[:, None]
                top = log_terms.max(axis=0)
                total += float(np.sum(top + np.log(np.exp(log_terms - top).sum(axis=0))))
    return min(total, 0.0)


def _binned(sizes: Array, error: float) -> tuple[Array, Array]:
    """A grid of |w| beyond `error`, and per row of `sizes` (R, M) the weight of every grid point (R, grid).

    A size between two grid points is shared out linearly, in the square root of its distance to the error, in which
    the grid is even. Sizes up to the error are left out.
    """
    rows = np.broadcast_to(np.arange(sizes.shape[0])[:, None], sizes.shape)
    missable = sizes > error
    reach = math.sqrt(max(float(sizes.max()) - error, error * 1e-9))
    grid = error * (1 + 1e-12) + np.linspace(0.0, reach, _GRID) ** 2
    place = np.sqrt(sizes[missable] - error) / reach * (_GRID - 1)
    cell = np.minimum(place.astype(np.int64), _GRID - 2)
    part = place - cell
    flat = rows[missable] * _GRID + cell
    total = sizes.shape[0] * _GRID
    cells = np.bincount(flat, 1 - part, total) + np.bincount(flat + 1, part, total)
    return grid, np.asarray(cells, np.float64).reshape(sizes.shape[0], _GRID)
