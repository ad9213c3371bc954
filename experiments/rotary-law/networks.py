"""Targets, sequences and the derivative of rotary attention by the entries of its merged matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import slt
from slt.merged_rotary import relative_angles
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]


def rotary(d: int, head_size: int, key: slt.Key) -> slt.RotaryTarget:
    """One causal head: d x d_K matrices, uniform and scaled to spectral norm 1, rounded towards 0 to the lattice
    2**-23; frequencies 1, 1/2, 1/4, ... so that short sequences see all of them."""
    matrices = {
        name: _normed(slt.Uniform().draw(key / f"{d} {head_size}" / name, (*shape, 1))[:, :, 0].astype(np.float64))
        for name, shape in (("query", (d, head_size)), ("key", (d, head_size)), ("value", (d, d)), ("output", (d, d)))
    }
    return slt.RotaryTarget(
        query=matrices["query"][None],
        key=matrices["key"][None],
        value=matrices["value"][None],
        output=matrices["output"][None],
        frequencies=2.0 ** -np.arange(head_size // 2),
    )


def _normed(weight: Array) -> Array:
    norm = np.ceil(np.ldexp(np.linalg.norm(weight, 2), 20)) / 2**20
    return np.asarray(np.ldexp(np.trunc(np.ldexp(weight / norm, LATTICE)), -LATTICE))


def sequences(d: int, count: int, tokens: int, radius: float, key: slt.Key) -> Array:
    """(count, tokens, d), uniform in the cube around the ball and moved into it."""
    draws = slt.Uniform().draw(key, (count, tokens, d)).astype(np.float64)
    points = np.ldexp(draws, -LATTICE).reshape(-1, d) * radius
    return slt.Ball(radius).project(points).reshape(count, tokens, d)


def entries(target: slt.RotaryTarget) -> Array:
    """The wanted entries, in the order of ``gains``: cosine and sine parts of every plane, values times outputs."""
    merged = target.merged()
    return np.concatenate([merged.cosine.ravel(), merged.sine.ravel(), merged.value_output.ravel()])


def gains(target: slt.RotaryTarget, x: Array) -> Array:
    """(tokens in all, d, sums): what each entry adds to each output of each token, to first order."""
    import torch

    merged = target.merged()
    d, planes, length = merged.size, merged.planes, x.shape[1]
    tokens = torch.from_numpy(x)
    angles = torch.from_numpy(relative_angles(merged.frequencies, length))
    later = torch.ones(length, length, dtype=torch.bool).triu(1)

    def outputs(flat: torch.Tensor) -> torch.Tensor:
        A, B, C = flat.split([planes * d * d, planes * d * d, d * d])
        logits = sum(
            (tokens @ a @ tokens.mT) * angle.cos() + (tokens @ b @ tokens.mT) * angle.sin()
            for a, b, angle in zip(A.reshape(planes, d, d), B.reshape(planes, d, d), angles, strict=True)
        )
        weights = torch.as_tensor(logits).masked_fill(later, -torch.inf).softmax(dim=-1)
        return weights @ tokens @ C.reshape(d, d)

    found: Any = torch.func.jacfwd(outputs)(torch.from_numpy(entries(target)))
    return np.asarray(found.numpy().reshape(-1, d, (2 * planes + 1) * d * d))
