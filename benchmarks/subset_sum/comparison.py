"""One table: the engine and its competitors alternate on the same instances, in one run, each answer evaluated exactly.

``python -m benchmarks.subset_sum`` runs this part alone. Seconds are upper bounds on a busy machine; the ratios are
paired. The engine is timed twice: one call for a batch, as everything in slt calls it, and one call for one instance,
on one thread, since one instance has no use for two.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numba
import numpy as np

from benchmarks.subset_sum import memory
from benchmarks.subset_sum.competitors import COMPETITORS, LATTICE, Competitor
from slt.subset_sum import solve
from slt.weights import Key, Uniform

SIZES = (10, 16, 20, 24, 32, 40)
BATCH = {10: 20_000, 16: 20_000, 20: 20_000, 24: 4_000, 32: 200, 40: 4}
ROUNDS = {10: 5, 16: 5, 20: 5, 24: 5, 32: 3, 40: 3}  # instances
PATIENCE = 2  # after so many over the limit no more are tried
SECONDS = 20.0
RECORDS = Path(__file__).parents[1] / "solvers.jsonl"
FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "solvers"


@dataclass
class Row:
    """What one competitor did at one n; lists have one entry an instance, times in seconds an instance."""

    n: int
    solver: str
    version: str
    limit: float
    seconds: list[float] = field(default_factory=list)
    engine_alone: list[float] = field(default_factory=list)
    engine_batch: list[float] = field(default_factory=list)
    claimed: list[bool] = field(default_factory=list)
    factor: list[float | None] = field(default_factory=list)  # error over the optimal error; None without an answer
    peak_mib: float | None = None
    engine_peak_mib: float | None = None

    @property
    def over(self) -> int:
        return self.claimed.count(False)

    def false(self) -> list[float]:
        """By which factors answers called optimal were not."""
        return [f for f, c in zip(self.factor, self.claimed, strict=True) if c and f is not None and f > 1]

    def ratio(self, engine: list[float]) -> float:
        return median(s / e for s, e in zip(self.seconds, engine, strict=True))


def instances(n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Items and targets uniform on (-1, 1), on the lattice 2**-40."""
    law, key = Uniform(LATTICE), Key(0) / "solvers" / n
    return law.draw(key / "items", (1, count, n))[0], law.draw(key / "targets", (1, 1, count))[0, 0]


def _timed(call, *arguments):
    start = time.perf_counter()
    found = call(*arguments)
    return time.perf_counter() - start, found


def measure(competitor: Competitor, n: int, rounds: int | None = None, seconds: float = SECONDS) -> Row:
    """Rounds of: the batch by the engine, one of its instances by the engine, the same by the competitor."""
    row = Row(n, competitor.name, version(competitor.package), seconds)
    items, targets = instances(n, BATCH[n])
    best = np.abs(solve(items, targets).residual_lattice)  # and compiles
    small, goals = instances(4, 1)
    solve(small, goals)
    competitor.solve(small[0], int(goals[0]), seconds)
    threads = numba.get_num_threads()
    for k in range(rounds or ROUNDS[n]):
        together, _ = _timed(solve, items, targets)
        numba.set_num_threads(1)
        alone, _ = _timed(solve, items[k : k + 1], targets[k : k + 1])
        numba.set_num_threads(threads)
        took, answer = _timed(competitor.solve, items[k], int(targets[k]), seconds)
        row.engine_batch.append(together / len(items))
        row.engine_alone.append(alone)
        row.seconds.append(took)
        row.claimed.append(answer.claimed)
        row.factor.append(None)
        if answer.mask is not None:
            error = abs(sum((int(x) for x in items[k][answer.mask]), 0) - int(targets[k]))
            # an error where 0 was possible is infinitely worse
            row.factor[-1] = 1.0 if error == best[k] else error / int(best[k]) if best[k] else float("inf")
        if row.over >= PATIENCE:
            break
    return row


def run() -> list[str]:
    skipped = [c for c in COMPETITORS if c.missing()]
    lines = [f"{c.name} left out: no package {c.package} here; pip install -e '.[benchmark]'" for c in skipped]
    present = [c for c in COMPETITORS if c not in skipped]
    rows = []
    for n in SIZES:
        engine = memory.peak_mib("engine", n)
        for competitor in present:
            row = measure(competitor, n)
            row.peak_mib, row.engine_peak_mib = memory.peak_mib(competitor.name, n), engine
            rows.append(row)
    write(rows)
    from benchmarks.subset_sum import figure, tables

    figure.draw(rows, FIGURE)
    lines.append(f"exact subset sums, items and targets uniform on 2**-{LATTICE}:\n\n{tables.text(rows)}\n")
    return lines


def write(rows: list[Row]) -> None:
    """The raw numbers, one row a line, after a line about the machine."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    RECORDS.write_text("".join(json.dumps(line) + "\n" for line in [machine, *(asdict(r) for r in rows)]))


def read() -> list[Row]:
    return [Row(**json.loads(line)) for line in RECORDS.read_text().splitlines()[1:]]
