"""What every exact solver must satisfy: integer equality with brute force, and the algebra of subset sums.

A solver joins by adding itself to ``SOLVERS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slt.subset_sum import Problem, Result, schroeppel_shamir, torch_batch
from slt.subset_sum.first_within import first_within
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.optimum import optimum


@dataclass(frozen=True)
class Solver:
    """An exact solver as the suite calls it: the optimum, or with a tolerance ((N,) lattice units) the first within it.

    A solver that knows no tolerance leaves that to meet in the middle. ``limit``: usable items at most; ``batches``:
    how many random batches the suite spends on it.
    """

    exact: Callable[[Problem], Result]
    tolerant: Callable[[Problem, np.ndarray], Result] = meet_in_the_middle
    limit: int = 44
    batches: int = 240

    def __call__(self, problem: Problem, tolerance: np.ndarray | None) -> Result:
        return self.exact(problem) if tolerance is None else self.tolerant(problem, tolerance)


SOLVERS = {
    "meet in the middle": Solver(meet_in_the_middle),
    "fast paths": Solver(optimum, first_within),
    "Schroeppel and Shamir": Solver(schroeppel_shamir, limit=64, batches=60),
    "torch batch": Solver(torch_batch, batches=60),
}


def assert_equal(a: Result, b: Result, context: object = "") -> None:
    """Same masks, residuals, statuses and prefixes, to the bit."""
    for name in ("mask", "residual_lattice", "status", "prefix"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype and x.shape == y.shape
        if not np.array_equal(x, y):
            i = int(np.flatnonzero((x != y).reshape(len(x), -1).any(axis=1))[0])
            p = a.problem
            raise AssertionError(
                f"{name} of instance {i} differs: {x[i]} and {y[i]}; items {p.items[min(i, len(p.items) - 1)]}, "
                f"usable {p.usable[min(i, len(p.usable) - 1)]}, target {p.targets[i]} {context}"
            )


def assert_consistent(result: Result) -> None:
    """The residual is the sum taken minus the target, and locked-out items stay out; in Python integers."""
    p = result.problem
    for i in range(p.count):
        items = p.items[i if len(p.items) > 1 else 0]
        usable = p.usable[i if len(p.usable) > 1 else 0]
        locked = np.zeros(p.n, dtype=bool) if p.locked is None else p.locked[i if len(p.locked) > 1 else 0]
        assert not np.any(result.mask[i] & ~usable & ~locked)
        assert result.mask[i][locked].all()
        taken = items[result.mask[i] & ~locked]
        assert sum(int(x) for x in taken) - int(p.targets[i]) == int(result.residual_lattice[i])


def random_batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Items, targets and locks of one random batch: many sizes, many degeneracies."""
    n, count = int(rng.integers(0, 15)), 60
    scale = int(rng.choice([1, 2, 5, 30, 1000, 10**9, 2**58]))
    items = rng.integers(-scale, scale + 1, (count, n))
    kind = rng.integers(6)
    if kind == 0:
        items = np.abs(items)
    elif kind == 1:
        items = -np.abs(items)
    elif kind == 2 and n:
        items = np.broadcast_to(items[:, :1], items.shape).copy()
    reach = min(max(n, 1) * scale, 2**62) if scale < 2**58 else 2**58
    targets = rng.integers(-reach, reach + 1, count)
    if kind == 3 and n:  # reachable exactly
        targets = (items * (rng.random(items.shape) < 0.5)).sum(axis=1)
    usable = rng.random((count, n)) < 0.8 if rng.random() < 0.5 else None
    if usable is not None and rng.random() < 0.3:
        usable = usable[0]
    return items, targets, usable
