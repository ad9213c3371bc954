"""The bin join: what it proves is the optimum, ties included; what it cannot prove it leaves."""

from __future__ import annotations

import numpy as np
import pytest

from slt.subset_sum import Problem
from slt.subset_sum.bin_join import bin_join
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle


def joined(problem):
    mask = np.zeros((problem.count, problem.n), dtype=bool)
    residual = np.zeros(problem.count, dtype=np.int64)
    return bin_join(problem, mask, residual), mask, residual


@pytest.mark.parametrize("n", [*range(10, 31, 2), 31, 32, 33])
@pytest.mark.parametrize("scale", [2, 20, 1000, 2**30, 2**31, 2**40, 2**57])
def test_equals_meet_in_the_middle_wherever_it_proves(n, scale):
    rng = np.random.default_rng(n * 1000 + scale.bit_length())
    count = 300 if n <= 20 else 30 if n <= 26 else 3
    items = rng.integers(-scale, scale + 1, (count, n))
    targets = rng.integers(-2 * scale, 2 * scale + 1, count)
    usable = rng.random((count, n)) < 0.9 if n % 4 == 0 else None
    problem = Problem.of(items, targets, usable)
    proved, mask, residual = joined(problem)
    exact = meet_in_the_middle(problem)
    assert np.array_equal(mask[proved], exact.mask[proved])
    assert np.array_equal(residual[proved], exact.residual_lattice[proved])
    assert not mask[~proved].any() and not residual[~proved].any()


@pytest.mark.parametrize(("n", "share"), [(12, 0.97), (16, 0.98), (20, 0.99), (24, 0.99), (28, 0.99), (32, 0.99)])
def test_it_proves_most_random_instances(n, share):
    """Items and targets uniform on 53 bits: 400 draws (40 from n = 28 on); the shares lie below those measured."""
    rng = np.random.default_rng(n)
    count = 400 if n < 28 else 40
    draw = rng.integers(-(2**52), 2**52, (count, n + 1))
    assert joined(Problem.of(draw[:, :n], draw[:, n]))[0].mean() > share


def test_what_is_out_of_its_range_is_left():
    rng = np.random.default_rng(0)
    for n in (0, 1, 11, 33, 50):
        problem = Problem.of(rng.integers(-99, 99, (5, n)), rng.integers(-9, 9, 5))
        assert not joined(problem)[0].any()
    beyond = Problem.of(np.ones((1, 16), dtype=int), [17])
    assert not joined(beyond)[0].any()
    ties = Problem.of(np.ones((1, 20), dtype=int), [10])
    assert not joined(ties)[0].any()


def test_mixed_sizes_share_their_work_space():
    """Locked-out items make sizes jump up and down within one chunk."""
    rng = np.random.default_rng(3)
    items = rng.integers(-(2**50), 2**50, (600, 26))
    usable = np.arange(26) < rng.integers(8, 27, (600, 1))
    problem = Problem.of(items, rng.integers(-(2**50), 2**50, 600), usable)
    proved, mask, _ = joined(problem)
    assert proved.mean() > 0.5
    assert np.array_equal(mask[proved], meet_in_the_middle(problem).mask[proved])


@pytest.mark.parametrize("n", [12, 14, 17])
def test_exact_hits_and_few_ties_on_coarse_lattices(n):
    """Bins of a few lattice units, and targets that many subsets reach: proved or left, never wrong."""
    rng = np.random.default_rng(n)
    some = 0
    for bits in range(3, n + 8):
        items = rng.integers(-(2**bits), 2**bits + 1, (100, n))
        targets = (items * (rng.random((100, n)) < 0.5)).sum(axis=1) + rng.integers(-1, 2, 100)
        problem = Problem.of(items, targets)
        proved, mask, residual = joined(problem)
        exact = meet_in_the_middle(problem)
        assert np.array_equal(mask[proved], exact.mask[proved])
        assert np.array_equal(residual[proved], exact.residual_lattice[proved])
        some += int(proved.sum())
    assert some > 400


def test_sizes_far_apart_in_one_instance():
    """Powers of two next to tiny items: the density guess is wrong by far, the answers are not."""
    rng = np.random.default_rng(5)
    large = 2 ** rng.integers(0, 58, (400, 16)) * rng.choice([-1, 1], (400, 16))
    targets = (large * (rng.random((400, 16)) < 0.5)).sum(axis=1) + rng.integers(-(2**20), 2**20, 400)
    problem = Problem.of(large, targets)
    proved, mask, residual = joined(problem)
    exact = meet_in_the_middle(problem)
    assert np.array_equal(mask[proved], exact.mask[proved])
    assert np.array_equal(residual[proved], exact.residual_lattice[proved])


def test_the_table_is_reused_over_many_instances():
    """Entries of earlier instances must not count: 3,000 in one chunk pass every reset of the table."""
    rng = np.random.default_rng(6)
    draw = rng.integers(-(2**52), 2**52, (3000, 17))
    problem = Problem.of(draw[:, :16], draw[:, 16])
    proved, mask, _ = joined(problem)
    assert proved.mean() > 0.98
    assert np.array_equal(mask[proved], meet_in_the_middle(problem).mask[proved])
