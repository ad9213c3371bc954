"""Random subset sum: problems on an integer lattice and the solvers for them.

``solve`` is the one call for batches: the exact optimum, or the first sum within a tolerance. The others ask another
question, or go beyond its limits; all but ``vector`` take a ``Problem``:

    schroeppel_shamir  the exact optimum of 45 to 64 items
    fewest_items       the sparsest subset within a tolerance
    fixed_size         the nearest sum of exactly k items
    perturbed          items that may be moved a little
    stepped            the same in whole steps, as products move when one factor does
    count_solutions    how many subsets hit the target exactly
    many_targets       many targets for one set of items (``solve`` calls it by itself)
    golden_ratio       Orseau's greedy, in n log n
    vector             sums of vectors, infinity norm
    mixed_integer      cvxpy and HiGHS, the baseline, re-evaluated exactly
    torch_batch        ``solve`` in torch operations, on any device
"""

from slt.subset_sum.counting import count_solutions
from slt.subset_sum.fewest_items import fewest_items
from slt.subset_sum.fixed_size import fixed_size
from slt.subset_sum.golden_ratio import golden_ratio
from slt.subset_sum.many_targets import many_targets
from slt.subset_sum.mixed_integer import mixed_integer
from slt.subset_sum.perturbed import perturbed
from slt.subset_sum.problem import Problem
from slt.subset_sum.result import Result
from slt.subset_sum.schroeppel_shamir import schroeppel_shamir
from slt.subset_sum.solve import solve
from slt.subset_sum.status import Status
from slt.subset_sum.stepped import stepped
from slt.subset_sum.torch_batch import torch_batch
from slt.subset_sum.vector import vector

__all__ = [
    "Problem",
    "Result",
    "Status",
    "count_solutions",
    "fewest_items",
    "fixed_size",
    "golden_ratio",
    "many_targets",
    "mixed_integer",
    "perturbed",
    "schroeppel_shamir",
    "solve",
    "stepped",
    "torch_batch",
    "vector",
]
