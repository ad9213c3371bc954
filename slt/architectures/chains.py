"""Small random chains of linear layers and ReLUs, the same on every machine: targets of experiments."""

from __future__ import annotations

import itertools

import numpy as np

from slt.targets import Target
from slt.weights import LATTICE, Key, Uniform


def spectral_chain(name: str, key: Key) -> Target:
    """The target called ``name``, such as "2-5-5-1" or "4-8-8-2 biases", drawn at ``key``: uniform weights scaled to
    spectral norm 1 and biases uniform on (-1/4, 1/4), rounded towards 0 to the lattice 2**-23, so that it is the same
    on every machine."""
    shape, _, extra = name.partition(" ")
    weights, biases = [], []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(int(size) for size in shape.split("-"))):
        address = key / f"target {shape}" / f"layer {i}"
        weight = Uniform().draw(address / "weight", (outputs, inputs, 1))[:, :, 0].astype(np.float64)
        norm = np.ceil(np.ldexp(np.linalg.norm(weight, 2), 20)) / 2**20
        weights.append(np.ldexp(np.trunc(np.ldexp(weight / norm, LATTICE)), -LATTICE))
        bias = Uniform().draw(address / "bias", (outputs, 1, 1))[:, 0, 0].astype(np.float64)
        biases.append(np.ldexp(np.trunc(bias / 4), -LATTICE) if extra == "biases" else None)
    return Target.from_arrays(weights, biases)
