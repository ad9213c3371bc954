"""The subset-sum engine against other solvers: ``python -m benchmarks subset_sum`` runs all of it, in minutes."""

from __future__ import annotations

from benchmarks.subset_sum import against_milp, comparison


def run() -> list[str]:
    return against_milp.run() + comparison.run()
