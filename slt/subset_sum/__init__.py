"""Random subset sum: problems on an integer lattice and the solvers for them."""

from slt.subset_sum.problem import Problem
from slt.subset_sum.result import Result
from slt.subset_sum.solve import solve
from slt.subset_sum.status import Status

__all__ = ["Problem", "Result", "Status", "solve"]
