"""Which units of an experiment have records, and in what their settings are not the default ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from slt.records import Record
from slt.report.wording import count, value, values
from slt.runner import Config, Experiment, units_by_id

Difference = tuple[str, str, str]
"""A setting, what it is in the records, what it is by default."""


@final
@dataclass(frozen=True)
class Coverage:
    """``settings``: whose units are counted, "default" or "smoke"; of ``planned`` units of theirs ``finished`` have a
    record, and besides them ``others``, of other settings; ``differences``: from the default settings."""

    settings: str
    finished: int
    planned: int
    others: int
    differences: tuple[Difference, ...]

    @staticmethod
    def of(experiment: Experiment, records: Sequence[Record], seed: Any = None) -> Coverage:
        """Of records of one run; ``seed``: the run's setting of that name, where it is not the default one.

        Records hold units, not the settings that made them. So records that are all units of the default or of the
        smoke settings are taken as such; of others, values that no default unit has are told.
        """
        changed = {} if seed is None else {"seed": seed}
        found = {record["id"]: record["config"] for record in records}
        default = units_by_id(experiment, {**experiment.config(), **changed})
        strange = {key: config for key, config in found.items() if key not in default}
        finished = len(found) - len(strange)
        if not strange:
            return Coverage("default", finished, len(default), 0, ())
        smoke = units_by_id(experiment, {**experiment.config(smoke=True), **changed})
        if found.keys() <= smoke.keys():
            return Coverage("smoke", len(found), len(smoke), 0, _smoke_differences(experiment))
        return Coverage("default", finished, len(default), len(strange), _differences(strange, default))

    @property
    def text(self) -> str:
        """``24 of 26 of the default settings, and 4 of others``."""
        said = f"{self.finished:,} of {self.planned:,} of the {self.settings} settings"
        return f"{said}, and {self.others:,} of others" if self.others else said

    @property
    def short(self) -> str:
        """``26/26``, ``24/26 + 4``."""
        return f"{self.finished:,}/{self.planned:,}" + f" + {self.others:,}" * bool(self.others)

    def warnings(self) -> list[str]:
        """Units that are missing, where those of the settings are all that there is."""
        if self.others and self.finished:
            return [
                f"{count(self.others, 'unit')} of other settings are drawn and summed up together with those of the "
                f"{self.settings} ones."
            ]
        missing = 0 if self.others else self.planned - self.finished
        return [f"{count(missing, 'unit')} of the {self.settings} settings without a record."] if missing else []


def _smoke_differences(experiment: Experiment) -> tuple[Difference, ...]:
    default = experiment.config()
    return tuple(
        (key, value(given), value(default[key]) if key in default else "no such setting")
        for key, given in experiment.smoke_config.items()
        if key not in default or default[key] != given
    )


def _differences(strange: Mapping[str, Config], default: Mapping[str, Config]) -> tuple[Difference, ...]:
    found = []
    for key in dict.fromkeys(key for config in strange.values() for key in config):
        usual = {value(config[key]): config[key] for config in default.values() if key in config}
        here = {value(config[key]): config[key] for config in strange.values() if key in config}
        other = [given for text, given in here.items() if text not in usual]
        if other:
            found.append((key, values(other), values(usual.values()) or "no such key"))
    return tuple(found) or (("combinations of values", "others", "those of the default settings"),)
