"""The solvers that the engine is compared with: each takes one instance in integers and a time limit.

Items and target are integers k on the lattice 2**-40, so that CP-SAT's int64 coefficients hold them exactly. The
floating-point solvers get k / 2**40, of order 1, as their absolute tolerances want it, and the tightest tolerances
they take; all use as many threads as they like. OR-tools and cvxpy's highspy exclude each other in one process, so
HiGHS is asked through SciPy here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LATTICE = 40


@dataclass(frozen=True)
class Answer:
    """mask (n,) bool, or None without an answer; claimed: the solver calls it optimal."""

    mask: np.ndarray | None
    claimed: bool


@dataclass(frozen=True)
class Competitor:
    """name as printed; package it needs; solve(items (n,) int64, target, seconds)."""

    name: str
    package: str
    solve: Callable[[np.ndarray, int, float], Answer]

    def missing(self) -> bool:
        return importlib.util.find_spec(self.package) is None


def numpy_halves(items: np.ndarray, target: int, seconds: float) -> Answer:
    """Meet in the middle as one writes it in NumPy: all sums of both halves, one sorted, one searched; exact."""
    n = len(items)
    halves = []
    for part in (items[: n // 2], items[n // 2 :]):
        sums = np.zeros(1, dtype=np.int64)
        for x in part:
            sums = np.concatenate([sums, sums + x])
        halves.append(sums)
    first, second = halves
    order = np.argsort(first)
    wanted = target - second
    at = np.searchsorted(first[order], wanted)
    best = None
    for neighbour in (np.maximum(at - 1, 0), np.minimum(at, len(first) - 1)):
        distance = np.abs(first[order[neighbour]] - wanted)
        k = int(distance.argmin())
        if best is None or distance[k] < best[0]:
            best = (int(distance[k]), int(order[neighbour[k]]), k)
    bits = best[1] | best[2] << (n // 2)
    return Answer((bits >> np.arange(n)) & 1 == 1, True)


def scipy_milp(items: np.ndarray, target: int, seconds: float) -> Answer:
    """HiGHS through ``scipy.optimize.milp``: minimise z subject to -z <= sum - target <= z."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    n = len(items)
    scaled, wanted = np.ldexp(items.astype(float), -LATTICE), float(np.ldexp(float(target), -LATTICE))
    rows = np.vstack([np.append(scaled, -1.0), np.append(scaled, 1.0)])
    found = milp(
        c=np.append(np.zeros(n), 1.0),
        constraints=LinearConstraint(rows, lb=[-np.inf, wanted], ub=[wanted, np.inf]),
        integrality=np.append(np.ones(n), 0),
        bounds=Bounds(np.zeros(n + 1), np.append(np.ones(n), np.inf)),
        options={"mip_rel_gap": 0.0, "time_limit": seconds},
    )
    return Answer(None if found.x is None else found.x[:n] > 0.5, found.status == 0 and found.x is not None)


def cp_sat(items: np.ndarray, target: int, seconds: float) -> Answer:
    """OR-tools CP-SAT: the same model in integers, exact."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in items]
    error = model.new_int_var(0, abs(target) + int(np.abs(items).sum()), "")
    total = sum(int(x) * v for x, v in zip(items, chosen, strict=True)) - target
    model.add(total <= error)
    model.add(-total <= error)
    model.minimize(error)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Answer(None, False)
    return Answer(np.array([solver.value(v) == 1 for v in chosen]), status == cp_model.OPTIMAL)


def gurobi(items: np.ndarray, target: int, seconds: float) -> Answer:
    """Gurobi, whose PyPI package solves models of this size without a licence file; the same model, in floats."""
    import gurobipy as gp

    options = {"OutputFlag": 0, "TimeLimit": seconds, "MIPGap": 0.0, "MIPGapAbs": 0.0}
    options |= {"IntFeasTol": 1e-9, "FeasibilityTol": 1e-9, "OptimalityTol": 1e-9}
    with gp.Env(params={"OutputFlag": 0}) as environment, gp.Model(env=environment) as model:
        for name, value in options.items():
            model.setParam(name, value)
        chosen = model.addMVar(len(items), vtype=gp.GRB.BINARY)
        error = model.addVar(obj=1.0)
        total = np.ldexp(items.astype(float), -LATTICE) @ chosen - float(np.ldexp(float(target), -LATTICE))
        model.addConstr(total <= error)
        model.addConstr(-total <= error)
        model.optimize()
        if model.SolCount == 0:
            return Answer(None, False)
        return Answer(chosen.X > 0.5, model.Status == gp.GRB.OPTIMAL)


COMPETITORS = (
    Competitor("NumPy halves", "numpy", numpy_halves),
    Competitor("HiGHS (milp)", "scipy", scipy_milp),
    Competitor("CP-SAT", "ortools", cp_sat),
    Competitor("Gurobi", "gurobipy", gurobi),
)
