"""One more item adds, on average, at least half of v (1 - v) to the share v of targets that subset sums come near to.

The step of da Cunha et al. (ESA 2023) behind n = O(log 1 / eps) for all targets. Given the items so far, v_{t+1} is a
piecewise linear function of the next item, with kinks where two ends of covered intervals meet; on a lattice its mean
over [-1, 1] is a sum of trapezoids in integers. It is equality as long as nothing outside [-1/2, 1/2] is covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, final

from slt.claims import AtLeast, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

UNIT = 2**12  # 1 in lattice units
HALF = UNIT // 2
Intervals = list[tuple[int, int]]


def union(intervals: Intervals) -> Intervals:
    """The same set as disjoint intervals, in order."""
    found: Intervals = []
    for low, high in sorted(intervals):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


def length(intervals: Intervals) -> int:
    """Of the part of disjoint intervals within [-1/2, 1/2]."""
    return sum(max(0, min(high, HALF) - max(low, -HALF)) for low, high in intervals)


def covered(items: list[int], eps: int) -> Intervals:
    """All numbers within eps of a subset sum."""
    sums = {0}
    for item in items:
        sums |= {s + item for s in sums}
    return union([(s - eps, s + eps) for s in sums])


def mean_after(before: Intervals) -> Fraction:
    """The mean of v_{t+1} over the next item, uniform on [-1, 1], exactly."""
    ends = [end for interval in before for end in interval]
    kinks = {other - end for end in ends for other in [*ends, -HALF, HALF]} | {-UNIT, UNIT}
    total, last = 0, None
    for item in sorted(k for k in kinks if -UNIT <= k <= UNIT):
        here = length(union(before + [(low + item, high + item) for low, high in before]))
        if last is not None:
            total += (item - last[0]) * (here + last[1])
        last = item, here
    return Fraction(total, 4 * UNIT * UNIT)


@final
@dataclass(frozen=True)
class CoveredTargetsSubmartingale(Claim):
    """Random items, items that cover nothing but [-1/2, 1/2], and items far apart."""

    title: ClassVar[str] = "Targets that subset sums come near to"
    setting: ClassVar[str] = (
        "Items x_1, x_2, ... uniform on [-1, 1]; v_t is the length of the targets in [-1/2, 1/2] within eps of a "
        "sum of a subset of x_1 .. x_t."
    )
    statement: ClassVar[str] = "E[v_{t+1} | x_1 .. x_t] >= v_t + v_t (1 - v_t) / 2."
    kind: ClassVar[Kind] = Kind.LOWER
    origin: ClassVar[Origin] = Origin.PUBLISHED
    reference: ClassVar[str] = "da Cunha et al. (ESA 2023, arXiv 2204.13929), recalled, unverified"
    checked: ClassVar[tuple[str, ...]] = ("the mean over the next item, exactly", "items and eps on the lattice 2**-12")
    unchecked: ClassVar[tuple[str, ...]] = ("items off the lattice (both sides are continuous in them)",)
    measures: ClassVar[str] = "the smallest E[v_{t+1}] - v_t - v_t (1 - v_t) / 2, and its value with no items"

    constant: Fraction = Fraction(1, 2)
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        most, draws = size.choose((3, 2), (6, 4))
        rows, cases = [], 0
        for t in range(most + 1):
            slack = [self._slack(items, eps) for items, eps in self._cases(key, t, draws)]
            cases += len(slack)
            label = f"t = {t}, smallest of {len(slack)} cases"
            rows.append(Comparison.of(label, min(slack), self.relation, Fraction(0)))
        least = self._slack([UNIT // 8], 7)
        rows.append(Comparison.of("item 1/8: nothing outside is covered", least, Equal(), Fraction(0)))
        more = self._slack([UNIT - 5], 7)
        rows.append(Comparison.of("item 1 - 5/4096: targets outside help", more, self.relation, Fraction(0)))
        return Verdict.of(rows, Exact("integers", f"{cases + 2} sets of items, all next items of each"))

    def _slack(self, items: list[int], eps: int) -> Fraction:
        before = covered(items, eps)
        v = Fraction(length(before), UNIT)
        return mean_after(before) - v - self.constant * v * (1 - v)

    @staticmethod
    def _cases(key: Key, t: int, draws: int) -> Iterator[tuple[list[int], int]]:
        for eps in (1, 37, 400):
            yield [UNIT // (4 << i) for i in range(t)], eps  # sums within [0, 1/2]
            yield [UNIT - 3 * i for i in range(t)], eps  # hardly any within [-1/2, 1/2]
            for i in range(draws):
                yield Uniform(12).draw(key / f"{t} {eps} {i}", (1, 1, max(t, 1)))[0, 0, :t].tolist(), eps

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "inequality": replace(self, relation=self.relation.flipped),
            "larger constant": replace(self, constant=Fraction(51, 100)),
            "smaller constant": replace(self, constant=Fraction(49, 100)),
        }


CLAIM = CoveredTargetsSubmartingale()
