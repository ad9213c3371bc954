"""The optimum of every number of usable units of a sum: what a ticket of any width reads off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.laws import residual_quantile
from slt.subset_sum import Problem
from slt.subset_sum.optimum import optimum

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

LATTICE = 46  # of the products
MOST = 44  # usable units that are searched exactly


@final
@dataclass(frozen=True)
class Part:
    """One matrix of a target, ``rows`` outputs of ``coordinates``; ``signs``: the sign of the first-layer weights that
    serve each of its branches, 0 for any."""

    rows: int
    coordinates: int
    signs: tuple[int, ...]

    @property
    def sums(self) -> int:
        return self.rows * self.coordinates * len(self.signs)


class Errors(ABC):
    """Residuals of every part of S tickets, at any width."""

    @abstractmethod
    def at(self, width: int) -> tuple[list[list[Int64Array]], BoolArray, BoolArray]:
        """By part and branch the residuals, (S, rows, coordinates) in units of 2**-46; which tickets there are, as each
        coordinate needs a unit for each of its branches; which differ from those of the width before: (S,) each."""


@final
@dataclass(frozen=True, eq=False)
class Branch:
    """``table`` (k + 1, S, rows, coordinates): residuals of the first 0 .. k usable units; ``usable`` (S, coordinates,
    width + 1): how many the first 0 .. width units hold."""

    table: Int64Array
    usable: npt.NDArray[np.int16]

    def at(self, width: int) -> tuple[Int64Array, BoolArray, BoolArray]:
        known = np.minimum(self.usable[:, :, width].astype(np.int64), len(self.table) - 1)
        found = np.take_along_axis(self.table, known[None, :, None, :], axis=0)[0]
        there = np.asarray((self.usable[:, :, width] > 0).all(axis=1))
        if not width:
            return found, there, np.ones(len(there), dtype=np.bool_)
        known = np.minimum(self.usable[:, :, width - 1].astype(np.int64), len(self.table) - 1)
        before = np.take_along_axis(self.table, known[None, :, None, :], axis=0)[0]
        return found, there, np.asarray((found != before).any(axis=(1, 2)))


@final
@dataclass(frozen=True, eq=False)
class Solved(Errors):
    """Of sums that were solved, part by part and branch by branch."""

    parts: Sequence[Sequence[Branch]]

    def at(self, width: int) -> tuple[list[list[Int64Array]], BoolArray, BoolArray]:
        found = [[branch.at(width) for branch in part] for part in self.parts]
        flat = [branch for part in found for branch in part]
        there = np.logical_and.reduce([branch[1] for branch in flat])
        return [[b[0] for b in part] for part in found], there, np.logical_or.reduce([branch[2] for branch in flat])

    @staticmethod
    def of(parts: Sequence[tuple[Part, Int64Array, Any, Int64Array]], bits: int) -> Solved:
        """``parts``: with each its first-layer weights (S, coordinates, width), second-layer weights (S, rows,
        coordinates, width) and targets (S, rows, coordinates), integers. A sum that is within 2**-``bits`` takes no
        more units, as with a tolerance of ``find_ticket``."""
        return Solved(
            [[_branch(first, second, wanted, s, bits) for s in p.signs] for p, first, second, wanted in parts]
        )


def _branch(first: Int64Array, second: Any, targets: Int64Array, sign: int, bits: int) -> Branch:
    seeds, rows, coordinates, width = second.shape
    serves = np.ones(first.shape, dtype=np.bool_) if sign == 0 else np.sign(first) == sign
    usable = np.zeros((seeds, coordinates, width + 1), dtype=np.int16)
    np.cumsum(serves, axis=2, out=usable[:, :, 1:])
    # the usable units first, in their order
    order = np.argsort(~serves, axis=2, kind="stable")[:, :, :MOST]
    picked = np.take_along_axis(first, order, axis=2)[:, None] * np.take_along_axis(second, order[:, None], axis=3)
    available = np.broadcast_to(usable[:, None, :, -1], targets.shape)
    table = prefix_optima(
        picked.reshape(-1, picked.shape[3]), available.ravel(), targets.ravel(), 2 ** (LATTICE - bits)
    )
    return Branch(table.reshape(-1, seeds, rows, coordinates), usable)


def prefix_optima(items: Int64Array, available: Any, targets: Int64Array, allowed: int) -> Int64Array:
    """Residuals (K + 1, N) of the exact optima of the first k of ``items`` (N, n), k = 0 .. K. A sum has ``available``
    (N,) items, and takes no more once its residual is at most ``allowed``; from there on its residual stays."""
    found = [-targets]
    for k in range(1, items.shape[1] + 1):
        open_ = np.flatnonzero((available >= k) & (np.abs(found[-1]) > allowed))
        if not open_.size:
            break
        each = np.zeros(open_.size)
        problem = Problem(
            np.ascontiguousarray(items[open_, :k]), targets[open_], np.ones((1, k), np.bool_), LATTICE, each
        )
        following = found[-1].copy()
        following[open_] = optimum(problem).residual_lattice
        found.append(following)
    return np.stack(found)


@final
@dataclass(frozen=True, eq=False)
class Drawn(Errors):
    """Of residuals drawn from their law in the place of solved ones: ``usable`` units as those of random signs, the
    same uniform numbers at every width."""

    parts: Sequence[tuple[Part, Int64Array]]
    usable: Sequence[Sequence[npt.NDArray[np.int16]]]
    chances: Sequence[Sequence[npt.NDArray[np.float64]]]

    def at(self, width: int) -> tuple[list[list[Int64Array]], BoolArray, BoolArray]:
        found, there = [], np.ones(len(self.parts[0][1]), dtype=np.bool_)
        for (_, wanted), usable, chances in zip(self.parts, self.usable, self.chances, strict=True):
            size, here = np.ldexp(wanted.astype(np.float64), -LATTICE), []
            for counts, chance in zip(usable, chances, strict=True):
                n = counts[:, :, width]
                there &= (n > 0).all(axis=1)
                # the sign of the residual and its size from one number
                drawn = residual_quantile(
                    np.maximum(2 * np.abs(chance - 0.5), 1e-12), np.minimum(n, MOST)[:, None, :], size
                )
                here.append(np.rint(np.ldexp(np.copysign(drawn, chance - 0.5), LATTICE)).astype(np.int64))
            found.append(here)
        return found, there, np.ones_like(there)

    @staticmethod
    def of(parts: Sequence[tuple[Part, Int64Array]], width: int, seed: int) -> Drawn:
        """``parts``: with each its targets, (S, rows, coordinates)."""
        rng = np.random.default_rng(seed)
        usable, chances = [], []
        for part, wanted in parts:
            count = len(wanted)
            sign = rng.integers(0, 2, (count, part.coordinates, width), dtype=np.int8)
            total = np.zeros((count, part.coordinates, width + 1), dtype=np.int16)
            np.cumsum(sign, axis=2, out=total[:, :, 1:])
            units = np.broadcast_to(np.arange(width + 1, dtype=np.int16), total.shape)
            kinds = {1: total, -1: units - total, 0: units}
            usable.append([kinds[s] for s in part.signs])
            chances.append([rng.uniform(1e-9, 1 - 1e-9, wanted.shape) for _ in part.signs])
        return Drawn(list(parts), usable, chances)
