"""What a run will cost, before it starts: its units, how long they take and how much memory.

Told from records of the same experiment, in the run's folder and beside the experiment, and from a pilot: a few units
measured in fresh workers as the run would, whose results are thrown away. The pilot tells how this machine compares
with the one of the records; a unit without a record is priced by ``Experiment.cost`` and the pilot.
"""

from __future__ import annotations

import heapq
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from slt.errors import InputError
from slt.records import Record, Records, configuration_id
from slt.runner.experiment import Config, Experiment
from slt.runner.pilot import Pilot, run_pilot
from slt.runner.runs import RECORDS_FILE
from slt.runner.units import Shard, units_by_id

PILOT_SECONDS = 30.0
MOST_SECONDS = 1e6
LEAST = 1e-3
"""Seconds: a record of less says nothing of how fast a machine is."""


@final
@dataclass(frozen=True)
class Forecast:
    """What a run will cost.

    ``units``, ``left``: all of the run, and those still to be measured; ``workers``; ``work``: the seconds of those
    left, one after another; ``seconds``: until the last has finished; ``memory``: bytes of all workers at once, None
    where the system does not tell; ``lower``: whether ``memory`` is the least that it takes, as no unit told more;
    ``recorded``: how many of those left have records that tell their cost; ``pilot``.
    """

    units: int
    left: int
    workers: int
    work: float
    seconds: float
    memory: int | None
    lower: bool
    recorded: int
    pilot: Pilot

    def __str__(self) -> str:
        told = f"{self.units:,} units, {self.left:,} of them to be measured"
        if not self.left:
            return f"{told}: there is nothing to do"
        about = "at least " if self.pilot.given_up else "about "
        least = "at least " if self.lower else about
        memory = "not known" if self.memory is None else f"{least}{self.memory / 2**30:.2g} GiB in all"
        basis = [f"records of {self.recorded:,} of them"] if self.recorded else []
        basis += [f"a pilot of {len(self.pilot.records):,}"] if self.pilot.records else []
        basis += ["a unit that took longer than the pilot may"] if self.pilot.given_up else []
        if not self.pilot.records and not self.pilot.given_up:
            basis.append(
                "no pilot, as all take too long for one (--pilot SECONDS): other machines are faster or slower"
            )
        return (
            f"{told}, by {self.workers:,} worker{'s' if self.workers > 1 else ''}\n"
            f"time: {about}{rough_duration(self.seconds)} ({rough_duration(self.work)} of work)\n"
            f"memory: {memory}\n"
            f"told from {' and '.join(basis)}"
        )


def forecast(
    experiment: Experiment,
    config: Config,
    folder: str | os.PathLike[str],
    workers: int,
    seeds: Sequence[int] | None = None,
    shard: Shard | None = None,
    pilot_seconds: float = PILOT_SECONDS,
) -> Forecast:
    """What ``run`` with these arguments and ``resume`` will cost; nothing is written.

    ``pilot_seconds``: about how long the pilot may take; a unit that it is at is given up after twice that.
    """
    if not (workers >= 1 and 0 < pilot_seconds <= MOST_SECONDS):
        raise InputError(
            f"forecasting {experiment.name}: {workers} workers and a pilot of {pilot_seconds} s were given; positive "
            f"numbers are needed, the second up to {MOST_SECONDS:.0f}"
        )
    units = units_by_id(experiment, config, seeds)
    units = units if shard is None else shard.of(units)
    finished = Records(Path(folder) / RECORDS_FILE).finished_ids(experiment.name)
    left = {key: unit for key, unit in units.items() if key not in finished}
    if not left:
        return Forecast(len(units), 0, workers, 0.0, 0.0, None, False, 0, Pilot({}, None, 0.0, None))
    known = _known(experiment, left, folder)
    pilot = run_pilot(experiment, left, known, workers, pilot_seconds)
    seconds = _seconds(experiment, left, known, pilot)
    busy = min(workers, len(left))
    peaks = _peaks(left, known, pilot)
    return Forecast(
        units=len(units),
        left=len(left),
        workers=workers,
        work=sum(seconds),
        seconds=pilot.start + _makespan(seconds, busy),
        memory=sum(sorted(peaks, reverse=True)[:busy]) if all(peaks) else None,
        lower=not any(record["memory"] for record in (*known.values(), *pilot.records.values())),
        recorded=len(known),
        pilot=pilot,
    )


def rough_duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h", "4 d"."""
    for unit, size, least in (("d", 86400.0, 2), ("h", 3600.0, 1), ("min", 60.0, 2)):
        if seconds >= least * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 99.5 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:.0f} s"


def _known(experiment: Experiment, left: Mapping[str, Config], folder: str | os.PathLike[str]) -> dict[str, Record]:
    """Records of those units, or else of the same units of another seed: they cost as much."""
    places = [Path(folder), *([] if experiment.file is None else [experiment.file.parent])]
    found: dict[str, Record] = {}
    for place in places:
        for record in Records(place / RECORDS_FILE).load(experiment.name):
            found.setdefault(record["id"], record)
            found.setdefault(_id_of_all_seeds(record["config"]), record)
    told = {key: found.get(key) or found.get(_id_of_all_seeds(unit)) for key, unit in left.items()}
    return {key: record for key, record in told.items() if record is not None}


def _id_of_all_seeds(unit: Config) -> str:
    return configuration_id({key: value for key, value in unit.items() if key != "seed"})


def _seconds(
    experiment: Experiment, left: Mapping[str, Config], known: Mapping[str, Record], pilot: Pilot
) -> list[float]:
    """The seconds of each unit: as in the pilot; as recorded, times how much slower the pilot was; or by its cost."""
    ratios = [
        record["seconds"] / max(known[key]["seconds"], LEAST) for key, record in pilot.records.items() if key in known
    ]
    # the median: records of single units may be far off, as that of the first one, which may hold compiling
    slower = statistics.median(ratios) if ratios else 1.0
    new = {key: record["seconds"] for key, record in pilot.records.items() if key not in known}
    if pilot.given_up is not None and pilot.given_up not in known:
        new[pilot.given_up] = pilot.spent
    told = {key: slower * record["seconds"] for key, record in known.items()} | new
    # units without a record, and not in the pilot: by their cost beside those, or else beside all that is told
    like = new or told
    cost = sum(experiment.cost(left[key]) for key in like)
    rate = sum(like.values()) / cost if cost else 0.0
    return [told.get(key, rate * experiment.cost(unit)) for key, unit in left.items()]


def _peaks(left: Mapping[str, Config], known: Mapping[str, Record], pilot: Pilot) -> list[int]:
    """The memory of each unit; one of which nothing is told needs what the pilot's largest did; 0: not known."""
    told = {key: record["memory"] for key, record in {**known, **pilot.records}.items() if record["memory"]}
    piloted = [record["memory"] for record in pilot.records.values() if record["memory"]]
    return [told.get(key) or max(piloted, default=pilot.loaded or 0) for key in left]


def _makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last of these has finished, each begun by the first worker that is free."""
    free = [0.0] * workers
    for unit in seconds:
        heapq.heapreplace(free, free[0] + unit)
    return max(free)
