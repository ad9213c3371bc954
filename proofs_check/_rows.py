"""Claims on random numbers: rows that hold a sample against a law, with exact bands of one joint level."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, final

import numpy as np
import numpy.typing as npt

from slt.claims import Claim, Comparison, Equal, Relation, Size, Statistics, Verdict
from slt.laws import proportion_band, quantile_band
from slt.weights import Key

Sample = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]


class Row(Protocol):
    """``law`` is what the sample is held against, ``slack`` by what share of itself it may be off."""

    @property
    def label(self) -> str: ...

    @property
    def law(self) -> float: ...

    @property
    def slack(self) -> float: ...

    @property
    def draws(self) -> int: ...

    def band(self, level: float) -> tuple[float, float]: ...


@final
@dataclass(frozen=True, eq=False)
class Quantile:
    """A quantile of errors: order statistics."""

    label: str
    sample: Sample
    law: float
    slack: float
    probability: float = 0.5

    @property
    def draws(self) -> int:
        return self.sample.size

    def band(self, level: float) -> tuple[float, float]:
        found = quantile_band(self.sample, self.probability, level)
        return found.low, found.high


@final
@dataclass(frozen=True, eq=False)
class Chance:
    """The share of draws in which something happened (Clopper and Pearson); ``off``: by how much the law may be off."""

    label: str
    events: Events
    law: float
    off: float

    @property
    def slack(self) -> float:
        return self.off / self.law

    @property
    def draws(self) -> int:
        return self.events.size

    def band(self, level: float) -> tuple[float, float]:
        found = proportion_band(int(np.count_nonzero(self.events)), self.events.size, level)
        return found.low, found.high


@final
@dataclass(frozen=True, eq=False)
class Mean:
    """A mean of numbers in [0, ``most``], by the empirical Bernstein inequality (Maurer and Pontil 2009, theorem 4):
    it holds for every sample size and law, heavy tails included."""

    label: str
    sample: Sample
    law: float
    slack: float
    most: float

    @property
    def draws(self) -> int:
        return self.sample.size

    def band(self, level: float) -> tuple[float, float]:
        logarithm = math.log(4 / (1 - level))  # two sides
        middle, size = float(self.sample.mean()), self.sample.size
        half = math.sqrt(2 * float(self.sample.var(ddof=1)) * logarithm / size)
        half += 7 * self.most * logarithm / (3 * (size - 1))
        return middle - half, middle + half


@final
@dataclass(frozen=True, eq=False)
class Slope:
    """Bits by which the median changes for each of ``steps`` steps between two independent samples."""

    label: str
    first: Sample
    last: Sample
    steps: float
    law: float
    slack: float

    @property
    def draws(self) -> int:
        return self.first.size + self.last.size

    def band(self, level: float) -> tuple[float, float]:
        before, after = (quantile_band(sample, 0.5, (1 + level) / 2) for sample in (self.first, self.last))
        return math.log2(after.low / before.high) / self.steps, math.log2(after.high / before.low) / self.steps


@dataclass(frozen=True)
class LawClaim(Claim):
    """A claim that laws hold within tolerances; mutants change the laws by a factor, and the relation."""

    factor: float = 1.0
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    @abstractmethod
    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        """Samples beside their laws, without the factor."""

    def check(self, size: Size, key: Key) -> Verdict:
        rows = self.rows(size, key)
        evidence = Statistics(sum(row.draws for row in rows), len(rows))
        found = [
            Comparison.of_band(
                row.label, *row.band(evidence.each), self.relation, self.factor * row.law, row.slack / self.factor
            )
            for row in rows
        ]
        return Verdict.of(found, evidence, note=self.note)

    @property
    def note(self) -> str:
        """What a reader should know besides."""
        return ""

    def mutants(self) -> Mapping[str, Claim]:
        return {"constant": replace(self, factor=1.5), "equality": replace(self, relation=self.relation.flipped)}
