"""The lower bound of pruning: m parameters make at most 2**m subnetworks, each good for a small share of the targets.

The bound is the one that ``slt.laws.lower_bound`` proves, 2**m e**D >= p; the published one has 1/2 (1 / (2 e))**D on
the right, which is weaker. Shares are lengths and areas of unions of boxes, in whole lattice steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from slt import laws
from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key, Uniform

Integers = NDArray[np.int64]
BITS = 6
ONE = 2 ** (2 * BITS)  # products of two weights are whole multiples of 1 / ONE


def subsets(m: int) -> Integers:
    """Every mask of m parameters, (2**m, m)."""
    return (np.arange(2**m)[:, None] >> np.arange(m)) & 1


def share(low: Integers, high: Integers) -> Fraction:
    """The share of [-ONE, ONE]**D that the boxes [low, high], (boxes, D) with D = 1 or 2, cover together."""
    low, high = np.maximum(low, -ONE), np.minimum(high, ONE)
    some = np.all(low < high, axis=1)
    low, high = low[some], high[some]
    edges = [np.unique(np.concatenate([low[:, i], high[:, i]])) for i in range(low.shape[1])]
    if not len(low):
        return Fraction(0)
    covered = np.zeros([len(e) - 1 for e in edges], dtype=bool)
    starts, ends = ([np.searchsorted(e, b[:, i]) for i, e in enumerate(edges)] for b in (low, high))
    for corner in zip(*starts, *ends, strict=True):
        d = len(edges)
        covered[tuple(slice(corner[i], corner[d + i]) for i in range(d))] = True
    for axis, e in enumerate(edges):
        widths = np.diff(e).reshape([-1 if a == axis else 1 for a in range(len(edges))])
        covered = covered * widths
    return Fraction(int(covered.sum()), (2 * ONE) ** len(edges))


@final
@dataclass(frozen=True)
class FewSubnetworksCoverFewTargets(Claim):
    """All subnetworks of small random networks; and one network, of equally spaced sums, that reaches the bound."""

    title: ClassVar[str] = "Few subnetworks serve few targets"
    setting: ClassVar[str] = (
        "A network g of any kind with m parameters that may be pruned; targets x -> W x, W uniform on [-1, 1]**D, the "
        "unit ball of the largest entry; e is the error on |x| <= 1, entry by entry."
    )
    statement: ClassVar[str] = "The share of W that some subnetwork of g approximates within e is at most 2**m e**D."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = (
        "slt.laws.lower_bound, prediction P28; implies Pensia et al. 2020, theorem 2 (constants recalled, unverified)"
    )
    checked: ClassVar[tuple[str, ...]] = ("every subnetwork", "D = 1 on signed inputs, D = 2 on inputs x >= 0")
    unchecked: ClassVar[tuple[str, ...]] = ("the operator norm and larger D: the proof is in slt.laws.lower_bound",)
    measures: ClassVar[str] = "the largest share over 2**m e**D, and the share of the network that reaches it"

    factor: Fraction = Fraction(1)
    base: int = 2
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        units, draws, most = size.choose(smoke=((2, 3, 5), 2, 6), full=((2, 3, 4, 5, 6), 10, 11))
        shares = []  # (share of targets, what the bound says)
        for n, i, reach in product(units, range(draws), (1, 4, 64, 512)):  # e = reach / ONE
            e, place = Fraction(reach, ONE), key / f"{n} {i}"
            shares.append((self._signed(n, reach, place), self._bound(2 * n, e, 1)))
            if n <= 3:
                shares.append((self._plane(n, reach, place), self._bound(3 * n, e, 2)))
        worst = max(cover / bound for cover, bound in shares)
        rows = [Comparison.of("random networks: largest share over bound", worst, self.relation, Fraction(1))]
        covers = []
        for m in range(1, most + 1):
            # one weight of -1 + e that stays, weights 2**(1 - k), k = 1 .. m; e as the law has it for p = 1/2
            e = Fraction(float(laws.pruning_error_bound(m, 1, 0.5)))
            sums = subsets(m) @ (2 * ONE // 2 ** np.arange(1, m + 1)) + int((e - 1) * ONE)
            covers.append(share((sums - int(e * ONE))[:, None], (sums + int(e * ONE))[:, None]))
            label = f"equally spaced sums, m = {m}, e = {e}: share"
            rows.append(Comparison.of(label, covers[-1], self.relation, self._bound(m, e, 1)))
        rows.append(Comparison.of("the bound is reached: least of these shares", min(covers), Equal(), Fraction(1, 2)))
        return Verdict.of(rows, Exact("integers", f"{len(shares)} shares of random networks, m <= {2 * units[-1]}"))

    def _bound(self, m: int, e: Fraction, d: int) -> Fraction:
        return min(Fraction(1), self.factor * Fraction(self.base) ** m * e**d)

    @staticmethod
    def _signed(n: int, reach: int, key: Key) -> Fraction:
        """One input, one output, n units, 2 n parameters: a slope for x > 0 and one for x < 0, both near w."""
        u, v = (Uniform(BITS).draw(key / name, (1, 1, n))[0, 0].astype(np.int64) for name in ("u", "v"))
        kept = subsets(2 * n)
        products = kept[:, :n] * kept[:, n:] * (u * v)
        up, down = products[:, u > 0].sum(axis=1), products[:, u < 0].sum(axis=1)
        return share((np.maximum(up, down) - reach)[:, None], (np.minimum(up, down) + reach)[:, None])

    @staticmethod
    def _plane(n: int, reach: int, key: Key) -> Fraction:
        """One input x >= 0, two outputs, n units, 3 n parameters."""
        u = np.abs(Uniform(BITS).draw(key / "plane u", (1, 1, n))[0, 0].astype(np.int64))
        v = Uniform(BITS).draw(key / "plane v", (1, 2, n))[0].astype(np.int64)
        kept = subsets(3 * n).reshape(-1, 3, n)
        sums = np.unique((kept[:, :1] * kept[:, 1:] * (u * v)).sum(axis=2), axis=0)
        return share(sums - reach, sums + reach)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "half the bound": replace(self, factor=Fraction(1, 2)),
            "fewer subnetworks": replace(self, base=1),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = FewSubnetworksCoverFewTargets()
