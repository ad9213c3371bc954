"""The best subset sum of random items, by enumeration: what the laws are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_errors(items: NDArray[np.float64], target: float, *, empty: bool = True) -> NDArray[np.float64]:
    """min over subsets of |sum - target| for every row of `items` (draws, n); without the empty subset if asked."""
    sums = np.zeros((items.shape[0], 1))
    for column in items.T:
        sums = np.concatenate([sums, sums + column[:, None]], axis=1)
    return np.abs(sums[:, 0 if empty else 1 :] - target).min(axis=1)


def uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.uniform(-1.0, 1.0, shape)


def uniform_product(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.uniform(-1.0, 1.0, shape) * rng.uniform(-1.0, 1.0, shape)
