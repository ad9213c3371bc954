"""What every solver returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.subset_sum.problem import Problem
from slt.subset_sum.status import Status


@final
@dataclass(frozen=True, eq=False)
class Result:
    """One subset an instance.

    mask              (N, n) bool: the items taken, locked ones included
    residual_lattice  (N,) int64: sum taken minus target, exact, in units of 2**-exponent
    status            (N,) int8: ``Status`` codes
    prefix            (N,) int64: how many leading items were looked at; the answer would be the same without the rest
    problem           what was solved
    """

    mask: npt.NDArray[np.bool_]
    residual_lattice: npt.NDArray[np.int64]
    status: npt.NDArray[np.int8]
    prefix: npt.NDArray[np.int64]
    problem: Problem

    @staticmethod
    def of(
        chosen: npt.NDArray[np.bool_],
        residual_lattice: npt.NDArray[np.int64],
        status: npt.NDArray[np.int8],
        prefix: npt.NDArray[np.int64],
        problem: Problem,
    ) -> Result:
        """What a solver found among the usable items, with the locked ones added to the masks and prefixes."""
        if problem.locked is not None and problem.n:
            chosen = chosen | problem.locked
            last = np.where(problem.locked, np.arange(1, problem.n + 1), 0).max(axis=1)
            prefix = np.maximum(prefix, last)
        return Result(chosen, residual_lattice, status, prefix, problem)

    @property
    def residual(self) -> npt.NDArray[np.float64]:
        """(N,) float64: sum taken minus target as given (the rounding of targets is added to ``residual_lattice``)."""
        view = np.ldexp(self.residual_lattice.astype(np.float64), -self.problem.exponent)
        return np.asarray(view + self.problem.rounding)

    @property
    def error(self) -> npt.NDArray[np.float64]:
        """(N,) float64: |residual|."""
        return np.abs(self.residual)

    @property
    def exponent(self) -> int:
        """Answers are exact on lattice 2**-exponent."""
        return self.problem.exponent

    def __str__(self) -> str:
        counts = Counter(self.status.tolist())
        lines = [f"{self.problem.count} subset sums of {self.problem.n} items, exact on lattice 2**-{self.exponent}"]
        lines += [f"  {count:>8}  {Status(code).text}" for code, count in sorted(counts.items())]
        return "\n".join(lines)
