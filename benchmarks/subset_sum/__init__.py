"""The subset-sum engine against other solvers: ``python -m benchmarks subset_sum`` runs all of it, in minutes."""

from __future__ import annotations

from benchmarks.subset_sum import against_milp, against_textbook, comparison


def run() -> list[str]:
    return against_textbook.run() + against_milp.run() + comparison.run()
