"""Every exact solver against brute force, with ``==``."""

from __future__ import annotations

import numpy as np
import pytest

from slt.errors import LimitError
from slt.subset_sum import Problem, schroeppel_shamir
from slt.subset_sum.meet_in_the_middle import meet_in_the_middle
from slt.subset_sum.optimum import optimum
from tests.subset_sum.conformance import SOLVERS, Conformance


class TestSolvers(Conformance):
    """14,400 random instances for each, or 3,600."""

    @pytest.fixture(params=SOLVERS.values(), ids=list(SOLVERS))
    def solver(self, request):
        return request.param


def test_limits_name_the_solver_that_can():
    problem = Problem.of(np.arange(1, 46), [7, 8])
    for solver in (meet_in_the_middle, optimum):
        with pytest.raises(
            LimitError, match=r"2 of 2 instances have more \(up to 45\).*schroeppel_shamir for up to 64"
        ):
            solver(problem)
    assert not schroeppel_shamir(problem).residual_lattice.any()


def test_more_memory_than_is_free_is_refused_before_it_is_allocated(monkeypatch):
    from slt.subset_sum import memory

    monkeypatch.setattr(memory, "free_memory", lambda: 2**27)
    problem = Problem.of(np.arange(1, 45), [7])
    with pytest.raises(LimitError, match=r"over 44 items needs 384 MiB .* 128 MiB are free; .*schroeppel_shamir"):
        meet_in_the_middle(problem)
    assert not schroeppel_shamir(problem).residual_lattice.any()
