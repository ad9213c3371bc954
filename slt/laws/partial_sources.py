"""Sources in part taken away or forced in: random graphs (items missing) and frozen weights (items locked)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.random_subset_sum import geometric_mean_error, miss_probability, mixture_tail
from slt.laws.reach import positive_part_distribution
from slt.laws.tails import DEVIATE_WEIGHTS, DEVIATES, error_at

Array = NDArray[np.float64]


def thinned_tail(error: ArrayLike, n: int, density: float, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM) -> Array:
    """P(err > error) where each of n items is there with probability `density`: the binomial mean of
    `miss_probability`, prediction P17 (Erdos-Renyi sources).

    `error` > 0 and `target` broadcast; without items only the empty subset is left. Given `miss_probability` it is
    exact; that is a heuristic. By enumeration (n = 12, 14, densities 0.3 .. 0.7, target 0.3, 4,000 draws) medians are
    0.87 to 1.01 of the prediction, 0.67 at 3.6 products of uniforms on average; 90 % quantiles 0.74 to 1.21.
    Raises `InputError` for bad input.
    """
    doing = "tail in a random graph"
    e = positive("error", error, doing)
    z = finite("target", target, doing)
    there, chances = _binomial(int(count("n", n, doing, least=1)), density)
    misses = miss_probability(e[..., None], there, z[..., None], items)
    return np.asarray(np.minimum(misses @ chances, 1.0))


def thinned_quantile(
    probability: ArrayLike, n: int, density: float, target: float = 0.0, items: ItemLaw = UNIFORM
) -> Array:
    """The error that err stays within with `probability` in a random graph (P17): `thinned_tail` solved for it.

    Its median falls by about `density` bits an item. |target| where nothing smaller has the probability, and +inf for
    target 0 where too often no item is there. Heuristic. Raises `InputError` for bad input.
    """
    doing = "quantile in a random graph"
    q = probability_of("probability", probability, doing)
    z = abs(float(finite("target", target, doing)))
    high = z if z > 0 else 10.0 * float(count("n", n, doing, least=1)) / (1 - q)
    found = error_at(lambda e: thinned_tail(e, n, density, z, items), 1 - q, q * math.exp2(-float(n) - 6), high)
    return np.where(
        thinned_tail(found * (1 + 1e-9), n, density, z, items) > 1 - q + 1e-9, np.inf if z == 0 else z, found
    )


def cover_probability(copies: int, density: float, groups: int = 1) -> float:
    """P(each of `groups` groups of `copies` units keeps a unit at least) = (1 - (1 - density)^copies)^groups (P17).

    The weak cover of a target edge by copies of it in a random graph. Exact. Raises `InputError` for bad input.
    """
    doing = "cover by a random graph"
    p = _density(density, doing)
    rho, many = int(count("copies", copies, doing)), int(count("groups", groups, doing))
    return float((1 - (1 - p) ** rho) ** many)


def locked_factor(free: ArrayLike, locked: ArrayLike) -> Array:
    """exp(2 locked / free), by which locked items raise the geometric mean of the error: prediction P18 as the table
    has it, without the reach. `free` >= 1, `locked` >= 0 broadcast. Heuristic."""
    doing = "cost of locked items"
    return np.asarray(np.exp(2 * count("locked", locked, doing) / count("free", free, doing, least=1)))


def locked_tail(
    error: ArrayLike, free: ArrayLike, locked: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> Array:
    """P(err > error) with `free` items to choose from and `locked` ones that are in whatever happens: P18 as a tail.

    The locked ones move the target by their sum, here taken as normal of variance locked E x^2. At each place the
    larger of `mixture_tail` and reach counts, which for moved, far targets is nearer to the truth than
    `miss_probability`. For a typical error that is the mixture of a shift of variance (1 + 4 locked / free) sigma^2,
    which gives `locked_factor`. `error` > 0, `free` >= 1, `locked` >= 0 and `target` broadcast. Heuristic.
    By enumeration (free = 8, 12, locked = 1, 4, 12, target 0.3, 4,000 draws) 10 % quantiles are 0.97 to 1.08 of the
    prediction and medians 0.98 to 1.14 for free = 12 (products of normals 0.84 and 1.27); for free = 8 medians go up to
    1.8. Higher quantiles leap where targets fall out of reach: 0.5 to 2.3.
    Raises `InputError` for bad input.
    """
    doing = "tail with locked items"
    e, n, kept, z = np.broadcast_arrays(
        positive("error", error, doing), count("free", free, doing, least=1), count("locked", locked, doing),
        finite("target", target, doing),
    )  # fmt: skip
    spread = np.sqrt(kept * items.second_moment)[..., None]
    moved = np.abs(z[..., None] - spread * DEVIATES[::3])
    misses = mixture_tail(e[..., None], n[..., None], moved, items)
    for size in np.unique(n).tolist():
        ends, reach = _reach(size, items)
        here = n == size
        short = np.interp(moved[here] - e[here][..., None], ends, reach, left=0.0, right=1.0)
        misses[here] = np.maximum(misses[here], short)
    # the empty subset; where the error is below the spacing of this rule, the mixture sees to it
    spacing = spread * (DEVIATES[3] - DEVIATES[0])
    misses = np.where((moved <= e[..., None]) & (e[..., None] > spacing) & (moved > 0), 0.0, misses)
    return np.asarray(np.minimum(misses @ (3 * DEVIATE_WEIGHTS[::3]), 1.0))


def locked_quantile(
    probability: ArrayLike, free: ArrayLike, locked: ArrayLike, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> Array:
    """The error that err stays within with `probability` beside locked items (P18): `locked_tail` solved for it.

    All arguments broadcast. Heuristic. Raises `InputError` for bad input.
    """
    doing = "quantile with locked items"
    q, n, kept, z = np.broadcast_arrays(
        probability_of("probability", probability, doing), count("free", free, doing, least=1),
        count("locked", locked, doing), finite("target", target, doing),
    )  # fmt: skip
    low = geometric_mean_error(n, 0.0, items) * q * 1e-2
    high = 10 * (np.sqrt((kept + n) * items.second_moment) + np.abs(z)) / (1 - q)
    return error_at(lambda e: locked_tail(e, n, kept, z, items), 1 - q, low, high)


@lru_cache(maxsize=64)
def _reach(n: int, items: ItemLaw) -> tuple[Array, Array]:
    """Distances up to where nothing is out of reach any more, and P(the positive items stay below them)."""
    ends = np.linspace(0.0, n * items.mean_abs / 2 + 8 * math.sqrt(n * items.second_moment), 600)
    return ends, positive_part_distribution(ends, np.full(ends.size, n), items)


def _density(density: float, doing: str) -> float:
    p = float(finite("density", density, doing))
    if not 0 <= p <= 1:
        raise InputError(f"{doing}: density = {p} was given; it has to lie in [0, 1].")
    return p


def _binomial(n: int, density: float) -> tuple[NDArray[np.int64], Array]:
    """The counts 0 .. n and their probabilities."""
    from scipy.stats import binom

    there = np.arange(n + 1)
    return there, np.asarray(binom.pmf(there, n, _density(density, "random graph")))
