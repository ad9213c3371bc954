"""P6 taken at its word: all quantiles of the widest gap, the lower ones too, which are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

from slt import laws
from slt.claims import AtLeast, Claim, Comparison, Kind, Origin, Outcome, Relation, Size, Statistics, Verdict
from slt.weights import Key

from ._rows import Quantile
from ._samples import random_items
from ._widest_gap import farthest


@final
@dataclass(frozen=True)
class AllTargetsPoisson(Claim):
    """The lower tail alone; `all_targets_at_once` says what is left of it."""

    title: ClassVar[str] = "All targets at once, lower quantiles of a Poisson process"
    setting: ClassVar[str] = (
        "n items uniform on [-1, 1]; error = max over z in [-1/2, 1/2] of min over subsets of |sum - z|."
    )
    statement: ClassVar[str] = (
        "The 10 % quantile of the error is, within 5 %, at least that of the widest gap in a Poisson process of the "
        "density of the sums."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CONJECTURE
    reference: ClassVar[str] = "slt.laws.all_targets_quantile, prediction P6"
    checked: ClassVar[tuple[str, ...]] = ("all subset sums, all targets of the interval",)
    unchecked: ClassVar[tuple[str, ...]] = ("n above 12",)
    measures: ClassVar[str] = "the 10 % quantile of the error: the widest gap varies more"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "all-targets-at-once"

    tolerance: float = 0.05
    relation: Relation = AtLeast()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        n = size.choose(smoke=10, full=12)
        return self._verdict(n, size.choose(smoke=3000, full=10_000), key)

    def _verdict(self, n: int, draws: int, key: Key) -> Verdict:
        errors = farthest(random_items(key, draws, n))
        evidence = Statistics(draws, 1)
        law = float(laws.all_targets_quantile(0.1, n))
        band = Quantile("", errors, law, self.tolerance, 0.1).band(evidence.each)
        row = Comparison.of_band(f"10% quantile, n = {n}", *band, self.relation, law, self.tolerance)
        stored = {"n": n, "draws": draws, "seed": key.seed, "path": list(key.path)}
        return Verdict.of([row], evidence, None if row.holds else stored)

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        key = Key(int(counterexample["seed"]), tuple(counterexample["path"]))
        return self._verdict(int(counterexample["n"]), int(counterexample["draws"]), key)

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "within 40 %": replace(self, tolerance=0.4),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = AllTargetsPoisson()
