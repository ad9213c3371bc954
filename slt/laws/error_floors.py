"""Error floors: how far a first block of smooth activations is from the linear map that its kept weights make.

A unit answers gain (phi(scale u x) - phi(0)), which is u x up to a remainder. What the kept units of one weight add up
to, sup over |x| <= 1 of |sum_k v_k remainder(u_k x)|, stays when every sum is exact: the floor. ReLUs and leaky ReLUs
have none.

Near 0 (tanh, sigmoid): phi(z) - phi(0) = phi'(0) (z - kappa z^3 + ...), kappa = 1/3 for tanh and 1/12 for the sigmoid,
so the floor is kappa scale^2 |c|, c = sum_k v_k u_k^3. Given that sum_k v_k u_k = w, u and v uniform on [-1, 1], a kept
unit's v u^3 is 3/5 of its v u and an independent rest of variance 1/21 - 9 / 15^2 = 4/525:

    c ~ N(3 w / 5, 4 kept / 525).

Far out (GELU): gelu(S x) / S = relu(x) + g(S x) / S with g(z) = -|z| Phi(-|z|), the same on both sides. Its sum is
taken as sqrt(kept / 3) / S times a Gaussian process over z = S |x| whose covariance, given the sums sum_k v_k u_k of
either sign of u, is

    C(z, z') = E g(u z) g(u z') - 3 E[u g(u z)] E[u g(u z')],   u uniform on [0, 1];

the floor is the sup of its size. Its quantiles come from 20,000 draws of a fixed seed.

Epistemic status: heuristics derived for this project, which take selection to act through sum_k v_k u_k alone.
Experiment replicated-rows-law holds them against tickets.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import finite, positive, probability_of

Array = NDArray[np.float64]
_MEAN: Final = 3 / 5
_REST: Final = 4 / 525


def tanh_floor_quantile(probability: float, scale: float, target: ArrayLike, kept: float) -> float:
    """The floor that a weight of tanh units stays within with `probability`; of an array, any of `target` alike.

    `scale` > 0 multiplies the inputs; `kept` units of a sum, on average. In units of the weight, for inputs in [-1, 1].
    Heuristic, to leading order in scale^2. Raises `InputError`.
    """
    return _cubic(probability, 1 / 3, scale, target, kept)


def sigmoid_floor_quantile(probability: float, scale: float, target: ArrayLike, kept: float) -> float:
    """The same for sigmoid units, a quarter of it."""
    return _cubic(probability, 1 / 12, scale, target, kept)


def gelu_floor_quantile(probability: float, scale: float, kept: float) -> float:
    """The floor that a weight of GELU units stays within with `probability`: of order 1 / `scale`, whatever the weight.

    `scale` >= 4 multiplies the inputs; `kept` units of both of its sums, on average. In units of the weight, for inputs
    in [-1, 1]. Heuristic. Raises `InputError`.
    """
    doing = "error floor of GELU units"
    q = float(probability_of("probability", probability, doing))
    s, number = float(positive("scale", scale, doing)), float(positive("kept", kept, doing))
    if s < 4:
        raise InputError(
            f"{doing}: a scale of {s} was given; at least 4 is needed for the largest floor to lie inside."
        )
    return float(np.quantile(_gelu_sups(), q)) * math.sqrt(number / 3) / s


def _cubic(probability: float, kappa: float, scale: float, target: ArrayLike, kept: float) -> float:
    doing = "error floor near 0"
    q = float(probability_of("probability", probability, doing))
    s, number = float(positive("scale", scale, doing)), float(positive("kept", kept, doing))
    mean = _MEAN * np.abs(finite("target", target, doing)).ravel()
    if not mean.size:
        raise InputError(f"{doing}: no target was given; at least one is needed.")
    spread = math.sqrt(_REST * number)
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def surplus(c: float) -> float:
        return float(np.mean(ndtr((c - mean) / spread) - ndtr((-c - mean) / spread))) - q

    high = float(mean.max()) + spread
    while surplus(high) < 0:
        high *= 2
    return kappa * s * s * float(brentq(surplus, 0.0, high, xtol=1e-12))


@cache
def _gelu_sups() -> Array:
    """Draws of the sup over z of |process|, (20000,)."""
    from scipy.special import ndtr

    z = np.geomspace(0.05, 4.0, 40)
    u = (np.arange(400) + 0.5) / 400
    reach = np.outer(u, z)
    g = -reach * ndtr(-reach)
    tilt = (u[:, None] * g).mean(axis=0)
    values, vectors = np.linalg.eigh(g.T @ g / len(u) - 3 * np.outer(tilt, tilt))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(0).standard_normal((20_000, len(z)))
    return np.asarray(np.abs(draws @ root.T).max(axis=1))
