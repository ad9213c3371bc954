"""The verdicts on claims that are on file, a row each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from slt.claims.collection import FOLDER
from slt.claims.verdicts_file import VERDICTS, read_verdicts


@final
@dataclass(frozen=True)
class VerdictRow:
    """``decisive``: the comparison that decided, ``label: measured relation predicted``."""

    claim: str
    outcome: str
    expected: str
    size: str
    kind: str
    evidence: str
    decisive: str
    note: str

    @property
    def as_expected(self) -> bool:
        return self.outcome == self.expected

    @staticmethod
    def of(claim: str, entry: Mapping[str, Any]) -> VerdictRow:
        """From an entry of the verdicts' file."""
        kind, evidence = entry["evidence"]
        return VerdictRow(
            claim=claim,
            outcome=entry["outcome"],
            expected=entry["expected"],
            size=entry["size"],
            kind=kind,
            evidence=evidence,
            decisive=_decisive(entry["comparisons"]),
            note=entry["note"],
        )


@final
@dataclass(frozen=True)
class Verdicts:
    """The rows, by claim."""

    rows: tuple[VerdictRow, ...]

    @staticmethod
    def find(root: Path) -> Verdicts | None:
        """From ``proofs_check/verdicts.json`` in ``root``, or ``verdicts.json`` in it; None where there is none.

        Raises RecordError for a damaged file.
        """
        for folder in (root / FOLDER, root):
            if (folder / VERDICTS).is_file():
                entries = read_verdicts(folder)
                return Verdicts(tuple(VerdictRow.of(claim, entries[claim]) for claim in sorted(entries)))
        return None

    def counts(self) -> list[tuple[str, int]]:
        """``holds``, ``violated as expected``, ``inconclusive as expected`` and ``not as expected``, with their
        numbers: a statement that is known to fail as printed is kept, and expected to be violated."""
        found = Counter(row.outcome for row in self.rows if row.as_expected)
        told = [(name if name == "holds" else f"{name} as expected", found[name]) for name in sorted(found)]
        return [*told, ("not as expected", sum(not row.as_expected for row in self.rows))]


def _decisive(comparisons: list[Any]) -> str:
    """As in a verdict: the first that fails, else the first that is open, else the last."""
    if not comparisons:
        return ""
    chosen = next((row for wanted in (False, None) for row in comparisons if row[4] is wanted), comparisons[-1])
    label, measured, symbol, predicted, _ = chosen
    return f"{label}: {measured} {symbol} {predicted}"
