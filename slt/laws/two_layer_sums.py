"""One weight as a two-layer sum: which units a branch may use, the chance of a miss, and the slopes that follow.

A target weight is a subset sum of products u_k v_k, k = 1 .. width, u and v uniform on [-1, 1]. Through a ReLU a unit
with u > 0 only serves positive inputs and a unit with u < 0 only negative ones, so each sign of the input is a branch
of its own, with a binomial number of usable units (predictions P11 and P12: heuristics derived for this project, no
theorems). Other sources count their units otherwise (`unit_counts`), or make other things of them (`sum_laws`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, positive
from slt.laws.no_miss import miss_table
from slt.laws.sum_laws import SUMS_OF_PRODUCTS, SumLaw
from slt.laws.unit_counts import PAPER, SIGN_OPTIMAL, Split, UnitCounts

__all__ = [
    "PAPER",
    "SIGN_OPTIMAL",
    "LayerSums",
    "Split",
    "block_error_slope",
    "checked",
    "weight_miss_probability",
    "worst_error_slope",
]

Array = NDArray[np.float64]
UNLIMITED: Final = 10**9


@final
@dataclass(frozen=True, slots=True, eq=False)
class LayerSums:
    """The sums that one layer poses: `weights` (d_out, d_in), with 2 `branches` where inputs take both signs, else 1;
    `biases` (d_out,) or None are one more coordinate, with one branch.
    """

    weights: NDArray[np.float64]
    branches: int = 1
    biases: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        doing = "sums of a layer"
        weights = finite("weights", self.weights, doing)
        if weights.ndim != 2 or not weights.size:
            raise InputError(f"{doing}: weights of shape {weights.shape} were given; (d_out, d_in) is needed.")
        if self.branches not in (1, 2):
            raise InputError(f"{doing}: {self.branches} branches were given; 1 or 2 is needed.")
        object.__setattr__(self, "weights", weights)
        if self.biases is not None:
            biases = finite("biases", self.biases, doing)
            if biases.shape != weights.shape[:1]:
                raise InputError(f"{doing}: biases of shape {biases.shape} were given; {weights.shape[:1]} is needed.")
            object.__setattr__(self, "biases", biases)

    def groups(self) -> list[tuple[Array, int]]:
        """|weights| (d_out, coordinates) with their number of branches, biases as a group of their own."""
        found = [(np.abs(self.weights), self.branches)]
        if self.biases is not None:
            found.append((np.abs(self.biases)[:, None], 1))
        return found


def weight_miss_probability(
    error: float,
    width: int,
    target: ArrayLike,
    split: UnitCounts = SIGN_OPTIMAL,
    branches: int = 1,
    max_items: int | None = None,
    sums: SumLaw = SUMS_OF_PRODUCTS,
) -> Array:
    """P(one weight misses by more than `error`), any of its `branches` counting; shaped like `target`.

    `width` hidden units, of which the usable ones are random as `split` says (P11, P12, P13, P17); `max_items` caps the
    number used; `sums` says what is made of them. Weights with |target| <= error, 0 included, never miss: nothing is
    kept. As exact as `sums`, which for subset sums is a heuristic. Raises `InputError` for bad input.
    """
    limit, units, cap = checked(error, width, max_items)
    size = np.abs(finite("target", target, "miss of a weight"))
    if branches not in (1, 2):
        raise InputError(f"miss of a weight: {branches} branches were given; 1 or 2 is needed.")
    log_hit = np.zeros(size.size)
    for counts, chances in split.usable(units, branches):
        first, miss = miss_table(limit, counts, size.ravel(), split, sums, cap)
        each = np.minimum(miss[counts - first], 1.0)
        either = each[:, 0] if counts.shape[1] == 1 else each[:, 0] + each[:, 1] - each[:, 0] * each[:, 1]
        log_hit += np.log1p(-np.minimum(chances @ either, 1 - 1e-16))
    return np.asarray(-np.expm1(log_hit)).reshape(size.shape)


def block_error_slope(split: UnitCounts = SIGN_OPTIMAL) -> float:
    """Bits by which the median error of a weight changes per hidden unit, - share * chance: -1/2 sign-optimal (P12),
    -1/4 paper (P11), -1 where every unit serves (P13, a unit being a mirrored pair), times both densities of a random
    graph (P17)."""
    return -split.share * split.chance


def worst_error_slope(split: UnitCounts = SIGN_OPTIMAL) -> float:
    """Bits per hidden unit for a rare or worst weight, share * log2(1 - chance / 2): -0.415 sign-optimal, -0.208 paper,
    -1 where every unit serves.

    A small miss probability is about E_n 2^-n / error, and with n binomial E 2^-n = (1 - chance / 2)^(share * width):
    weights with few usable units dominate. An orientation, not a fit: leaving the reach-limited widths the slope first
    overshoots, and beyond a width of about 12 log2(number of weights) / share it goes to `block_error_slope`. Slopes at
    a given width come from `networks.network_error_quantile`. Heuristic, derived here, not in the predictions table.
    """
    return split.share * math.log2(1 - split.chance / 2)


def checked(error: float, width: int, max_items: int | None) -> tuple[float, int, int]:
    """(error, width, cap on the number of items), or `InputError`."""
    doing = "law of two-layer sums"
    cap = UNLIMITED if max_items is None else int(count("max_items", max_items, doing, least=1))
    return float(positive("error", error, doing)), int(count("width", width, doing)), cap
