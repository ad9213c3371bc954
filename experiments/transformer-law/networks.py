"""Targets, sequences, and the derivative of a stack by the entries of all its collapsed matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import slt
from slt.laws import UNIFORM_PRODUCT, miss_probability
from slt.transformer_target import TransformerTarget
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]
TABLE = 128


def transformer(d: int, blocks: int, key: slt.Key) -> TransformerTarget:
    """Blocks of one head and one linear map, as in the paper's experiment: d x d matrices, uniform and scaled to
    spectral norm 1, the largest the theorem takes; rounded towards 0 to the lattice 2**-23. Fewer blocks are the first
    of more."""
    attentions, feeds = [], []
    for b in range(blocks):
        query, keys, value, output, weight = (
            _normed(slt.Uniform().draw(key / f"{d}" / f"block {b}" / name, (d, d, 1))[:, :, 0].astype(np.float64))
            for name in ("query", "key", "value", "output", "feed-forward")
        )
        attentions.append(slt.AttentionTarget.from_arrays([query], [keys], [value], [output]))
        feeds.append(slt.Target.from_arrays([weight]))
    return TransformerTarget.from_parts(attentions, feeds)


def _normed(weight: Array) -> Array:
    norm = np.ceil(np.ldexp(np.linalg.norm(weight, 2), 20)) / 2**20
    return np.asarray(np.ldexp(np.trunc(np.ldexp(weight / norm, LATTICE)), -LATTICE))


def sequences(d: int, count: int, tokens: int, radius: float, key: slt.Key) -> Array:
    """(count, tokens, d), uniform in the cube around the ball and moved into it."""
    draws = slt.Uniform().draw(key, (count, tokens, d)).astype(np.float64)
    points = np.ldexp(draws, -LATTICE).reshape(-1, d) * radius
    return slt.Ball(radius).project(points).reshape(count, tokens, d)


def gains(target: TransformerTarget, x: Array) -> Array:
    """(tokens in all, d, sums): what each entry adds to each output of each token, to first order.

    The sums of a block: queries times keys (d, d), values times outputs (d, d), the feed-forward map on positive
    inputs and on negative inputs, (d, d) each.
    """
    import torch

    tokens, d, blocks = torch.from_numpy(x), target.size, len(target.blocks)

    def outputs(entries: torch.Tensor) -> torch.Tensor:
        y = tokens
        for A, C, P, N in entries.reshape(blocks, 4, d, d):
            weights = (y @ A @ y.mT).softmax(dim=-1)
            y = weights @ y @ C + y
            y = y.clamp(min=0.0) @ P.T - (-y).clamp(min=0.0) @ N.T + y
        return y

    found: Any = torch.func.jacfwd(outputs)(torch.from_numpy(entries_of(target)))
    return np.asarray(found.numpy().reshape(-1, d, 4 * d * d * blocks))


def entries_of(target: TransformerTarget) -> Array:
    """The wanted entries in the order of ``gains``."""
    found = []
    for block in target.blocks:
        merged = block.attention.merged()
        weight = block.feed_forward.layers[0].weight
        found += [merged.query_key[0], merged.value_output[0], weight, weight]
    return np.stack(found).ravel()


def predicted_errors(target: TransformerTarget, effects: Array, width: int, most: int, draws: int) -> Array:
    """The largest Euclidean error of an output token, (draws,), to first order: residuals drawn from the laws of single
    sums with random signs, always the same numbers, times their ``effects``.

    A sum of attention has ``width`` items, one of the feed-forward map the units whose sign fits, binomial and shared
    by the outputs of a coordinate; of either at most ``most`` are used.
    """
    rng = np.random.default_rng(0)
    d, wanted = target.size, entries_of(target)
    residuals = np.empty((wanted.size, draws))
    for b in range(len(target.blocks)):
        first = b * 4 * d * d
        positive = rng.binomial(width, 0.5, (d, draws))
        counts = np.full((4, d, d, draws), width)
        counts[2], counts[3] = positive, width - positive  # (outputs, coordinates): coordinates last
        for i, units in enumerate(np.minimum(counts, most).reshape(4 * d * d, draws)):
            residuals[first + i] = _sample(abs(float(wanted[first + i])), units, rng)
    tokens, outputs, sums = effects.shape
    moved = (effects.reshape(-1, sums) @ residuals).reshape(tokens, outputs, draws)
    return np.asarray(np.sqrt(np.square(moved).sum(axis=1)).max(axis=0))


def _sample(size: float, units: npt.NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Signed residuals of sums with ``units`` items each: their law inverted at random numbers."""
    chances, signs = rng.random(units.size), rng.choice([-1.0, 1.0], units.size)
    found = np.full(units.size, size)
    for n in np.unique(units[units > 0]).tolist():
        here = units == n
        errors = size * np.geomspace(1e-6 * 2.0**-n, 1.0, TABLE)
        within = 1 - miss_probability(errors, n, size, UNIFORM_PRODUCT)
        found[here] = np.exp(np.interp(chances[here], within, np.log(errors)))
    return np.asarray(found * signs)
