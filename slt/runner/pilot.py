"""The pilot of a run: a few of its units, measured in one fresh worker, to tell what the others will cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, wait
from dataclasses import dataclass
from typing import final

from slt.errors import WorkerError
from slt.machine import cores
from slt.records import Record
from slt.runner.executors import processes
from slt.runner.experiment import Config, Experiment
from slt.runner.units import measured, units_by_id

MOST_RECORDED = 4
MOST_NEW = 8


@final
@dataclass(frozen=True)
class Pilot:
    """``records``: of the units measured, by id; ``given_up``: the id of one that took longer than ``spent`` seconds;
    ``start``: seconds until a worker had loaded all that it needs; ``loaded``: its memory then, in bytes, or None."""

    records: Mapping[str, Record]
    given_up: str | None
    start: float
    loaded: int | None
    spent: float = 0.0


def run_pilot(
    experiment: Experiment, units: Mapping[str, Config], known: Mapping[str, Record], workers: int, seconds: float
) -> Pilot:
    """Measure some of ``units`` in about so many seconds, with the threads of one of ``workers``; those with a record
    only if it says that they take no longer. A unit is given up after twice the time."""
    order = [*_recorded(units, known, seconds), *_new(experiment, units, known)]
    records: dict[str, Record] = {}
    start, loaded = 0.0, None
    try:
        with processes(1, threads=max(1, cores() // workers)) as executor:
            start, loaded = _start(executor, experiment, 2 * seconds)
            begun = time.perf_counter()
            for key in order:
                told = known[key]["seconds"] if key in known else 0.0
                if records and time.perf_counter() - begun + told > seconds:
                    break
                records[key] = _measured(executor, experiment, units[key], 2 * seconds)
    except TimeoutError:
        left = [key for key in order if key not in records]
        return Pilot(records, left[0] if left else None, start, loaded, 2 * seconds)
    except BrokenExecutor as error:
        raise WorkerError(
            f"forecasting {experiment.name}: the process of the pilot was killed, perhaps for want of memory, after "
            f"{len(records)} units; nothing was recorded"
        ) from error
    return Pilot(records, None, start, loaded)


def _start(executor: Executor, experiment: Experiment, most: float) -> tuple[float, int | None]:
    """Seconds to load libraries and compiled code, the first unit of a run of seconds less the same once more; and the
    memory that they take."""
    unit = next(iter(units_by_id(experiment, experiment.config(smoke=True)).values()))
    begun = time.perf_counter()
    _measured(executor, experiment, unit, most)
    loaded = time.perf_counter() - begun
    again = _measured(executor, experiment, unit, most)
    return max(0.0, loaded - again["seconds"]), again["memory"]


def _measured(executor: Executor, experiment: Experiment, unit: Config, most: float) -> Record:
    """The record of a unit; TimeoutError after ``most`` seconds: only the end of its process then stops it."""
    future = executor.submit(measured, experiment, unit)
    if not wait([future], timeout=most).done:
        raise TimeoutError
    return future.result()


def _recorded(units: Mapping[str, Config], known: Mapping[str, Record], most: float) -> list[str]:
    """Units whose records say how long they take: the largest that takes at most so long, then smaller ones."""
    told = sorted((known[key]["seconds"], key) for key in units if key in known)
    fitting = [key for seconds, key in told if seconds <= most][::-1]
    return [fitting[i] for i in _halving(len(fitting))][:MOST_RECORDED]


def _new(experiment: Experiment, units: Mapping[str, Config], known: Mapping[str, Record]) -> list[str]:
    """Units without a record, from the cheapest up: spread over them evenly, however many can be measured."""
    new = sorted((experiment.cost(unit), i, key) for i, (key, unit) in enumerate(units.items()) if key not in known)
    return [new[i][2] for i in _spread(len(new))][:MOST_NEW]


def _halving(count: int) -> Iterator[int]:
    place = 0
    while place < count:
        yield place
        place += max(1, (count - place) // 2)


def _spread(count: int) -> list[int]:
    """The first, the last, the middle, the quarters, ...: each of range(count) once."""
    order = [0, count - 1] if count > 1 else [0] * count
    parts = 2
    while len(order) < min(count, MOST_NEW):
        order += [(count - 1) * i // parts for i in range(1, parts, 2)]
        order = list(dict.fromkeys(order))
        parts *= 2
    return order
