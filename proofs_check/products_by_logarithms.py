"""P22: products as the exponential of a sum of logarithms, both interpolated: two errors of different sign.

The published bound adds the two up; chords of the logarithm lie below it, those of the exponential above, so the larger
alone is a bound. Searched for the largest error of the networks that the package builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, final

import numpy as np

from slt import laws
from slt.claims import AdversarialSearch, AtLeast, AtMost, Claim, Comparison, Kind, Origin, Relation, Size, Verdict
from slt.constructions import monomials
from slt.weights import Key

MARGIN = 0.07


def largest_error(exponents: tuple[int, ...], log_knots: int, exp_knots: int, steps: int) -> tuple[float, int]:
    """The largest error of the network found on a grid of ``steps`` points in every interval of the logarithm, all
    variables but the first in the last interval or alike, and how many points it has."""
    basis = monomials([list(exponents)], log_knots, exp_knots, margin=MARGIN)
    line = np.linspace(0.0, 1.0, log_knots * steps + 1)
    end = line[line >= 1 - 1 / log_knots]
    rest = len(exponents) - 1
    points = [np.stack([line] * (rest + 1), axis=1)]
    if rest:
        coarse = end[:: max(1, len(end) // 8)]
        points.append(np.array(list(product(line, *[coarse] * rest))))
    x = np.concatenate(points)
    wanted = np.prod(((1 + x) / 2) ** np.array(exponents), axis=1)
    return float(np.abs(basis.target.forward(x)[:, 0] - wanted).max()), len(x)


@final
@dataclass(frozen=True)
class ProductsByLogarithms(Claim):
    """The search gets near the bound, which says that it is nearly sharp."""

    title: ClassVar[str] = "Products as exponentials of sums of logarithms"
    setting: ClassVar[str] = (
        "x in [0, 1]**d, whole r_i >= 1, q = sum r_i; log((1 + x_i) / 2) interpolated in n intervals, exp in m "
        "intervals of width h = (q ln 2 + 0.07) / m; the network of the two against prod ((1 + x_i) / 2)**r_i."
    )
    statement: ClassVar[str] = (
        "The error is at most the larger of h**2 / 8 and q (1 + 1/n)**2 / (32 n**2) (q >= 3), and so at most their "
        "sum with q / (8 n**2), as published."
    )
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "slt.laws.product_bound, prediction P22 (products as in Burkholz et al. 2022)"
    checked: ClassVar[tuple[str, ...]] = (
        "exponents 1 1 1 and 2 1, at full size 4 and 3 2",
        "errors of the network in float64",
    )
    unchecked: ClassVar[tuple[str, ...]] = (
        "the proof, in the docstring of the law",
        "exponents below 1",
        "errors inside the network from pruning",
    )
    measures: ClassVar[str] = "the largest error found: at most the bound, at least 0.6 of it"

    factor: float = 1.0
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        cases = size.choose(
            smoke=(((1, 1, 1), 10, 40), ((2, 1), 10, 80)),
            full=tuple(
                (r, n, m)
                for r in ((1, 1, 1), (2, 1), (4,), (3, 2))
                for n, m in ((10, 40), (20, 80), (40, 160), (10, 400))
            ),
        )
        rows, tries = [], 0
        for r, n, m in cases:
            found, points = largest_error(r, n, m, size.choose(16, 24))
            tries += points
            bound = laws.product_bound([float(k) for k in r], n, m, MARGIN)
            label = f"exponents {' '.join(map(str, r))}, n = {n}, m = {m}"
            rows.append(Comparison.of(label, found, self.relation, self.factor * bound.total))
            rows.append(Comparison.of(f"{label}: published", found, AtMost(), self.factor * bound.published))
            rows.append(Comparison.of(f"{label}: 0.6 of it", found, AtLeast(), 0.6 * self.factor * bound.total))
        return Verdict.of(rows, AdversarialSearch(tries, "points of a grid, sixteen or more in every interval"))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "a third of the bound": replace(self, factor=1 / 3),
            "twice the bound": replace(self, factor=2.0),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = ProductsByLogarithms()
