"""P8, P18 and P19 again, on tickets: subsets of one size, frozen edges, and weights that may be moved.

The items are products of a first and a second weight now, of the units of the right sign, and a moved second weight
moves its product by |u| eps, half of eps on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.constructions import FixedSize, Perturbation, RandomGraph, TwoLayerSum
from slt.weights import Key

from ._rows import Chance, LawClaim, Quantile, Row
from ._samples import weight_errors, where_half_miss

WEIGHT = 0.3
WIDTH = 80
HALF_A_STEP = 2.0**-24  # as near as a moved sum is brought


@final
@dataclass(frozen=True)
class OptionsOfTickets(LawClaim):
    """Sums look at the first n units that serve; no coordinate of width 80 lacks one."""

    title: ClassVar[str] = "Options of two-layer tickets"
    setting: ClassVar[str] = (
        "A weight 0.3 on inputs >= 0, n usable units a coordinate of width 80: exactly k of 12 kept; 14 free ones "
        "beside edges of the second layer that are frozen, each with probability 0.1; second weights moved by "
        "up to eps."
    )
    statement: ClassVar[str] = (
        "Medians are those of k of n products, and of n products beside a binomial number of locked ones; a weight is "
        "met with the probability of n items that give way by eps / 2 each."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "slt.laws.fixed_size_quantile, locked_tail, perturbed_exact_probability; predictions P8, P18, P19"
    )
    checked: ClassVar[tuple[str, ...]] = ("exact optima of each option", "frozen edges at full size alone")
    unchecked: ClassVar[tuple[str, ...]] = ("other n", "few free and many locked units, where the law is too small")
    measures: ClassVar[str] = "medians within 20 %, shares of weights that are met within 0.07"

    lost: int = 0  # usable units that the law leaves out

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        count = size.choose(smoke=2000, full=12_000)
        found: list[Row] = []
        for k in size.choose(smoke=(4,), full=(2, 4, 6)):
            kept = TwoLayerSum(selection=FixedSize(k))
            errors = weight_errors(kept, WEIGHT, count, WIDTH, key / f"{k} of 12", max_items=12)
            found.append(Quantile(f"median, {k} of 12 units", errors, _one_size(12 - self.lost, k), 0.2))
        for q in size.choose(smoke=(), full=(0.1,)):
            frozen = TwoLayerSum(frozen=RandomGraph(1.0, q))
            errors = weight_errors(frozen, WEIGHT, count, WIDTH, key / f"frozen {q}", max_items=14)
            found.append(Quantile(f"median, 14 free units, share {q} frozen", errors, _locked(14 - self.lost, q), 0.2))
        for eps, n in size.choose(smoke=((0.01, 8),), full=((0.01, 8), (0.001, 10))):
            moved = TwoLayerSum(perturbation=Perturbation(absolute=eps))
            errors = weight_errors(moved, WEIGHT, count, WIDTH, key / f"moved by {eps}", max_items=n)
            law = laws.perturbed_exact_probability(n - self.lost, 0.0, eps / 2, WEIGHT, laws.UNIFORM_PRODUCT)
            found.append(Chance(f"met by {n} units, eps = {eps}", errors <= HALF_A_STEP, float(law), 0.07))
        return found

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "one unit fewer": replace(self, lost=1)}


@cache
def _one_size(n: int, size: int) -> float:
    return float(laws.fixed_size_quantile(0.5, n, size, WEIGHT, laws.UNIFORM_PRODUCT))


@cache
def _locked(free: int, share: float) -> float:
    """Half of the units have the right sign, and a share of these is frozen."""
    from scipy.stats import binom

    counts = np.arange(WIDTH + 1)
    chances = binom.pmf(counts, WIDTH, share / 2)
    counts, chances = counts[chances > 1e-9], chances[chances > 1e-9]
    return where_half_miss(
        lambda e: float(laws.locked_tail(e, free, counts, WEIGHT, laws.UNIFORM_PRODUCT) @ chances), WEIGHT
    )


CLAIM = OptionsOfTickets()
