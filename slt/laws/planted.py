"""Tickets that exist in a network of the target's own depth: neurons that match by chance, and paths of ReLUs.

A target neuron with k parameters (weights of the neurons it reads, bias) is matched by a random neuron if all k are
within `error`: with probability error^k for parameters uniform on [-1, 1] and |target| <= 1 - error (P23; normal ones
have no such constant). All matches have to be distinct neurons. Fischer and Burkholz, "Plant 'n' seek" (ICLR 2022),
theorem 2, adds up the chances that a target neuron has no match at all, which lets one random neuron serve two:
`matched_layer_published` is not a lower bound of what it says. `matched_layer_probability` is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, finite, probability_of

Array = NDArray[np.float64]


def neuron_match_probability(error: ArrayLike, parameters: ArrayLike) -> Array:
    """error^k: the chance that one random neuron matches one with k = `parameters` parameters. Exact for parameters
    uniform on [-1, 1] and targets up to 1 - error in size; `error` in (0, 1) and k >= 0 broadcast. Raises
    `InputError`."""
    doing = "match of a neuron"
    k = count("parameters", parameters, doing).astype(np.float64)
    return np.asarray(probability_of("error", error, doing) ** k)


def planted_existence(error: ArrayLike, parameters: ArrayLike, width: ArrayLike) -> Array:
    """1 - (1 - error^k)^width: the chance that one of `width` random neurons matches one target neuron, P23.

    Exact, as `neuron_match_probability`; the arguments broadcast. Raises `InputError` for bad input.
    """
    match = neuron_match_probability(error, parameters)
    return np.asarray(-np.expm1(count("width", width, "existence of a ticket") * np.log1p(-np.minimum(match, 1.0))))


def needed_planted_width(probability: float, error: float, parameters: int) -> float:
    """The smallest width at which `planted_existence` reaches `probability`: about error^-k ln(1 / (1 - probability)).

    A float, as it exceeds every integer type soon, and whole up to 2^53. Exact. Raises `InputError` for bad input.
    """
    wanted = float(probability_of("probability", probability, "needed width of a match"))
    match = float(neuron_match_probability(error, parameters))
    if match >= 1:
        return 1.0
    if match == 0:
        return math.inf
    return float(math.ceil(math.log1p(-wanted) / math.log1p(-match)))


def matched_layer_published(error: float, parameters: ArrayLike, width: int) -> float:
    """max(0, 1 - sum_i (1 - error^k_i)^width), as theorem 2 of Plant'n'Seek has it for one layer, `parameters` (n,).

    Every target neuron has some match with at least that probability, but not all a match of their own: with as many
    random neurons as half the targets it can be near 1 where the truth is 0. For comparison. Raises `InputError`.
    """
    hits = _layer(error, parameters)
    n0 = int(count("width", width, "matches of a layer"))
    return max(0.0, 1 - float(((1 - hits) ** n0).sum()))


def matched_layer_probability(error: float, parameters: ArrayLike, width: int) -> float:
    """A lower bound of P(distinct random neurons match all target neurons), `parameters` (n,) of them each, in a layer
    of `width` random ones:

        1 - sum over i of P(Bin(width, error^k_i) < i),   k sorted from the largest down, i = 1 .. n.

    Proof: let the i-th target neuron have at least i matches, for every i. Match them in that order: the i-th finds at
    most i - 1 of its matches taken. The union bound over the events "fewer than i matches" is the sum; how the events
    depend on each other does not matter. (In that order the rarest matches have to be fewest.) For n equal target
    neurons the truth is P(Bin(width, error^k) >= n), the last term alone. Proved here; raises `InputError`.
    """
    from scipy.special import bdtr

    hits = np.sort(_layer(error, parameters))
    n0 = int(count("width", width, "matches of a layer"))
    if hits.size > n0:
        return 0.0
    taken = np.arange(hits.size, dtype=np.float64)
    return max(0.0, 1 - float(bdtr(taken, n0, hits).sum()))


def matched_network_probability(errors: Sequence[float], layers: Sequence[ArrayLike], widths: Sequence[int]) -> float:
    """The product of `matched_layer_probability` over layers: a lower bound for a network of the same depth.

    `errors`, `layers` (each the numbers of parameters of its neurons) and `widths` of the random network are as many.
    The matches of a layer depend on its own parameters only, whichever neurons the layer below has chosen. Output
    neurons are matched as all others, so the random network needs spare outputs. Parameters follow a scaling of the
    random ones to [-1, 1], which multiplies the output by a constant. Raises `InputError`.
    """
    if not len(errors) == len(layers) == len(widths) or not errors:
        raise InputError(
            f"matches of a network: {len(errors)} errors, {len(layers)} layers and {len(widths)} widths were given; "
            "as many of each, and one at least, are needed."
        )
    return math.prod(matched_layer_probability(*layer) for layer in zip(errors, layers, widths, strict=True))


def random_path_probability(widths: Sequence[int]) -> float:
    """P(a path of positive weights leads through all layers of a random network), `widths` n_1 .. n_L >= 1 behind one
    input; weights have independent symmetric signs: what a fixed random network needs for a ReLU unit (P25).

    Exact: the number m of neurons reached has a binomial successor, Bin(n, 1 - 2^-m), and of 0 comes 0. It is at least
    `greedy_path_probability`, what the predictions table has. Raises `InputError`.
    """
    from scipy.stats import binom

    chances = np.array([0.0, 1.0])
    for n in _widths(widths):
        reached = np.arange(n + 1)
        step = binom.pmf(reached[None, :], n, 1 - np.exp2(-np.arange(chances.size, dtype=np.float64))[:, None])
        chances = chances @ step
    return float(1 - chances[0])


def greedy_path_probability(widths: Sequence[int]) -> float:
    """prod (1 - 2^-n_l): the chance that a path finds its way if it takes the first positive weight of each layer and
    never looks back (P25). Exact for that; a lower bound of `random_path_probability`, equal to it where no layer but
    the last has more than one neuron, or there is one layer. Raises `InputError`."""
    return math.prod(-math.expm1(-n * math.log(2)) for n in _widths(widths))


def _layer(error: float, parameters: ArrayLike) -> Array:
    sizes = np.atleast_1d(finite("parameters", parameters, "matches of a layer"))
    if sizes.ndim != 1 or not sizes.size:
        raise InputError(f"matches of a layer: parameters of shape {sizes.shape} were given; give one number a neuron.")
    return neuron_match_probability(float(error), sizes)


def _widths(widths: Sequence[int]) -> list[int]:
    sizes = np.atleast_1d(count("widths", widths, "path of ReLUs", least=1))
    if sizes.ndim != 1 or not sizes.size:
        raise InputError("path of ReLUs: no width was given; give the width of each layer.")
    return [int(n) for n in sizes]
