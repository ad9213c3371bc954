"""The best subset sum of random items, by enumeration: what the laws are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT


def best_errors(items: NDArray[np.float64], target: float, *, empty: bool = True) -> NDArray[np.float64]:
    """min over subsets of |sum - target| for every row of `items` (draws, n); without the empty subset if asked."""
    return np.abs(all_sums(items)[:, 0 if empty else 1 :] - target).min(axis=1)


def all_sums(items: NDArray[np.float64]) -> NDArray[np.float64]:
    """All subset sums (draws, 2^n, ...) of `items` (draws, n, ...); bit i of the second index says if item i is in."""
    sums = np.zeros((len(items), 1, *items.shape[2:]))
    for i in range(items.shape[1]):
        sums = np.concatenate([sums, sums + items[:, i : i + 1]], axis=1)
    return sums


def sizes(n: int) -> NDArray[np.int64]:
    """How many items each subset has, (2^n,), in the order of `all_sums`."""
    return np.array([i.bit_count() for i in range(2**n)])


def uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.uniform(-1.0, 1.0, shape)


def uniform_product(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.uniform(-1.0, 1.0, shape) * rng.uniform(-1.0, 1.0, shape)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.standard_normal(shape)


def normal_product(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.standard_normal(shape) * rng.standard_normal(shape)


DRAWS = ((UNIFORM, uniform), (UNIFORM_PRODUCT, uniform_product), (NORMAL, normal), (NORMAL_PRODUCT, normal_product))
"""Every item law with what draws its items."""
