"""Attention targets that between them use every feature of the construction."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from slt.attention_target import AttentionTarget
from slt.constructions import Attention, QueriesAndOutputs, SmallerSides


def multihead(size: int = 4, heads: int = 2, seed: int = 0, **options) -> nn.MultiheadAttention:
    torch.manual_seed(seed)
    model = nn.MultiheadAttention(size, heads, **options).requires_grad_(False).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.normal_(0, 0.3)
    return model


def grouped(heads: int, groups: int, sizes: tuple[int, int, int, int], seed: int = 0, biases: bool = True):
    """Sizes d_q, d_k, d_v, d_out."""
    rng = np.random.default_rng(seed)
    d_q, d_k, d_v, d_out = sizes

    def draw(*shape):
        return rng.uniform(-0.7, 0.7, shape)

    return AttentionTarget.from_arrays(
        draw(heads, d_q, 3),
        draw(groups, d_k, 3),
        draw(groups, d_v, 2),
        draw(heads, 2, d_out),
        *((draw(heads, 3), draw(groups, 3), draw(groups, 2), draw(d_out)) if biases else ()),
    )


TARGETS = {
    "packed": multihead(),
    "separate keys and values": multihead(kdim=3, vdim=2),
    "no bias": multihead(bias=False),
    "batch first, double": multihead(seed=1, batch_first=True, dtype=torch.float64),
    "one head, half precision": multihead(heads=1).to(torch.bfloat16),
    "grouped": grouped(4, 2, (3, 4, 3, 2)),
    "one key and value": grouped(3, 1, (2, 2, 2, 1), biases=False),
    "large": AttentionTarget.from_arrays(*(3 * np.ones((1, 2, 2)) for _ in range(4)), output_bias=[5.0, -2.0]),
}
CONSTRUCTIONS = {
    "theorem": Attention(),
    "shared": Attention(shared_keys=True),
    "smaller sides": Attention(SmallerSides()),
    "other sides, shared": Attention(QueriesAndOutputs(), shared_keys=True),
    "not scaled": Attention(scaled=False),
}


def tokens(target: AttentionTarget, batch: int = 2, queries: int = 5, keys: int = 6, seed: int = 0):
    """Queries, keys and values of the unit ball, (batch, tokens, size) each."""
    rng = np.random.default_rng(seed)
    counts = (queries, keys, keys)
    sizes = (target.query.shape[1], target.key.shape[1], target.value.shape[1])
    drawn = [rng.standard_normal((batch, n, d)) for n, d in zip(counts, sizes, strict=True)]
    return [x / np.maximum(1, np.linalg.norm(x, axis=-1, keepdims=True)) for x in drawn]
