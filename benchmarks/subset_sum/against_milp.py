"""Exact subset sums of n = 20 against ``scipy.optimize.milp`` (HiGHS), in one run; and right where it is wrong."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from slt.subset_sum import solve
from slt.weights import Key, Uniform

N, LATTICE = 20, 52


def draws(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Items and targets uniform on (-1, 1), on the lattice 2**-52."""
    law, key = Uniform(LATTICE), Key(0) / "benchmark"
    return law.draw(key / "items", (1, count, N))[0], law.draw(key / "targets", (1, 1, count))[0, 0]


def by_milp(items: np.ndarray, target: float) -> tuple[bool, np.ndarray]:
    """(does HiGHS call it optimal, the subset): minimise z subject to -z <= sum - target <= z."""
    n = len(items)
    rows = np.vstack([np.append(items, -1.0), np.append(items, 1.0)])
    limits = LinearConstraint(rows, lb=[-np.inf, target], ub=[target, np.inf])
    found = milp(
        c=np.append(np.zeros(n), 1.0),
        constraints=limits,
        integrality=np.append(np.ones(n), 0),
        bounds=Bounds(np.zeros(n + 1), np.append(np.ones(n), np.inf)),
        options={"mip_rel_gap": 0.0},
    )
    return found.status == 0 and found.x is not None, np.round(found.x[:n]) > 0.5


def run() -> list[str]:
    many, few, rounds = 100_000, 4, 5
    items, targets = draws(many)
    solve(items[:64], targets[:64])
    ratios, ours, theirs, called_optimal, wrong, factors = [], [], [], 0, 0, []
    for i in range(rounds):
        start = time.perf_counter()
        result = solve(items, targets)
        fast = (time.perf_counter() - start) / many
        start = time.perf_counter()
        for k in range(i * few, (i + 1) * few):
            optimal, mask = by_milp(items[k] * 2.0**-LATTICE, float(targets[k]) * 2.0**-LATTICE)
            error = abs(sum((int(x) for x in items[k][mask]), 0) - int(targets[k]))
            best = abs(int(result.residual_lattice[k]))
            called_optimal += optimal
            if optimal and error != best:
                wrong += 1
                factors.append(float(Fraction(error, best)))
        slow = (time.perf_counter() - start) / few
        ratios.append(slow / fast)
        ours.append(fast)
        theirs.append(slow)
    return [
        f"exact n = {N}: {np.median(ours) * 1e6:.2f} us an instance here, {np.median(theirs):.3f} s by milp: "
        f"{np.median(ratios):,.0f} times faster (median of {rounds} pairs; {min(ratios):,.0f} to {max(ratios):,.0f})",
        f"milp called {called_optimal} of {rounds * few} optimal, wrongly {wrong} times"
        + (f" (by a median factor of {np.median(factors):.3g})" if factors else ""),
    ]
