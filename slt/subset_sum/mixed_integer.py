"""Mixed-integer programming through cvxpy and HiGHS: the baseline that users know, in floating point.

Minimise z subject to -z <= sum - target <= z, one boolean an item, one instance at a time. HiGHS calls an answer
optimal when its bounds agree within feasibility tolerances near 1e-7; from about 20 items on the best error is smaller
than that, so "optimal" is often false. Every answer is therefore evaluated again in integers, and up to 44 items
compared with the exact optimum. Not for use in earnest: `optimum` is faster by orders of magnitude, and right.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from slt.errors import InputError, MissingExtraError
from slt.subset_sum.problem import BoolArray, FloatArray, Int64Array, Problem
from slt.subset_sum.result import Result
from slt.subset_sum.status import Status

COMPARED = 44  # usable items: up to here the exact optimum is at hand


def mixed_integer(problem: Problem, seconds: float | None = None) -> Result:
    """What HiGHS finds through cvxpy, with relative and absolute gap 0, at most ``seconds`` an instance (None: no end).

    Status: OPTIMAL (called optimal, and |residual| is that of the exact optimum), FALSE_OPTIMUM (called optimal, but a
    nearer sum exists), CLAIMED_OPTIMAL (called optimal, more than 44 usable items, so not compared), BEST_FOUND (time
    ran out or the solver failed: its last answer, or the empty subset if it gave none). Targets out of reach and
    instances without usable items need no solver and are answered as everywhere.

    The mask is the solver's own, rounded to whole items: among ties it need not be the one of `optimum`, and it may
    change with the version of HiGHS. Any n; the items are divided by a power of two to be of order 1, and beyond 53
    bits rounded on the way. InputError unless ``seconds`` is None or a positive number; MissingExtraError where cvxpy
    finds no HiGHS.
    """
    number = isinstance(seconds, (int, float, np.integer, np.floating)) and not isinstance(seconds, bool)
    if seconds is not None and not (number and np.isfinite(seconds) and seconds > 0):
        raise InputError(
            f"mixed-integer subset sum: seconds must be a positive number, or None for no limit; {seconds!r} was given"
        )
    count, n = problem.count, problem.n
    mask = np.zeros((count, n), dtype=np.bool_)
    status = np.zeros(count, dtype=np.int8)
    residual = np.zeros(count, dtype=np.int64)
    for i in range(count):
        items = problem.items[i if len(problem.items) > 1 else 0]
        usable = problem.usable[i if len(problem.usable) > 1 else 0]
        mask[i], status[i] = _one(items, usable, int(problem.targets[i]), seconds)
        residual[i] = items[mask[i]].sum() - problem.targets[i]
    _compare(problem, residual, status)
    return Result.of(mask, residual, status, np.full(count, n, dtype=np.int64), problem)


def _one(items: Int64Array, usable: BoolArray, target: int, seconds: float | None) -> tuple[BoolArray, Status]:
    """(mask, status) of one instance, the status not compared yet."""
    top, bottom = int(items[usable & (items > 0)].sum()), int(items[usable & (items < 0)].sum())
    if not usable.any():
        return np.zeros(len(items), dtype=np.bool_), Status.NO_ITEMS
    if target > top or target < bottom:
        return usable & ((items > 0) if target > top else (items < 0)), Status.OUT_OF_REACH
    # of order 1: what a solver's absolute tolerances are meant for
    bits = max(int(np.abs(items[usable]).max()), abs(target), 1).bit_length()
    chosen = np.zeros(len(items), dtype=np.bool_)
    scaled = np.ldexp(items[usable].astype(np.float64), -bits)
    values, claimed = _ask_highs(scaled, float(np.ldexp(float(target), -bits)), seconds)
    if values is None:
        return chosen, Status.BEST_FOUND
    chosen[usable] = values > 0.5
    return chosen, Status.CLAIMED_OPTIMAL if claimed else Status.BEST_FOUND


def _ask_highs(items: FloatArray, target: float, seconds: float | None) -> tuple[FloatArray | None, bool]:
    """(the booleans as the solver has them, or None; does it call them optimal)."""
    import cvxpy as cp

    installed: Any = cp.installed_solvers  # cvxpy has no types here
    if cp.HIGHS not in installed():
        raise MissingExtraError(
            "mixed-integer subset sum: cvxpy finds no HiGHS; pip install highspy. If it is installed, another package "
            "has loaded a library of the same name before it (OR-tools does): import cvxpy in a process of its own"
        )
    chosen = cp.Variable(len(items), boolean=True)
    error = cp.Variable()
    within: Any = [items @ chosen - target <= error, target - items @ chosen <= error]
    model: Any = cp.Problem(cp.Minimize(error), within)
    options = {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0}
    if seconds is not None:
        options["time_limit"] = float(seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "may be inaccurate": every answer is evaluated again
            model.solve(solver=cp.HIGHS, **options)
    except cp.SolverError:
        return None, False
    values = chosen.value
    if values is None or not np.all(np.isfinite(values)):
        return None, False
    return np.asarray(values, dtype=np.float64), model.status == cp.OPTIMAL


def _compare(problem: Problem, residual: Int64Array, status: np.ndarray) -> None:
    """Settles, in place, which of the answers called optimal are."""
    from slt.subset_sum.optimum import optimum

    rows = np.flatnonzero((status == Status.CLAIMED_OPTIMAL) & (problem.usable_counts() <= COMPARED))
    if rows.size:
        best = np.abs(optimum(problem.rows(rows)).residual_lattice)
        status[rows] = np.where(np.abs(residual[rows]) == best, Status.OPTIMAL, Status.FALSE_OPTIMUM)
