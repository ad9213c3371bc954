"""What is measured: each function returns one sample a point, errors (floats) or events (truth values)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slt import laws
from slt.runner import Config
from slt.subset_sum import Problem, Status, solve
from slt.weights import Hyperbolic, Key, Normal, Uniform

Array = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

LATTICE = 52
UNIT = 2**LATTICE
TARGET = 0.3
ITEMS: dict[str, laws.ItemLaw] = {
    "uniform": laws.UNIFORM,
    "normal": laws.NORMAL,
    "product of uniforms": laws.UNIFORM_PRODUCT,
    "product of normals": laws.NORMAL_PRODUCT,
}


def random_items(key: Key, kind: str, draws: int, n: int, dimension: int = 1) -> Whole:
    """Integers over 2**52, shape (draws, dimension, n); products are exact products of two draws on 2**-26."""
    law = Normal if "normal" in kind else Uniform
    if "product" not in kind:
        return np.asarray(law(LATTICE).draw(key / "items", (draws, dimension, n)), dtype=np.int64)
    first, second = (law(LATTICE // 2).draw(key / name, (draws, dimension, n)) for name in ("first", "second"))
    return first.astype(np.int64) * second


def random_targets(key: Key, draws: int) -> Whole:
    """Integers over 2**52, uniform on (-1, 1), shape (draws,)."""
    return np.asarray(Uniform(LATTICE).draw(key / "targets", (draws, 1, 1))[:, 0, 0])


def fixed(target: float, draws: int) -> Whole:
    return np.full(draws, round(target * UNIT), dtype=np.int64)


def single(key: Key, unit: Config) -> list[Array]:
    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    given = unit["target"]
    wanted = random_targets(key, len(x)) if given is None else fixed(given, len(x))
    return [solve(x[:, :n], wanted, lattice=LATTICE).error for n in unit["x"]]


def all_targets(key: Key, unit: Config) -> list[Array]:
    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    return [np.array([_largest_distance(row[:n]) for row in x]) / UNIT for n in unit["x"]]


def _largest_distance(items: Whole) -> float:
    """The largest distance from a target in [-1/2, 1/2] to the nearest subset sum, in lattice units."""
    sums = np.zeros(1, dtype=np.int64)
    for item in items:
        sums = np.concatenate([sums, sums + item])
    sums.sort()
    half = UNIT // 2
    # the sums within, and one beyond each end
    low, high = np.searchsorted(sums, [-half, half])
    near = sums[max(low - 1, 0) : high + 1]
    middles = (near[1:] + near[:-1]) / 2
    gaps = np.diff(near)[np.abs(middles) <= half] / 2
    ends = [np.abs(near - end).min() for end in (-half, half)]
    return float(max(gaps.max(initial=0.0), *ends))


def partition(key: Key, unit: Config) -> list[Array]:
    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    # sum of +-x = twice the sum of those with + minus the total
    return [solve(2 * x[:, :n], x[:, :n].sum(axis=1), lattice=LATTICE).error for n in unit["x"]]


def fixed_size(key: Key, unit: Config) -> list[Array]:
    from slt.subset_sum.fixed_size import fixed_size as best

    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    wanted = fixed(TARGET, len(x))
    return [best(Problem.of(x[:, :n], wanted, lattice=LATTICE), n // unit["one in"]).error for n in unit["x"]]


def vectors(key: Key, unit: Config) -> list[Array]:
    from slt.subset_sum.vector import vector

    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]), unit["d"]).transpose(0, 2, 1)
    wanted = np.full((len(x), unit["d"]), round(TARGET * UNIT), dtype=np.int64)
    return [vector(x[:, :n], wanted, lattice=LATTICE).error for n in unit["x"]]


def worst(key: Key, unit: Config) -> list[Array]:
    many = 50 * unit["draws"]
    x = random_items(key, unit["items"], many, unit["n"])[:, 0]
    error = solve(x, random_targets(key, many), lattice=LATTICE).error
    return [error.reshape(-1, instances).max(axis=1) for instances in unit["x"]]


def golden(key: Key, unit: Config) -> list[Events]:
    from slt.subset_sum.golden_ratio import golden_ratio

    k = unit["bins"]
    law = Hyperbolic(laws.golden_ratio_bound(k + 1).item(), LATTICE)
    x = law.draw(key / "items", (unit["draws"], 1, max(unit["x"])))[:, 0]
    wanted = np.abs(random_targets(key, unit["draws"]))
    found = [golden_ratio(Problem.of(x[:, :m], wanted, lattice=LATTICE), scale=UNIT) for m in unit["x"]]
    if any((np.abs(f.result.residual_lattice) > f.bound).any() for f in found):
        raise ArithmeticError("the golden-ratio greedy broke its bound, which is a theorem")
    return [f.bins >= k for f in found]


def random_graph(key: Key, unit: Config) -> list[Array]:
    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    there = Uniform(LATTICE).draw(key / "there", (len(x), 1, x.shape[1]))[:, 0] < (2 * unit["density"] - 1) * UNIT
    wanted = fixed(TARGET, len(x))
    return [solve(x[:, :n], wanted, usable=there[:, :n], lattice=LATTICE).error for n in unit["x"]]


def locked(key: Key, unit: Config) -> list[Array]:
    free = unit["free"]
    x = random_items(key, unit["items"], unit["draws"], free + max(unit["x"]))[:, 0]
    wanted = fixed(TARGET, len(x))
    return [
        solve(x[:, : free + m], wanted, lattice=LATTICE, locked=np.arange(free + m) >= free).error for m in unit["x"]
    ]


def perturbed(key: Key, unit: Config) -> list[Events]:
    from slt.subset_sum.perturbed import perturbed as nearest

    x = random_items(key, unit["items"], unit["draws"], max(unit["x"]))[:, 0]
    wanted = fixed(TARGET, len(x))
    return [
        nearest(Problem.of(x[:, :n], wanted, lattice=LATTICE), **slack(unit)).residual_lattice == 0 for n in unit["x"]
    ]


def slack(line: Mapping[str, Any]) -> dict[str, float]:
    return {"relative" if line["in proportion"] else "absolute": line["slack"]}


def quantised(key: Key, unit: Config) -> list[Events]:
    from slt.subset_sum.counting import count_solutions

    most = unit["levels"]
    odd = Uniform(32).draw(key / "items", (unit["draws"], 1, max(unit["x"])))[:, 0]
    x = (((odd + 2**32) >> 1) * (2 * most + 1) >> 32) - most
    wanted = np.full(len(x), most // 2)
    return [count_solutions(Problem.of(x[:, :n], wanted)) > 0 for n in unit["x"]]


def fewest(key: Key, unit: Config) -> list[Events]:
    from slt.subset_sum.fewest_items import fewest_items

    x = random_items(key, unit["items"], unit["draws"], unit["n"])[:, 0]
    found = fewest_items(Problem.of(x, fixed(TARGET, len(x)), lattice=LATTICE), unit["tolerance"])
    size = np.where(found.status == Status.FEWEST_ITEMS, found.mask.sum(axis=1), unit["n"] + 1)
    return [size > k for k in unit["x"]]


@dataclass(frozen=True)
class Measurement:
    sample: Callable[[Key, Config], Sequence[npt.NDArray[Any]]]
    lines: Sequence[Mapping[str, Any]]
    """A curve each: its setting and, as x, its points."""
    share: float = 0.2
    """Of the draws of the configuration."""
    items: Sequence[str] = tuple(ITEMS)


NUMBERS = (8, 12, 16, 20)
MEASUREMENTS = {
    "single": Measurement(
        single, [{"target": z, "x": (4, 6, 8, 10, 12, 14, 16, 20, 24)} for z in (0.05, 0.5, 1.0, None)], share=1.0
    ),
    "all targets": Measurement(all_targets, [{"x": (6, 8, 10, 12, 14, 16)}], share=0.1),
    "partition": Measurement(partition, [{"x": (6, 8, *NUMBERS[1:], 24)}]),
    "fixed size": Measurement(fixed_size, [{"one in": k, "x": (*NUMBERS, 24)} for k in (4, 2)]),
    "vectors": Measurement(vectors, [{"d": d, "x": (6, 8, 10, 12, 14, 16)} for d in (1, 2, 3)], share=0.1),
    "worst": Measurement(worst, [{"n": n, "x": (1, 10, 100, 1000)} for n in (12, 20)]),
    "golden ratio": Measurement(
        golden, [{"bins": k, "x": tuple(range(k, 16 * k + 1, k))} for k in (4, 8, 16)], items=("uniform",)
    ),
    "random graph": Measurement(random_graph, [{"density": p, "x": (*NUMBERS, 24)} for p in (0.3, 0.5, 0.7)]),
    "locked": Measurement(locked, [{"free": n, "x": (0, 1, 2, 4, 8, 16)} for n in (12, 20)]),
    "perturbed": Measurement(
        perturbed,
        [
            {"in proportion": kind, "slack": s, "x": tuple(range(first, first + 8, 2))}
            for kind in (False, True)
            for s, first in ((0.1, 2), (0.01, 4), (0.001, 7))
        ],
    ),
    "quantised": Measurement(
        quantised,
        [{"levels": m, "x": tuple(range(first, first + 10, 2))} for m, first in ((16, 2), (128, 4), (1024, 7))],
        items=("uniform",),
    ),
    "fewest items": Measurement(
        fewest, [{"tolerance": 0.01, "n": n, "x": tuple(range(min(n, 8) + 1))} for n in (8, 12, 20)]
    ),
}
