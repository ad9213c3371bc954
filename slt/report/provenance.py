"""Where records come from: time, memory, seeds, devices, code and libraries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from slt.records import Record
from slt.report.wording import NOT_RECORDED, count, duration, memory, value, values

Counts = tuple[tuple[str | None, int], ...]
"""Texts, None for what was not recorded, each with the number of records that have it; in the order of the records."""


@final
@dataclass(frozen=True)
class Provenance:
    """``seconds``: of all units; ``longest``: the configuration of the unit that took longest, with its seconds;
    ``memory``: bytes, the most that a process held while it measured one of them."""

    seconds: float
    longest: tuple[Mapping[str, Any], float]
    memory: int | None
    seeds: tuple[Any, ...]
    devices: Counts
    codes: Counts
    libraries: Counts

    @staticmethod
    def of(records: Sequence[Record]) -> Provenance:
        """Of at least one record."""
        longest = max(records, key=lambda record: record["seconds"])
        sizes = [record["memory"] for record in records if record.get("memory") is not None]
        seeds = {value(seed): seed for seed in (record["config"].get("seed") for record in records)}
        return Provenance(
            seconds=float(sum(record["seconds"] for record in records)),
            longest=(longest["config"], float(longest["seconds"])),
            memory=max(sizes, default=None),
            seeds=tuple(seed for seed in seeds.values() if seed is not None),
            devices=_counted(record.get("device") for record in records),
            codes=_counted(record.get("code") for record in records),
            libraries=_counted(named_versions(record["versions"]) for record in records),
        )

    def warnings(self, present_code: str) -> list[str]:
        """What a reader has to know before comparing these records with each other, or with the present code."""
        said = []
        if len(self.codes) > 1:
            said.append(f"The records come from several versions of the code: {_told(self.codes)}.")
        if len(self.libraries) > 1:
            said.append(f"The records come from several sets of library versions: {_told(self.libraries)}.")
        others = sum(times for code, times in self.codes if code not in (None, present_code))
        if others:
            said.append(
                f"{count(others, 'unit')} measured by other code than the present {present_code}, "
                "by which figures and summary are made."
            )
        return said

    def facts(self) -> list[tuple[str, str]]:
        """What it says, as pairs of a name and a text."""
        config, seconds = self.longest
        return [
            ("time", f"{duration(self.seconds)} in all"),
            ("longest unit", f"{duration(seconds)}: {value(config, 160)}"),
            ("peak memory", memory(self.memory)),
            ("seeds", values(self.seeds, 12) or "none"),
            ("devices", _told(self.devices)),
            ("code", _told(self.codes)),
            ("libraries", _told(self.libraries)),
        ]


def named_versions(versions: Mapping[str, Any]) -> str | None:
    """``python 3.11.7, numpy 2.4.6``; None for none."""
    texts = (f"{name} {'not installed' if found is None else found}" for name, found in versions.items())
    return ", ".join(texts) or None


def _counted(texts: Iterable[str | None]) -> Counts:
    return tuple(Counter(texts).items())


def _told(counts: Counts) -> str:
    """The texts, with their numbers of units where there are several."""
    if len(counts) == 1:
        return counts[0][0] or NOT_RECORDED
    return "; ".join(f"{text or NOT_RECORDED} ({count(times, 'unit')})" for text, times in counts)
