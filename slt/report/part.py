"""One experiment, or one seed of it, in a report."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, final

from slt.errors import SltError
from slt.records import Record
from slt.report.coverage import Coverage
from slt.report.figures import Figure, figures_of
from slt.report.provenance import Provenance
from slt.report.wording import value
from slt.runner import Experiment
from slt.runner.code_version import code_version

T = TypeVar("T")


@final
@dataclass(frozen=True)
class ExperimentPart:
    """What a report says of records of one experiment.

    ``seed``: of these records, where others of the experiment have another, else None; ``summary``, ``coverage`` and
    ``provenance``: None where they could not be made, and ``failures`` says why; ``source``: the records' file.
    """

    name: str
    seed: Any
    claim: str
    source: str
    units: int
    figures: tuple[Figure, ...]
    summary: str | None
    coverage: Coverage | None
    provenance: Provenance | None
    warnings: tuple[str, ...]
    failures: tuple[str, ...]

    @staticmethod
    def of(experiment: Experiment, records: Sequence[Record], source: str, seed: Any = None) -> ExperimentPart:
        """Draw and sum up the records, one at least. Whatever of it fails is left out and told in ``failures``."""
        failures: list[str] = []

        def made(what: str, make: Callable[[], T]) -> T | None:
            try:
                return make()
            except Exception as error:  # records of a run that is not finished may lack what a figure needs
                failures.append(f"{what}: {_told(error)}")
                return None

        figures = made("the figure could not be drawn", lambda: figures_of(experiment, records))
        summary = made("the summary could not be made", lambda: _text(experiment.summary(records)))
        coverage = made("the units could not be counted", lambda: Coverage.of(experiment, records, seed))
        provenance = made("the records could not be summed up", lambda: Provenance.of(records))
        return ExperimentPart(
            name=experiment.name,
            seed=seed,
            claim=experiment.claim,
            source=source,
            units=len(records),
            figures=figures or (),
            summary=summary,
            coverage=coverage,
            provenance=provenance,
            warnings=(
                *(coverage.warnings() if coverage else ()),
                *(provenance.warnings(experiment.code or code_version()) if provenance else ()),
            ),
            failures=tuple(failures),
        )

    @staticmethod
    def unreadable(experiment: Experiment, source: str, error: SltError) -> ExperimentPart:
        """For records that could not be read."""
        return ExperimentPart(
            name=experiment.name,
            seed=None,
            claim=experiment.claim,
            source=source,
            units=0,
            figures=(),
            summary=None,
            coverage=None,
            provenance=None,
            warnings=(),
            failures=(f"the records could not be read: {error}",),
        )

    @property
    def title(self) -> str:
        """``mlp-law``, or ``mlp-law, seed 3``."""
        return self.name if self.seed is None else f"{self.name}, seed {value(self.seed)}"

    @property
    def slug(self) -> str:
        """The title in letters, digits and hyphens, for anchors and folders."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.title).strip("-")

    @property
    def settings(self) -> str:
        """``default``, ``smoke`` or ``changed``; empty where it is not known."""
        if self.coverage is None:
            return ""
        return "changed" if self.coverage.others else self.coverage.settings

    def facts(self) -> list[tuple[str, str]]:
        """Settings, units, time, memory, seeds, devices, code, libraries: pairs of a name and a text."""
        units = [] if self.coverage is None else [("units", self.coverage.text)]
        changed = self.coverage.differences if self.coverage else ()
        settings = [("setting", f"{key}: {given}; by default {usual}") for key, given, usual in changed]
        rest = [] if self.provenance is None else self.provenance.facts()
        return [*units, *settings, *rest, ("records", self.source)]


def _text(summary: Any) -> str:
    if not isinstance(summary, str):
        raise TypeError(f"a summary is a text; a {type(summary).__name__} was returned")
    return summary


def _told(error: Exception) -> str:
    """The error's text, without the name of the temporary folder, which is another every time."""
    folder = re.escape(tempfile.gettempdir())
    return re.sub(rf"{folder}/tmp\w+", "the folder", f"{type(error).__name__}: {error}".rstrip(": "))
