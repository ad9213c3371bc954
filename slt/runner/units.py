"""The units of a run, by the ids of their configurations, and the measuring of one."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from slt.errors import InputError, WorkerError
from slt.machine import device, peak_memory
from slt.records import Record, configuration_id, new_record, plain
from slt.runner.code_version import code_version
from slt.runner.experiment import Config, Experiment

MEASURING = threading.RLock()


@final
@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``, from 1 on: every ``count``-th unit. Parts of one run may be measured anywhere, in
    any order; together they are the run."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not (type(self.number) is int and type(self.count) is int and 1 <= self.number <= self.count):
            raise InputError(
                f"taking part {self.number!r} of {self.count!r} of a run: whole numbers are needed, the first "
                "from 1 to the second"
            )

    @staticmethod
    def parse(text: str) -> Shard:
        """``3/16``: part 3 of 16."""
        number, slash, count = text.partition("/")
        number, count = number.strip(), count.strip()
        if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
            raise InputError(f"taking the part {text!r} of a run: write part/parts, such as 3/16")
        return Shard(int(number), int(count))

    def of(self, units: Mapping[str, Config]) -> dict[str, Config]:
        """Its units, of all."""
        return {key: unit for i, (key, unit) in enumerate(units.items()) if i % self.count == self.number - 1}

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def units_by_id(experiment: Experiment, config: Config, seeds: Sequence[int] | None = None) -> dict[str, Config]:
    """The units of a run by their ids, in order; with ``seeds`` those of every one of them in turn."""
    units: dict[str, Config] = {}
    config = plain(config, f"the config of {experiment.name}")
    for settings in _with_seeds(experiment, config, seeds):
        for given in experiment.units(settings):
            unit = plain(given, f"a unit of {experiment.name}")
            key = configuration_id(unit)
            if key in units:
                why = "" if seeds is None else "; each unit has to hold the seed it is of, and each seed to come once"
                raise InputError(
                    f"running {experiment.name}: the unit {json.dumps(unit)} comes twice; each is recorded once{why}"
                )
            units[key] = unit
    if not units:
        raise InputError(f"running {experiment.name}: these settings make no unit to measure: {json.dumps(config)}")
    return units


def measured(experiment: Experiment, unit: Config) -> Record:
    """The record of one unit, measured here and now; one at a time in a process, as torch and the clock of a process
    serve only one thread well. Errors carry the unit as a note."""
    try:
        with MEASURING:
            start = time.perf_counter()
            with peak_memory() as peak:
                result = _result(experiment, unit)
                return new_record(
                    experiment.name,
                    unit,
                    result,
                    time.perf_counter() - start,
                    memory=peak(),
                    device=device(),
                    code=experiment.code or code_version(),
                )
    except Exception as error:
        error.add_note(f"while measuring the unit {json.dumps(unit)} of {experiment.name}")
        raise


def _result(experiment: Experiment, unit: Config) -> Mapping[str, Any]:
    try:
        result = experiment.measure(copy.deepcopy(unit))
    except SystemExit as error:
        # else a run would end as if all were done
        raise WorkerError(
            f"measuring {experiment.name}: a unit called sys.exit({error.code!r}); it has to return or raise"
        ) from error
    if not isinstance(result, Mapping):
        raise InputError(f"a result is a mapping; measure returned a {type(result).__name__}")
    return result


def _with_seeds(experiment: Experiment, config: Config, seeds: Sequence[int] | None) -> list[dict[str, Any]]:
    if seeds is None:
        return [dict(config)]
    if "seed" not in config:
        raise InputError(
            f"running {experiment.name} with several seeds: it has no setting `seed`; its settings are "
            f"{', '.join(config)}"
        )
    if not seeds:
        raise InputError(f"running {experiment.name} with several seeds: none was given")
    return [{**config, "seed": int(seed)} for seed in seeds]
