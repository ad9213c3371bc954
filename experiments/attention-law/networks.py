"""Targets, sequences and the derivative of an attention by the entries of its merged matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import slt
from slt.attention_target import AttentionTarget
from slt.merged_attention import MergedAttention, softmax
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def attention(d: int, heads: int, key: slt.Key) -> AttentionTarget:
    """``heads`` heads of d x d matrices, uniform and scaled to spectral norm 1, the largest the theorem takes; rounded
    towards 0 to the lattice 2**-23, so that they are the same on every machine. The heads of fewer are among them."""
    matrices = []
    for name in ("query", "key", "value", "output"):
        draws = [slt.Uniform().draw(key / f"{d}" / f"head {h}" / name, (d, d, 1))[:, :, 0] for h in range(heads)]
        matrices.append(np.stack([_normed(w.astype(np.float64)) for w in draws]))
    return AttentionTarget.from_arrays(*matrices)


def _normed(weight: Array) -> Array:
    norm = np.ceil(np.ldexp(np.linalg.norm(weight, 2), 20)) / 2**20
    return np.asarray(np.ldexp(np.trunc(np.ldexp(weight / norm, LATTICE)), -LATTICE))


def entries(target: AttentionTarget) -> Array:
    """The wanted entries of all merged matrices, in the order of ``gains``."""
    merged = target.merged()
    return np.concatenate([merged.query_key.ravel(), merged.value_output.ravel()])


def sequences(d: int, count: int, tokens: int, radius: float, key: slt.Key) -> Array:
    """(count, tokens, d), uniform in the cube around the ball and moved into it."""
    draws = slt.Uniform().draw(key, (count, tokens, d)).astype(np.float64)
    points = np.ldexp(draws, -LATTICE).reshape(-1, d) * radius
    return slt.Ball(radius).project(points).reshape(count, tokens, d)


def masks(count: int, tokens: int, key: slt.Key) -> BoolArray:
    """(count, tokens, tokens): in turn everything, the past, and a random half with the token itself."""
    random = slt.Uniform().draw(key, (count, tokens, tokens)) > 0
    past = np.tri(tokens, dtype=bool)
    kinds = [np.ones_like(past), past, None]
    return np.stack(
        [random[i] | np.eye(tokens, dtype=bool) if kinds[i % 3] is None else kinds[i % 3] for i in range(count)]
    )


def gains(merged: MergedAttention, x: Array, allowed: BoolArray) -> Array:
    """(sequences * tokens, outputs, sums): what each entry of the merged matrices adds to each output of each token.

    d out_o / d A_ij = x_i cov(y_j, y C_o) and d out_o / d C_ro = mean(y_r), under the attention weights of the head.
    """
    count, tokens, _ = x.shape
    outputs = merged.outputs
    by_query_key, by_value_output = [], []
    for A, C in zip(merged.query_key, merged.value_output, strict=True):
        weights = softmax(x @ A @ x.swapaxes(1, 2), allowed)
        values = x @ C
        mean = weights @ x
        joint = np.einsum("nts,nsj,nso->ntjo", weights, x, values)
        spread = joint - mean[..., :, None] * (weights @ values)[..., None, :]
        by_query_key.append(np.einsum("nti,ntjo->ntoij", x, spread).reshape(count * tokens, outputs, -1))
        direct = np.einsum("ntr,op->ntorp", mean, np.eye(outputs))
        by_value_output.append(direct.reshape(count * tokens, outputs, -1))
    return np.concatenate([*by_query_key, *by_value_output], axis=2)
