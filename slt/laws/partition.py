"""Number partitioning: how evenly n random numbers can be split into two heaps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.laws.arguments import count, positive, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw


def partition_scale(n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """sqrt(2 pi n E x^2) 2^-n, the mean of the smallest difference of two heaps (P7); `n` >= 1, any shape."""
    sizes = count("n", n, "scale of number partitioning", least=1)
    return np.asarray(np.sqrt(2 * math.pi * sizes * items.second_moment) * np.exp2(-sizes.astype(np.float64)))


def partition_tail(error: ArrayLike, n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """P(min over signs of |sum of +-x_i| > error) = exp(-error / partition_scale(n)): prediction P7.

    `error` > 0, in units of the items, and `n` >= 1 broadcast. Only the sizes |x| matter, so `items` = `UNIFORM` is
    also the law of numbers uniform on [0, 1]. Exponential, so the median is ln 2 times the mean; 2^(n - 1) splits have
    a normal density 2 phi(0) at 0 of the variance n E x^2, which does not depend on the items' total.
    That the median is of order sqrt(n) 2^-n is a theorem (Karmarkar, Karp, Lueker, Odlyzko 1986); the exponential law
    is one for n -> inf (Borgs, Chayes, Pittel 2001, for integers); here it is used at finite n.
    Exact optima (n = 8 .. 20, 4,000 draws, the four item laws): medians are 0.98 to 1.10 of the prediction (1.23 for
    products of normals at n = 8), all quantiles within 8 % at n = 20 but for products of normals, whose 99 % quantile
    is 1.6 there and 62 at n = 12: one item that outweighs all others cannot be balanced.
    Raises `InputError` for bad input.
    """
    t = positive("error", error, "tail of number partitioning") / partition_scale(n, items)
    return np.asarray(np.exp(-t))


def partition_quantile(probability: ArrayLike, n: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """The difference that the best split stays within with `probability`: -ln(1 - probability) `partition_scale(n)`.

    `probability` in (0, 1) and `n` >= 1 broadcast. Status as `partition_tail`. Raises `InputError` for bad input.
    """
    q = probability_of("probability", probability, "quantile of number partitioning")
    return np.asarray(-np.log1p(-q) * partition_scale(n, items))
