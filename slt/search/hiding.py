"""Scales that hide a network among random weights: no weight's size gives away that it was planted.

A ReLU network computes the same when the weights into a hidden unit are multiplied by a positive number and those out
of it divided by it. With one number a hidden unit, and one for the outputs, the sizes of the weights of every layer are
brought as near as they come to the sizes of the random weights that they replace, quantile by quantile.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.search.batches import order
from slt.weights import Key

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ROUNDS = 60


class OutputScales(ABC):
    """Which positive numbers the outputs of a planted network are multiplied by."""

    @abstractmethod
    def unknowns(self, outputs: int) -> IntArray:
        """For each output the number of its unknown, from 0 on."""


@final
@dataclass(frozen=True)
class CommonScale(OutputScales):
    """One for all: the planted mask is then the target up to that number, largest output included."""

    def unknowns(self, outputs: int) -> IntArray:
        return np.zeros(outputs, dtype=np.int64)


@final
@dataclass(frozen=True)
class OwnScales(OutputScales):
    """One each, as the published planting and its released code have it. What the planted mask computes is then not the
    target: argmax and squared error see other outputs. For comparison only."""

    def unknowns(self, outputs: int) -> IntArray:
        return np.arange(outputs, dtype=np.int64)


@final
@dataclass(frozen=True, eq=False)
class HiddenWeights:
    """``matrices``: the target's layers, biases as last column, rescaled; ``outputs``: what each output is multiplied
    by, shape (outputs,). Both in float64: the function is that of the target times ``outputs``, up to rounding."""

    matrices: tuple[FloatArray, ...]
    outputs: FloatArray


def hidden(
    matrices: Sequence[FloatArray], sizes: Sequence[FloatArray], scales: OutputScales, key: Key
) -> HiddenWeights:
    """Rescales a network. ``matrices[l]`` has shape (outputs, inputs + 1), its last column the biases; ``sizes[l]`` are
    the sizes of the random weights of that layer, any number.

    In turns: the non-zero weights of each layer are ranked by size and wanted at the quantiles of their ranks, then the
    scales are found that bring the square roots of the sizes nearest to those of the quantiles, every layer counting
    as much as another (least squares; roots of normal sizes are spread evenly about their middle, so that neither
    large nor small ones decide). It ends when the ranks stay, or after ``ROUNDS`` turns; the first ranks are random,
    drawn at ``key``.
    """
    from scipy.optimize import least_squares

    places = [np.nonzero(matrix) for matrix in matrices]
    system, known, unknowns = _system(matrices, places, scales)
    ends = np.cumsum([0, *(rows.size for rows, _ in places)])
    parts = [slice(start, end) for start, end in itertools.pairwise(ends.tolist())]
    wanted, ranks, weight = [], [], np.empty(known.size)
    for layer, part in enumerate(parts):
        count = part.stop - part.start
        wanted.append(np.sqrt(np.quantile(sizes[layer], (np.arange(count) + 0.5) / count)))
        weight[part] = 1 / np.sqrt(count * np.median(sizes[layer]))
        ranks.append(order(key / str(layer), count).numpy())

    def roots(u: FloatArray) -> FloatArray:
        return np.exp(np.minimum((known + system @ u) / 2, 40.0))

    aim = np.concatenate([w[r] for w, r in zip(wanted, ranks, strict=True)])
    found = np.linalg.lstsq(system * weight[:, None], (2 * np.log(aim) - known) * weight, rcond=None)[0]
    for _ in range(ROUNDS):
        now = roots(found)
        before, ranks = ranks, [now[part].argsort(kind="stable").argsort(kind="stable") for part in parts]
        if all(np.array_equal(a, b) for a, b in zip(before, ranks, strict=True)):
            break
        aim = np.concatenate([w[r] for w, r in zip(wanted, ranks, strict=True)])
        found = least_squares(
            lambda u, aim=aim: (roots(u) - aim) * weight,
            found,
            lambda u: system * (roots(u) * weight / 2)[:, None],
        ).x
    scaled = []
    ins = np.zeros(matrices[0].shape[1] - 1)
    for matrix, own in zip(matrices, unknowns, strict=True):
        out = found[own]
        scaled.append(matrix * np.exp(out[:, None] - np.append(ins, 0.0)[None]))
        ins = out
    return HiddenWeights(tuple(scaled), np.exp(ins))


def _system(
    matrices: Sequence[FloatArray], places: Sequence[tuple[IntArray, ...]], scales: OutputScales
) -> tuple[FloatArray, FloatArray, list[IntArray]]:
    """(A, b, unknowns): the logarithms of all non-zero sizes are b + A u; ``unknowns[l]`` are those of the layer's
    outputs."""
    unknowns, count = [], 0
    for matrix in matrices[:-1]:
        unknowns.append(count + np.arange(len(matrix)))
        count += len(matrix)
    last = scales.unknowns(len(matrices[-1]))
    unknowns.append(count + last)
    system = np.zeros((sum(rows.size for rows, _ in places), count + int(last.max()) + 1))
    known, at = [], 0
    for layer, (rows, columns) in enumerate(places):
        entries = at + np.arange(rows.size)
        system[entries, unknowns[layer][rows]] += 1
        if layer:
            inner = columns < matrices[layer].shape[1] - 1  # biases have no input to share a scale with
            system[entries[inner], unknowns[layer - 1][columns[inner]]] -= 1
        known.append(np.log(np.abs(matrices[layer][rows, columns])))
        at += rows.size
    return system, np.concatenate(known), unknowns
