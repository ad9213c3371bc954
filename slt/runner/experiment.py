"""Experiment: a claim, the units that measure it, and what is drawn and said of their records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from slt.records import Record

Config = Mapping[str, Any]


class Experiment(ABC):
    """One claim and what it takes to measure it. An experiment holds no state; a unit's configuration says it all."""

    name: ClassVar[str]
    """As on the command line and of its folder: ``needed-width``."""
    claim: ClassVar[str]
    """What it claims, in one sentence."""
    default_config: ClassVar[Config]
    """All settings with their values; ``--set`` changes them, keeping their types."""
    smoke_config: ClassVar[Config]
    """The settings that differ in a run of seconds."""

    alone: ClassVar[bool] = False
    """If its units are timed, or take the whole machine: then, if nothing else is said, one is measured at a time."""

    file: Path | None = None
    """Where it was loaded from; processes that measure its units load it from there."""
    code: str | None = None
    """The version of the code that was loaded, as ``code_version`` tells it; None for one that is in no file."""

    def config(self, smoke: bool = False) -> dict[str, Any]:
        """The settings of a run, or of a run of seconds."""
        return {**self.default_config, **(self.smoke_config if smoke else {})}

    @abstractmethod
    def units(self, config: Config) -> Sequence[Config]:
        """The units of a run, each a flat mapping that JSON holds; no two the same."""

    @abstractmethod
    def measure(self, unit: Config) -> Mapping[str, Any]:
        """The result of one unit: a pure function of ``unit``, in terms that ``records.plain`` takes."""

    def cost(self, unit: Config) -> float:
        """What a unit costs beside others of the experiment, > 0 in any unit: lets ``--dry-run`` tell the time of units
        that were never measured from that of a few."""
        return 1.0

    @abstractmethod
    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        """Draw the records; the paths of the files written in ``folder``."""

    @abstractmethod
    def summary(self, records: Sequence[Record]) -> str:
        """What was measured, what was predicted and the verdict: a few lines of text."""

    def __reduce__(self) -> Any:
        """Sent to another process, an experiment travels as the path of its file."""
        return super().__reduce__() if self.file is None else (_loaded, (str(self.file),))


def _loaded(file: str) -> Experiment:
    from slt.runner.finding import load_experiment

    return load_experiment(file)
