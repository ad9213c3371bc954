"""What units measure: failures of tickets, failures by the law, widths by the other two laws, a sample of the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slt.runner import Config

from .bounds import necessary_widths, sufficient_widths
from .prefixes import LATTICE, Drawn, Errors, Solved
from .systems import SYSTEMS, System

Int64Array = npt.NDArray[np.int64]


def solved(system: System, seed: int, first: int, count: int, width: int, bits: int) -> tuple[list[Int64Array], Solved]:
    """The targets of the seeds from ``first`` on, and their sums solved in sources of ``width``."""
    targets = system.targets(seed, first, count)
    weights = [system.weights(seed, first + i, width) for i in range(count)]
    parts = []
    for p, part in enumerate(system.parts):
        firsts = np.stack([w[p][0] for w in weights]).astype(np.int64)
        parts.append((part, firsts, np.stack([w[p][1] for w in weights]), targets[p]))
    return targets, Solved.of(parts, bits)


def failures(
    system: System, targets: Sequence[Int64Array], found: Errors, widths: Sequence[int], bits: Sequence[int]
) -> Int64Array:
    """How many tickets have a larger error than 2**-bits, (W, E); sources without a ticket count."""
    limits, seeds = np.exp2(-np.array(bits, dtype=np.float64)), len(targets[0])
    table, errors = np.zeros((len(widths), len(limits)), dtype=np.int64), np.full(seeds, np.inf)
    before = -1  # of the first width all are new
    for i, width in enumerate(widths):
        residuals, there, changed = found.at(width)
        changed = changed if width == before + 1 else np.ones(seeds, dtype=np.bool_)
        before = width
        # a residual that stays makes the same output
        if changed.any():
            errors[changed] = system.errors([t[changed] for t in targets], [[r[changed] for r in p] for p in residuals])
        table[i] = (np.where(there, errors, np.inf)[:, None] > limits).sum(axis=0)
    return table


def certified_failures(
    system: System, targets: Sequence[Int64Array], found: Errors, widths: Sequence[int], bits: Sequence[int]
) -> Int64Array:
    """The same of the certified upper bound of each ticket's error."""
    limits, seeds = np.exp2(-np.array(bits, dtype=np.float64)), len(targets[0])
    table, bounds = np.zeros((len(widths), len(limits)), dtype=np.int64), np.full(seeds, np.inf)
    last: list[Int64Array] = []
    for i, width in enumerate(widths):
        residuals, there, _ = found.at(width)
        flat = [r for part in residuals for r in part]
        changed = np.ones(seeds, dtype=np.bool_)
        if last:
            moved = [(a != b).reshape(seeds, -1).any(axis=1) for a, b in zip(flat, last, strict=True)]
            changed = np.logical_or.reduce(moved)
        last = flat
        for index in np.flatnonzero(changed):
            bounds[index] = system.certified(targets, residuals, int(index))
        table[i] = (np.where(there, bounds, np.inf)[:, None] > limits).sum(axis=0)
    return table


def block(unit: Config) -> dict[str, Any]:
    """Failures of a block of seeds."""
    system, widths = SYSTEMS[unit["system"]], list(range(unit["step"], unit["width"] + 1, unit["step"]))
    targets, found = solved(
        system, unit["seed"], unit["first"], unit["seeds"], unit["width"], max(unit["bits"]) + unit["spare_bits"]
    )
    count = certified_failures if unit["kind"] == "certified" else failures
    table = count(system, targets, found, widths, unit["bits"])
    return {"seeds": unit["seeds"], "widths": widths, "bits": unit["bits"], "failures": table}


def law(unit: Config) -> dict[str, Any]:
    """Failures where residuals are drawn from their law, and the widths of the other two laws."""
    system, widths = SYSTEMS[unit["system"]], list(range(1, unit["width"] + 1))
    # targets of other seeds than those measured
    targets = system.targets(unit["seed"], 1 << 30, unit["draws"])
    drawn = Drawn.of(list(zip(system.parts, targets, strict=True)), unit["width"], unit["seed"])
    table = failures(system, targets, drawn, widths, unit["bits"])
    return {
        "seeds": unit["draws"],
        "widths": widths,
        "bits": unit["bits"],
        "failures": table,
        "necessary": necessary_widths(system, unit["bits"], unit["probabilities"]),
        "sufficient": sufficient_widths(system, unit["bits"], unit["probabilities"]),
    }


def sums(unit: Config) -> dict[str, Any]:
    """Sums solved down to the finest error and its spare bits, whose time the record tells; ``unfinished``: those that
    are beyond it with all units that are searched."""
    system, finest = SYSTEMS[unit["system"]], unit["finest"] + unit["spare_bits"]
    _, found = solved(system, unit["seed"], 0, unit["seeds"], unit["width"], finest)
    last, _, _ = found.at(unit["width"])
    beyond = sum(int((np.abs(r) > 2 ** (LATTICE - finest)).sum()) for part in last for r in part)
    return {"sums": unit["seeds"] * system.sums, "unfinished": beyond}
