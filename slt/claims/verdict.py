"""Verdicts: what checking a claim came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, final

from slt.claims.comparison import Comparison
from slt.claims.evidence import Evidence
from slt.errors import InputError


@final
class Outcome(Enum):
    """One word."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


@final
@dataclass(frozen=True)
class Verdict:
    """``comparisons`` and the ``evidence`` behind them; ``counterexample``: JSON-able, with which the claim's ``again``
    shows the violation again; ``note``: what a reader should know besides."""

    comparisons: tuple[Comparison, ...]
    evidence: Evidence
    counterexample: Mapping[str, Any] | None = None
    note: str = ""

    @staticmethod
    def of(
        comparisons: Sequence[Comparison],
        evidence: Evidence,
        counterexample: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> Verdict:
        """InputError without comparisons."""
        if not comparisons:
            raise InputError("a verdict needs at least one comparison of a measured with a predicted side")
        return Verdict(tuple(comparisons), evidence, counterexample, note)

    @property
    def outcome(self) -> Outcome:
        """Violated if any comparison fails, inconclusive if one is open, else holds."""
        found = [c.holds for c in self.comparisons]
        if False in found:
            return Outcome.VIOLATED
        return Outcome.INCONCLUSIVE if None in found else Outcome.HOLDS

    @property
    def decisive(self) -> Comparison:
        """The comparison to show: the first that fails, else the first that is open, else the last."""
        for wanted in (False, None):
            for comparison in self.comparisons:
                if comparison.holds is wanted:
                    return comparison
        return self.comparisons[-1]

    def __str__(self) -> str:
        said = {True: "holds", False: "violated", None: "open"}
        lines = [f"{self.outcome.value} ({self.evidence.kind}: {self.evidence.text})"]
        for c in self.comparisons:
            lines.append(f"  {c.label}: {c.measured} {c.relation.symbol} {c.predicted}, {said[c.holds]}")
        return "\n".join([*lines, *([self.note] if self.note else [])])
