"""The pilot of a run: a few of its units, measured as the run would, to tell what the others will cost.

Each is measured by as many workers at once as will share this machine: they slow each other down.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor, wait
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import final

from slt.errors import WorkerError
from slt.machine import cores
from slt.records import Record
from slt.runner.executors import processes
from slt.runner.experiment import Config, Experiment
from slt.runner.sent import to_be_sent
from slt.runner.units import units_by_id

MOST_RECORDED = 8
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
    pairs = zip_longest(_new(experiment, units, known), _recorded(units, known, seconds))
    order = [key for pair in pairs for key in pair if key is not None]
    copies = min(workers, cores(), len(units))
    records: dict[str, Record] = {}
    start, loaded = 0.0, None
    try:
        with processes(copies, threads=max(1, cores() // workers)) as executor:
            start, loaded = _start(executor, experiment, copies, 2 * seconds)
            begun = time.perf_counter()
            for key in order:
                told = known[key]["seconds"] if key in known else 0.0
                if records and time.perf_counter() - begun + told > seconds:
                    break
                records[key] = _measured(executor, experiment, units[key], copies, 2 * seconds)
    except TimeoutError:
        left = [key for key in order if key not in records]
        return Pilot(records, left[0] if left else None, start, loaded, 2 * seconds)
    except BrokenExecutor as error:
        raise WorkerError(
            f"forecasting {experiment.name}: the process of the pilot was killed, perhaps for want of memory, after "
            f"{len(records)} units; nothing was recorded"
        ) from error
    return Pilot(records, None, start, loaded)


def _start(executor: Executor, experiment: Experiment, copies: int, most: float) -> tuple[float, int | None]:
    """Seconds to load libraries and compiled code, the first unit of a run of seconds less the same once more; and the
    memory that they take."""
    unit = next(iter(units_by_id(experiment, experiment.config(smoke=True)).values()))
    begun = time.perf_counter()
    _measured(executor, experiment, unit, copies, most)
    loaded = time.perf_counter() - begun
    again = _measured(executor, experiment, unit, copies, most)
    return max(0.0, loaded - again["seconds"]), again["memory"]


def _measured(executor: Executor, experiment: Experiment, unit: Config, copies: int, most: float) -> Record:
    """The record of a unit, measured so many times at once: their mean time, the largest memory. TimeoutError after
    ``most`` seconds: only the end of its process then stops it."""
    measure, arguments = to_be_sent(experiment, unit)
    futures = [executor.submit(measure, *arguments) for _ in range(copies)]
    if wait(futures, timeout=most).not_done:
        raise TimeoutError
    records = [future.result() for future in futures]
    seconds = sum(record["seconds"] for record in records) / copies
    return {**records[0], "seconds": seconds, "memory": max(r["memory"] or 0 for r in records) or None}


def _recorded(units: Mapping[str, Config], known: Mapping[str, Record], most: float) -> list[str]:
    """Units whose records say that they take at most so long: first the one in the middle of the time that all of them
    take together, then those at its quarters, eighths, ...: records of single units may be far off."""
    told = sorted((known[key]["seconds"], key) for key in units if key in known and known[key]["seconds"] <= most)
    together = list(accumulate(seconds for seconds, _ in told))
    places = [i / parts for parts in (2, 4, 8, 16) for i in range(1, parts, 2)]
    chosen = dict.fromkeys(told[bisect_left(together, place * together[-1])][1] for place in places if told)
    return list(chosen)[:MOST_RECORDED]


def _new(experiment: Experiment, units: Mapping[str, Config], known: Mapping[str, Record]) -> list[str]:
    """Units without a record, from the cheapest up: spread over them evenly, however many can be measured."""
    new = sorted((experiment.cost(unit), i, key) for i, (key, unit) in enumerate(units.items()) if key not in known)
    return [new[i][2] for i in _spread(len(new))][:MOST_NEW]


def _spread(count: int) -> list[int]:
    """The first, the last, the middle, the quarters, ...: each of range(count) once."""
    order = [0, count - 1] if count > 1 else [0] * count
    parts = 2
    while len(order) < min(count, MOST_NEW):
        order += [(count - 1) * i // parts for i in range(1, parts, 2)]
        order = list(dict.fromkeys(order))
        parts *= 2
    return order
