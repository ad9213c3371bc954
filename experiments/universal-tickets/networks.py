"""The functions, bases and counts of the experiment."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import slt
from slt.constructions import (
    Basis,
    FewestItems,
    PiecewiseLinear,
    Univariate,
    exponential_block,
    fourier_features,
    logarithm_block,
    monomials,
)
from slt.errors import NoUsableItemError
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]

DEGREE = 4  # of the exponential block
WAYS = ("absorbed", "sparse", "fixed")
MAX_ITEMS = 24
SPARSE = 0.1  # tolerance of the sparse ticket's outer sums, as a share of the law of interpolation


def block(name: str, knots: int) -> tuple[PiecewiseLinear, float]:
    """A univariate function and the largest |f''| on its interval."""
    if name == "sine":
        return PiecewiseLinear.of(lambda x: np.sin(2 * np.pi * x), 0.0, 1.0, knots), 4 * np.pi**2
    if name == "logarithm":
        return logarithm_block(knots), 1.0
    return exponential_block(DEGREE, knots), 1.0


def univariate_ticket(
    function: PiecewiseLinear, way: str, width: int, key: slt.Key, tolerance: float
) -> slt.Ticket | None:
    """absorbed: inner errors absorbed, optimal outer sums; sparse: the same with as few items as ``tolerance`` allows;
    fixed: every weight of the ideal network a sum of its own. None for a source that lacks a unit."""
    box = slt.Box(function.low, function.high)
    try:
        if way == "fixed":
            return slt.find_ticket(function.target(), width, key, box, max_items=MAX_ITEMS)
        if way == "absorbed":
            return slt.find_ticket(function, width, key, box, max_items=MAX_ITEMS, construction=Univariate())
        few = Univariate(selection=FewestItems())
        return slt.find_ticket(function, width, key, box, tolerance, max_items=MAX_ITEMS, construction=few)
    except NoUsableItemError:
        return None


def live(ticket: slt.Ticket) -> int:
    """Random weights on a path to an output: those of the sums, and one in the first layer for every unit they use."""
    masks = [mask.unpack() for mask in ticket.mask.values()]
    return sum(int(mask.sum()) + int(mask.any(axis=0).sum()) for mask in masks)


def points(count: int, d: int, key: slt.Key) -> Array:
    """Uniform on [0, 1]^d, (count, d), the same on every machine."""
    drawn = slt.Uniform().draw(key, (1, count, d))[0].astype(np.float64)
    return np.asarray((np.ldexp(drawn, -LATTICE) + 1) / 2)


def polynomial_basis(degree: int = 3) -> Basis:
    """All monomials of two variables up to a total degree, but for the constant."""
    exponents = [[i, j] for i in range(degree + 1) for j in range(degree + 1 - i) if i + j]
    return monomials(exponents, log_knots=10, exp_knots=20)


def sine_basis(largest: int = 1) -> Basis:
    """sin and cos of 2 pi n . x for the frequencies up to ``largest``, each but one of n and -n, two variables."""
    found = [(i, j) for i in range(largest + 1) for j in range(-largest, largest + 1) if i > 0 or j > 0]
    n = np.array([pair for pair in found for _ in range(2)], dtype=np.float64)
    return fourier_features(n, [0.0, 0.25] * len(found), slt.Box((0.0, 0.0), (1.0, 1.0)), knots=21)


def sparse_rows(features: int, d: int, most: int, key: slt.Key) -> list[list[int]]:
    """``features`` rows of one to ``most`` different coordinates out of d."""
    drawn = points(features, d, key / "order")
    counts = 1 + np.floor(points(features, 1, key / "count")[:, 0] * most).astype(int)
    return [np.argsort(row, kind="stable")[:c].tolist() for row, c in zip(drawn, counts, strict=True)]


def image_basis(name: str, features: int, d: int, key: slt.Key) -> Basis:
    """Random sparse features of d pixels: monomials or sines of up to three of them."""
    rows = sparse_rows(features, d, 3, key / name)
    table = np.zeros((features, d))
    drawn = points(features, d, key / name / "sizes")
    if name == "monomials":
        for i, row in enumerate(rows):
            table[i, row] = np.where(drawn[i, row] < 0.5, 1, 3)
        return monomials(table, log_knots=8, exp_knots=10, equidistributed=True)
    for i, row in enumerate(rows):
        table[i, row] = np.where(drawn[i, row] < 0.5, -0.5, 0.5)
    phases = points(features, 1, key / name / "phases")[:, 0]
    return fourier_features(table, phases, slt.Box((0.0,) * d, (1.0,) * d), knots=10)


def pooled(x: Any, side: int) -> Array:
    """Means of square blocks of images (count, pixels): (count, side * side)."""
    images = np.asarray(x, dtype=np.float64)
    size = round(images.shape[1] ** 0.5)
    step = size // side
    return images.reshape(len(images), side, step, side, step).mean(axis=(2, 4)).reshape(len(images), -1)
