"""The phase diagram of one system from its blocks: shares of failures by width and error, and needed widths of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
import numpy.typing as npt

from slt.laws.needed_width import Band, proportion_band
from slt.records import Record

LEVEL = 0.95
Array = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Diagram:
    """``failures`` (W, E) of ``seeds`` independent sources miss the error 2**-bits (E,) at ``widths`` (W,)."""

    bits: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64]
    failures: npt.NDArray[np.int64]
    seeds: int

    @property
    def shares(self) -> Array:
        return np.asarray(self.failures / self.seeds)

    def limits(self) -> tuple[Array, Array]:
        """Lower and upper limits of the failure probability, (W, E) each: exact binomial, of level ``LEVEL``."""
        bands = [[_band(int(count), self.seeds) for count in row] for row in self.failures]
        low = np.array([[band.low for band in row] for row in bands])
        return low, np.array([[band.high for band in row] for row in bands])

    def needed(self, probabilities: Sequence[float]) -> Array:
        """(E, D, 3) needed widths: estimate, low, high. Each the smallest width measured from which on the share of
        failures, its lower limit or its upper limit is at most the failure probability; inf where none is.

        The band is pointwise, for each error and probability alone, and takes the true failure probability to fall
        with the width. Then the true needed width, among the widths measured, lies above the high end with probability
        (1 - LEVEL) / 2 at most. Below the low end it lies with as little only where the errors of a seed never grow
        with the width, as that of one weight; those of the others do at times, so their low ends are no more than
        indications.
        """
        low, high = self.limits()
        return np.stack([self._first(limit, probabilities) for limit in (self.shares, low, high)], axis=2)

    def _first(self, chances: Array, probabilities: Sequence[float]) -> Array:
        padded = np.append(self.widths.astype(np.float64), np.inf)
        # smallest width from which all are within: count those that follow the last one beyond
        found = []
        for probability in probabilities:
            within = np.logical_and.accumulate((chances <= probability)[::-1], axis=0).sum(axis=0)
            found.append(padded[len(self.widths) - within])
        return np.stack(found, axis=1)


@cache
def _band(count: int, seeds: int) -> Band:
    return proportion_band(count, seeds, LEVEL)


def merged(records: Sequence[Record]) -> Diagram | None:
    """The blocks of one system and kind of error put together, over the widths and errors of all; None for none."""
    if not records:
        return None
    results = [r["result"] for r in records]
    widths, bits = (sorted(set.intersection(*(set(r[name]) for r in results))) for name in ("widths", "bits"))
    if not (widths and bits):
        return None
    total = np.zeros((len(widths), len(bits)), dtype=np.int64)
    for r in results:
        rows, columns = ([r[n].index(w) for w in wanted] for n, wanted in (("widths", widths), ("bits", bits)))
        total += np.array(r["failures"], dtype=np.int64)[np.ix_(rows, columns)]
    return Diagram(np.array(bits), np.array(widths), total, sum(r["seeds"] for r in results))


def blocks(records: Sequence[Record], kind: str, system: str) -> list[Record]:
    """Records of one kind of unit of one system; of blocks that overlap, as those of runs with different settings may,
    the first: no seed is counted twice."""
    found = [r for r in records if r["config"]["kind"] == kind and r["config"]["system"] == system]
    kept: list[Record] = []
    end: dict[int, int] = {}
    for record in sorted(found, key=lambda r: (r["config"]["seed"], r["config"].get("first", 0))):
        unit = record["config"]
        first = unit.get("first", 0)
        if first >= end.get(unit["seed"], 0):
            end[unit["seed"]] = first + max(1, unit.get("seeds", 1))
            kept.append(record)
    return kept
