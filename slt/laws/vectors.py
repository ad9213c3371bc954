"""Vectors: subset sums of random vectors with iid coordinates, in the maximum norm."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, positive, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.tails import error_at

_STEP: Final = 0.02


def vector_geometric_mean(n: ArrayLike, dimension: ArrayLike, items: ItemLaw = UNIFORM) -> NDArray[np.float64]:
    """Geometric mean of the smallest maximum-norm error at target 0: sigma sqrt(pi / 2) e^(1/2 - gamma/d) 2^(-n/d) with
    sigma^2 = n E x^2 / 4, prediction P9: each item is worth 1/d bits.

    `n` >= 1 and `dimension` d >= 1 broadcast. Heuristic, derived for this project. The published theorem (Becchetti et
    al. 2022, recalled) needs n of order d^3 for all targets at once. Raises `InputError` for bad input.
    """
    doing = "geometric mean of a vector subset sum"
    sizes, d = count("n", n, doing, least=1), count("dimension", dimension, doing, least=1)
    sigma = np.sqrt(sizes * items.second_moment / 4)
    return np.asarray(sigma * math.sqrt(math.pi / 2) * np.exp(0.5 - np.euler_gamma / d) * np.exp2(-sizes / d))


def vector_tail(
    error: ArrayLike, n: ArrayLike, dimension: int, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> NDArray[np.float64]:
    """P(no subset sum of n vectors is within `error` of the target in every coordinate): P9 as a tail.

    E exp(-2^n (2 error phi_sigma(0))^d e^(-R^2 / 2)): the cube around the target holds a Poisson number of sums, and
    R^2, a non-central chi-square of d degrees with centre |target / sigma|^2, is how far half the sum of the items lies
    from the target. d = 1 is `mixture_tail`. `error` > 0 and `n` >= 1 broadcast; `target` is a vector (d,) or one
    number for all coordinates, in units of the items. 0 where the empty subset serves; at target exactly 0 it speaks of
    non-empty subsets. The reach is left out. Heuristic, derived here.
    By enumeration (d = 1 .. 4, n = 10 .. 14, 2,000 draws, target 0.3 deviations of an item in each coordinate) medians
    are 0.91 to 1.01 of the prediction, for products of normals 0.82 to 0.89 (see `finite_size_factor`); 90 % quantiles
    0.88 to 1.0 (1.19).
    Raises `InputError` for bad input.
    """
    doing = "tail of a vector subset sum"
    e, sizes = np.broadcast_arrays(positive("error", error, doing), count("n", n, doing, least=1))
    d = int(count("dimension", dimension, doing, least=1))
    wanted = _target(target, d, doing)
    length, largest = float(np.linalg.norm(wanted)), float(np.abs(wanted).max())
    result = np.zeros(e.size)
    for i, (limit, size) in enumerate(zip(e.ravel().tolist(), sizes.ravel().tolist(), strict=True)):
        if 0 < largest <= limit:
            continue
        sigma = math.sqrt(size * items.second_moment / 4)
        distance, density = _distances(d, length / sigma)
        log_rate = size * math.log(2) + d * math.log(2 * limit / (sigma * math.sqrt(2 * math.pi)))
        hits = np.exp(np.minimum(log_rate - distance * distance / 2, 700.0))
        result[i] = float(np.exp(-hits) @ density)
    return np.clip(result, 0.0, 1.0).reshape(e.shape)


def vector_quantile(
    probability: ArrayLike, n: ArrayLike, dimension: int, target: ArrayLike = 0.0, items: ItemLaw = UNIFORM
) -> NDArray[np.float64]:
    """The maximum-norm error that the best subset stays within with `probability`: `vector_tail` solved for it.

    `probability` in (0, 1) and `n` >= 1 broadcast; at most max |target|. Heuristic. Raises `InputError` for bad input.
    """
    doing = "quantile of a vector subset sum"
    q, sizes = np.broadcast_arrays(probability_of("probability", probability, doing), count("n", n, doing, least=1))
    middle = vector_geometric_mean(sizes, dimension, items)
    largest = float(np.abs(_target(target, int(dimension), doing)).max())
    high = largest if largest > 0 else middle * 1e6 / (1 - q)
    return error_at(lambda e: vector_tail(e, sizes, dimension, target, items), 1 - q, middle * q * 1e-3, high)


def _target(target: ArrayLike, d: int, doing: str) -> NDArray[np.float64]:
    wanted = finite("target", target, doing)
    if wanted.shape not in ((), (1,), (d,)):
        raise InputError(f"{doing}: a target of shape {wanted.shape} was given; ({d},) or one number is needed.")
    return np.broadcast_to(wanted, (d,))


@lru_cache(maxsize=64)
def _distances(d: int, centre: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A grid of R and its probabilities: the length of a normal vector of d coordinates around one of length centre."""
    from scipy.special import gammaln, ive

    low, high = max(0.0, math.sqrt(d) + centre - 12), math.sqrt(d) + centre + 12
    r = np.arange(low, high, _STEP) + _STEP / 2
    if centre < 1e-8:
        logs = (d - 1) * np.log(r) - r * r / 2 - (d / 2 - 1) * math.log(2) - gammaln(d / 2)
    else:
        bessel = np.log(np.maximum(ive(d / 2 - 1, r * centre), 1e-300))
        logs = np.log(r) + (d / 2 - 1) * np.log(r / centre) - (r - centre) ** 2 / 2 + bessel
    density = np.exp(logs) * _STEP
    return r, density / density.sum()
