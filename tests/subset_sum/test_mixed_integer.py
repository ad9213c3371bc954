"""The floating-point baseline: its answers are evaluated exactly, and called false where they are."""

from __future__ import annotations

import importlib

import cvxpy as cp
import numpy as np
import pytest

from slt.errors import InputError, MissingExtraError
from slt.subset_sum import Problem, Status
from slt.subset_sum.optimum import optimum
from tests.subset_sum.conformance import assert_consistent

MODULE = importlib.import_module("slt.subset_sum.mixed_integer")  # not the function, whichever the package exports


def by_highs(problem: Problem, seconds: float | None = 10.0):
    return MODULE.mixed_integer(problem, seconds)


def test_small_instances_are_optimal():
    rng = np.random.default_rng(1)
    problem = Problem.of(rng.integers(-1000, 1001, (12, 9)), rng.integers(-3000, 3001, 12), rng.random((12, 9)) < 0.8)
    result, exact = by_highs(problem), optimum(problem)
    assert_consistent(result)
    assert np.array_equal(np.abs(result.residual_lattice), np.abs(exact.residual_lattice))
    assert np.array_equal(result.status, exact.status) and Status.OPTIMAL in result.status
    assert np.array_equal(result.prefix, exact.prefix)


def test_what_needs_no_solver(monkeypatch):
    def ask(*arguments):
        raise AssertionError("no solver is needed")

    monkeypatch.setattr(MODULE, "_ask_highs", ask)
    items = np.array([3, -4, 0, 5] * 20)
    problem = Problem.of(items, [161, -81])
    beyond = by_highs(problem)
    assert beyond.status.tolist() == [Status.OUT_OF_REACH] * 2 and beyond.residual_lattice.tolist() == [-1, 1]
    assert np.array_equal(beyond.mask, optimum(problem).mask)
    none = by_highs(Problem.of(np.zeros((2, 0), dtype=int), [0, 5]))
    assert none.status.tolist() == [Status.NO_ITEMS] * 2 and none.residual_lattice.tolist() == [0, -5]
    shut = by_highs(Problem.of([1, 2], [3], np.zeros(2, dtype=bool)))
    assert shut.status.tolist() == [Status.NO_ITEMS] and not shut.mask.any()
    assert by_highs(Problem.of(np.zeros((0, 3), dtype=int), np.zeros(0, dtype=int))).mask.shape == (0, 3)


ITEMS, TARGETS = np.tile([8, 5, -3, 7], (2, 1)), np.array([12, 13])  # 5 + 7 = 12 and 8 + 5 = 13


def answering(monkeypatch, values, claimed):
    monkeypatch.setattr(MODULE, "_ask_highs", lambda items, target, seconds: (values, claimed))


def test_an_answer_called_optimal_that_is_not_is_called_false(monkeypatch):
    answering(monkeypatch, np.array([1.0, 1.0, 0.0, 0.0]), True)
    result = by_highs(Problem.of(ITEMS, TARGETS))
    assert result.status.tolist() == [Status.FALSE_OPTIMUM, Status.OPTIMAL]
    assert result.residual_lattice.tolist() == [1, 0]


def test_among_ties_the_mask_is_the_solvers(monkeypatch):
    answering(monkeypatch, np.array([1.0, 0.0, 0.0, 1.0]), True)
    problem = Problem.of([1, 1, 2, 1], [2])
    result = by_highs(problem)
    assert result.status.tolist() == [Status.OPTIMAL] and result.mask.tolist() == [[True, False, False, True]]
    assert optimum(problem).mask.tolist() == [[False, False, True, False]]


def test_values_are_rounded_and_evaluated_exactly(monkeypatch):
    answering(monkeypatch, np.array([1e-6, 0.9999, 0.2, 0.51]), True)
    result = by_highs(Problem.of(ITEMS, TARGETS))
    assert result.mask.tolist() == [[False, True, False, True]] * 2
    assert result.residual_lattice.tolist() == [0, -1]
    assert result.status.tolist() == [Status.OPTIMAL, Status.FALSE_OPTIMUM]


def test_no_claim_is_the_best_found_even_if_it_is_optimal(monkeypatch):
    answering(monkeypatch, np.array([1.0, 1.0, 0.0, 0.0]), False)
    assert by_highs(Problem.of(ITEMS, TARGETS)).status.tolist() == [Status.BEST_FOUND] * 2
    answering(monkeypatch, None, False)
    nothing = by_highs(Problem.of(ITEMS, TARGETS))
    assert nothing.status.tolist() == [Status.BEST_FOUND] * 2 and not nothing.mask.any()
    assert nothing.residual_lattice.tolist() == [-12, -13]


def test_beyond_44_items_a_claim_stays_one(monkeypatch):
    answering(monkeypatch, np.ones(45), True)
    result = by_highs(Problem.of(np.arange(1, 46), [7]))
    assert result.status.tolist() == [Status.CLAIMED_OPTIMAL]
    assert result.residual_lattice.tolist() == [45 * 23 - 7]


def test_a_solver_that_fails_leaves_the_empty_subset(monkeypatch):
    def fail(self, *arguments, **options):
        raise cp.SolverError("out of luck")

    monkeypatch.setattr(cp.Problem, "solve", fail)
    result = by_highs(Problem.of([3, 5], [4]))
    assert result.status.tolist() == [Status.BEST_FOUND] and not result.mask.any()


def test_a_missing_solver_is_no_answer(monkeypatch):
    monkeypatch.setattr(cp, "installed_solvers", lambda: ["OSQP"])
    with pytest.raises(MissingExtraError, match="finds no HiGHS; pip install highspy"):
        by_highs(Problem.of([3, 5], [4]))


def test_time_runs_out():
    rng = np.random.default_rng(2)
    problem = Problem.of(rng.integers(-(2**40), 2**40, (1, 60)), [12345])
    result = by_highs(problem, 1e-3)
    assert result.status.tolist() == [Status.BEST_FOUND]
    assert_consistent(result)


def test_locked_items_and_the_largest_integers():
    problem = Problem.of([5, 7, 11], [16, 5], locked=np.array([True, False, False]))
    result = by_highs(problem)
    assert result.mask.tolist() == [[True, False, True], [True, False, False]]
    assert result.status.tolist() == [Status.OPTIMAL] * 2
    assert_consistent(result)
    big = by_highs(Problem.of([2**61, -(2**61), 2**60], [2**61 - 1]))
    assert big.residual_lattice.tolist() == [1] and big.status.tolist() == [Status.OPTIMAL]


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_seconds_are_checked(seconds):
    with pytest.raises(InputError, match=r"seconds must be a positive number, or None"):
        by_highs(Problem.of([1], [1]), seconds)
