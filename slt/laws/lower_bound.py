"""What no pruning can beat: the least error of the best of 2^m subnetworks (Pensia et al. 2020, theorem 2; P28).

**Proved here.** Let g be a random network, of any kind and distribution, that has at most 2^m subnetworks, and let the
target be x -> W x with W uniform on the unit ball B = {||W|| <= 1} of a norm on R^D (D = d_out d_in). A subnetwork g_S
approximates W within e if sup over ||x|| <= 1 of ||W x - g_S(x)|| is at most e. Then

    P(some subnetwork approximates W within e) <= 2^m e^D.

Of one subnetwork let K be the set of W in B that it approximates. Two of them are at most 2 e apart by the triangle
inequality, so (K - K) / 2 is a part of e B, while its volume is at least that of K (Brunn and Minkowski):
vol K <= e^D vol B. Add up over the subnetworks, then average over the random network.

So if every W in B is approximated with probability p at least, 2^m e^D >= p: m >= D log2(1/e) - log2(1/p), and
e >= 2^(-(m + log2(1/p)) / D). The theorem as published (recalled from papers that restate it) has 1/2 in front, as it
counts a packing of B by its covering: m >= D log2(1/(2e)) - 1 at p = 1/2; it follows from this one.

**Norms.** The operator norm is the sup error on the unit ball of inputs. The proof holds for every norm in which B and
the error are measured alike, also for the largest entry: W uniform on [-1, 1]^D and every weight within e. That covers
networks of any depth of which D collapsed weights are wanted.

**What m counts.** All parameters that may be pruned, each by itself: for a two-layer source of `width` units a
coordinate, first layer d_in * (d_in * width), second layer d_out * (d_in * width). A method that decides over fewer
(only the second layer, say, the first being masked the same for every target) has the larger bound of that smaller m.
Numbers taken from the target beside the mask, such as a scale out of 2^b, add their b bits to m.
The bound speaks of all targets, or of a uniform one; for one given W it says nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.laws.arguments import count, positive, probability_of

Array = NDArray[np.float64]


def pruning_error_bound(parameters: ArrayLike, dimension: ArrayLike, probability: ArrayLike = 0.5) -> Array:
    """2^(-(m + log2(1/p)) / D): an error below it is not reached with `probability` p for all targets of the unit ball,
    nor for a uniform one.

    m = `parameters` >= 0 that may be pruned and D = `dimension` >= 1 of the target (d_out d_in of a linear map)
    broadcast; the error is in units of the target's ball. A theorem: head of this file. Raises `InputError`.
    """
    m, d, p = _given(parameters, dimension, probability)
    return np.asarray(np.exp2(-(m - np.log2(p)) / d))


def published_error_bound(parameters: ArrayLike, dimension: ArrayLike) -> Array:
    """1/2 2^(-(m + 1) / D): the bound as published for probability 1/2 (P28), half of `pruning_error_bound`.

    Pensia et al. 2020, theorem 2, constants as other papers restate them. Raises `InputError`.
    """
    m, d, _ = _given(parameters, dimension, 0.5)
    return np.asarray(np.exp2(-(m + 1) / d) / 2)


def needed_parameters(error: ArrayLike, dimension: ArrayLike, probability: ArrayLike = 0.5) -> Array:
    """max(0, ceil(D log2(1 / error) - log2(1 / p))): fewer prunable parameters do not reach `error` > 0 for all targets
    of the unit ball with `probability`; necessary, not sufficient.

    Whole numbers as float64; the arguments broadcast. A theorem: head of this file. Raises `InputError`.
    """
    e = positive("error", error, "needed parameters")
    _, d, p = _given(0, dimension, probability)
    bits = -d * np.log2(e) + np.log2(p)
    return np.asarray(np.maximum(np.ceil(bits - 1e-9), 0.0))


def approximable_share(error: ArrayLike, parameters: ArrayLike, dimension: ArrayLike) -> Array:
    """min(1, 2^m error^D): at most that part of the unit ball of targets is within `error` of some subnetwork, on
    average over random networks. A theorem: head of this file. Raises `InputError`."""
    m, d, _ = _given(parameters, dimension, 0.5)
    log_share = m * math.log(2) + d * np.log(positive("error", error, "share of targets"))
    return np.asarray(np.exp(np.minimum(log_share, 0.0)))


def two_layer_parameters(inputs: int, outputs: int, width: ArrayLike, chosen: bool = False) -> NDArray[np.int64]:
    """Prunable parameters of a two-layer source of `width` units a coordinate for a map of `inputs` to `outputs`:
    inputs^2 width + outputs inputs width; with `chosen` only those of the second layer, which a sum decides over."""
    doing = "parameters of a two-layer source"
    d_in, d_out = (int(count(n, v, doing, least=1)) for n, v in (("inputs", inputs), ("outputs", outputs)))
    units = d_in * count("width", width, doing)
    return np.asarray(units * (d_out if chosen else d_in + d_out))


def _given(parameters: ArrayLike, dimension: ArrayLike, probability: ArrayLike) -> tuple[Array, Array, Array]:
    doing = "lower bound of pruning"
    return (
        count("parameters", parameters, doing).astype(np.float64),
        count("dimension", dimension, doing, least=1).astype(np.float64),
        probability_of("probability", probability, doing),
    )
