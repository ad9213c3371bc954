"""``python -m benchmarks.subset_sum``: the comparison of solvers alone."""

from __future__ import annotations

from benchmarks.subset_sum import comparison

for line in comparison.run():
    print(line)
