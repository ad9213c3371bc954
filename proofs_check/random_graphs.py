"""P17: edges of the source that are missing at random: p bits an item, so p**2 / 2 a hidden unit, both edges needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, final

import slt
from slt import laws
from slt.claims import Claim, Kind, Origin, Size
from slt.subset_sum import solve
from slt.weights import Key, Uniform

from ._rows import LawClaim, Quantile, Row, Sample, Slope
from ._samples import LATTICE, UNIT, fixed, random_items, read_only, weight_errors

WEIGHT = 0.3


@lru_cache(maxsize=4)
def thinned_errors(key: Key, draws: int, n: int, density: float) -> Sample:
    """Exact optima over the items that are there, each with probability ``density``."""
    items = random_items(key, draws, n)
    there = Uniform(LATTICE).draw(key / "there", (draws, 1, n))[:, 0] < (2 * density - 1) * UNIT
    return read_only(solve(items, fixed(WEIGHT, draws), usable=there, lattice=LATTICE).error)


@final
@dataclass(frozen=True)
class RandomGraphs(LawClaim):
    """Single items of density 1/2 and, at full size, 0.7; tickets of density 0.7, whose products need two edges."""

    title: ClassVar[str] = "Bits an item of a random graph"
    setting: ClassVar[str] = (
        "n uniform items, each there with probability p; and two random layers of w hidden units a coordinate, each "
        "edge there with probability p. Target 0.3, inputs >= 0; error of the best subset."
    )
    statement: ClassVar[str] = "The median error falls by p bits an item, and by p**2 / 2 bits a hidden unit."
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.DERIVED
    reference: ClassVar[str] = "slt.laws.thinned_quantile, block_error_slope; prediction P17 (sources of Gadhikar 2023)"
    checked: ClassVar[tuple[str, ...]] = ("exact optima", "8 items are there on average, or more")
    unchecked: ClassVar[tuple[str, ...]] = (
        "fewer items, where medians are down to 0.66 of the law",
        "the factor sqrt(n), 5 to 10 % of the slopes here",
    )
    measures: ClassVar[str] = "medians within 25 % of the law, bits an item and a unit within 20 %"

    power: int = 2  # how many edges a product needs

    def rows(self, size: Size, key: Key) -> Sequence[Row]:
        draws = size.choose(smoke=4000, full=20_000)
        found: list[Row] = []
        cases = size.choose(smoke=((0.5, (16, 28)),), full=((0.5, (16, 32)), (0.7, (12, 24))))
        for density, (first, last) in cases:
            samples = []
            for n in (first, last):
                samples.append(thinned_errors(key / f"items, p = {density}, n = {n}", draws, n, density))
                law = float(laws.thinned_quantile(0.5, n, density, WEIGHT))
                found.append(Quantile(f"median, p = {density}, n = {n}", samples[-1], law, 0.25))
            steps = last - first
            found.append(Slope(f"bits an item, p = {density}, n = {first} to {last}", *samples, steps, -density, 0.2))
        widths, count = size.choose(smoke=((40, 60), 4000), full=((44, 76), 12_000))
        samples = [weight_errors(slt.ErdosRenyi(0.7), WEIGHT, count, w, key / f"tickets, {w}") for w in widths]
        bits = laws.block_error_slope(laws.SIGN_OPTIMAL) * 0.7**self.power
        label = f"bits a hidden unit, p = 0.7, w = {widths[0]} to {widths[1]}"
        return [*found, Slope(label, samples[0], samples[1], widths[1] - widths[0], bits, 0.2)]

    def mutants(self) -> Mapping[str, Claim]:
        return {**super().mutants(), "one edge a product": replace(self, power=1)}


CLAIM = RandomGraphs()
