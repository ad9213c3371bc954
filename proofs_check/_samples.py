"""What is measured: random items and targets, and the weight errors of tickets, of many sums at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

import slt
from slt import laws
from slt.constructions import Construction
from slt.weights import Key, Normal, Uniform, WeightLaw

Array = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

LATTICE = 52
UNIT = 2**LATTICE
ITEMS = {
    "uniform": laws.UNIFORM,
    "normal": laws.NORMAL,
    "product of uniforms": laws.UNIFORM_PRODUCT,
    "product of normals": laws.NORMAL_PRODUCT,
}


def random_items(key: Key, draws: int, n: int, kind: str = "uniform", dimension: int = 1) -> Whole:
    """Integers over 2**52, (draws, n), or (draws, n, dimension); products are exact ones of two draws on 2**-26."""
    law = Normal if "normal" in kind else Uniform
    shape = (draws, dimension, n)
    if "product" in kind:
        first, second = (law(LATTICE // 2).draw(key / name, shape).astype(np.int64) for name in ("first", "second"))
        found = first * second
    else:
        found = law(LATTICE).draw(key / "items", shape).astype(np.int64)
    return np.ascontiguousarray(found[:, 0] if dimension == 1 else found.transpose(0, 2, 1))


def random_targets(key: Key, draws: int) -> Whole:
    """Integers over 2**52, uniform on (-1, 1)."""
    return np.asarray(Uniform(LATTICE).draw(key / "targets", (draws, 1, 1))[:, 0, 0], np.int64)


def fixed(target: float, draws: int) -> Whole:
    """The same target for all."""
    return np.full(draws, round(target * UNIT), dtype=np.int64)


@lru_cache(maxsize=16)
def weight_errors(
    construction: Construction,
    weight: float,
    count: int,
    width: int,
    key: Key,
    max_items: int = 44,
    tolerance: float | None = None,
    law: WeightLaw | None = None,
) -> Array:
    """|random sum - weight| of ``count`` weights of one value, of a target with so many inputs and one output, all
    inputs >= 0: independent sums, one a coordinate, of one ticket. Kept, as mutants of a claim ask again."""
    target = slt.Target.from_arrays([np.full((1, count), weight)])
    ticket = slt.find_ticket(
        target, width=width, seed=key, inputs=slt.Box(0.0, 1.0), tolerance=tolerance, max_items=max_items,
        construction=construction, law=law,
    )  # fmt: skip
    return read_only(ticket.residuals().errors)


def read_only(sample: Array) -> Array:
    """The same, for samples that are kept."""
    sample.setflags(write=False)
    return sample


def where_half_miss(miss: Callable[[float], float], high: float = 1.0) -> float:
    """The error that the law ``miss`` of the chance of a larger one gives 1/2."""
    from scipy.optimize import brentq

    found = brentq(lambda x: miss(2.0**x) - 0.5, -60.0, float(np.log2(high)), xtol=1e-4)
    return float(2.0**found)
