"""A run: measures the units of an experiment, anywhere, and records each as it finishes."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

from slt.errors import InputError, RecordError, WorkerError
from slt.progress import bar
from slt.records import Record, Records
from slt.runner.executors import is_lost
from slt.runner.experiment import Config, Experiment
from slt.runner.sent import to_be_sent
from slt.runner.units import Shard, measured, units_by_id

RECORDS_FILE = "records.jsonl"
AHEAD = 4096
"""The most units in an executor's hands at once: more than any machine has workers, few enough to hold in memory."""


def run(
    experiment: Experiment,
    config: Config,
    folder: str | os.PathLike[str],
    resume: bool = False,
    executor: Executor | None = None,
    progress: bool = True,
    seeds: Sequence[int] | None = None,
    shard: Shard | None = None,
    keep_going: bool = False,
) -> list[Record]:
    """Measure the units of ``config`` and record each in ``folder`` as it finishes; their records, in their order.

    ``resume``: units that have a record are not measured again; without it, records of the experiment in ``folder``
    are an error. ``executor``: any ``concurrent.futures.Executor``, which stays open; None measures here, one by one.
    ``progress``: a bar on standard error. ``seeds``: the units of each of these seeds, in the place of the seed in
    ``config``. ``shard``: only that part of the units. Stopped in whichever way, what was recorded stays whole; when a
    unit fails, those not begun are given up, those in flight are recorded, and its error is raised; with ``keep_going``
    all others are measured first. Raises WorkerError if the executor lost the process that measured a unit.
    """
    # absolute: a unit may change the working directory
    records = Records(Path(folder).absolute() / RECORDS_FILE)
    units = units_by_id(experiment, config, seeds)
    units = units if shard is None else shard.of(units)
    finished = records.finished_ids(experiment.name)
    if finished and not resume:
        raise InputError(
            f"running {experiment.name}: {records.path} holds {len(finished)} of its records already, "
            f"{len(finished & units.keys()) or 'none'} of them of these {len(units)} units; take them up with --resume "
            "(resume=True), choose another folder (--into), or delete that file to start anew"
        )
    try:
        records.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"running {experiment.name}: the folder {folder} cannot be made ({error.strerror}); choose another"
        ) from error

    left = {key: unit for key, unit in units.items() if key not in finished}
    found = _one_by_one(experiment, left, keep_going)
    if executor is not None:
        found = _in_flight(experiment, left, executor, keep_going)
    done = len(units) - len(left)
    with (
        bar(shown=progress, total=len(units), initial=done, desc=experiment.name, unit="unit") as shown,
        closing(found),
    ):
        for record in found:
            records.append(record)
            shown.update()
    by_id = {record["id"]: record for record in records.load(experiment.name)}
    if missing := len(units.keys() - by_id.keys()):
        raise RecordError(
            f"running {experiment.name}: {missing} of {len(units)} records are no longer in {records.path}, which was "
            "changed from outside; measure them again with --resume"
        )
    return [by_id[key] for key in units]


def load_records(experiment: Experiment, folder: str | os.PathLike[str]) -> list[Record]:
    """All records of the experiment in ``folder``; raises RecordError if there is none."""
    path = Path(folder) / RECORDS_FILE
    found = Records(path).load(experiment.name)
    if not found:
        raise RecordError(
            f"reading the records of {experiment.name}: {path} "
            f"{'holds none' if path.exists() else 'does not exist'}; run `slt run {experiment.name}` first, "
            "or name the folder it wrote to"
        )
    return found


def by_seed(experiment: Experiment, records: Sequence[Record]) -> dict[int | str | None, list[Record]]:
    """The records of each seed, where a run of the experiment has one (``run(..., seeds=...)``), else all, under None:
    an experiment without such a setting lays its seeds out over its units itself, and sums up over them."""
    if "seed" not in experiment.config():
        return {None: list(records)}
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps(record["seed"]), []).append(record)
    whole = sorted(text for text in groups if text.isdigit())
    ordered = [*sorted(whole, key=int), *sorted(groups.keys() - set(whole))]
    return {int(text) if text.isdigit() else text: groups[text] for text in ordered}


def _one_by_one(experiment: Experiment, units: Mapping[str, Config], keep_going: bool) -> Generator[Record, None, None]:
    failures: list[Exception] = []
    for unit in units.values():
        try:
            record = measured(experiment, unit)
        except Exception as error:
            failures.append(error)
            if not keep_going:
                break
        else:
            yield record
    _raise_first(failures)


def _raise_first(failures: Sequence[BaseException]) -> None:
    if len(failures) > 1:
        failures[0].add_note(f"{len(failures) - 1} more units failed")
    if failures:
        raise failures[0]


def _in_flight(
    experiment: Experiment, units: Mapping[str, Config], executor: Executor, keep_going: bool
) -> Generator[Record, None, None]:
    """Records as they come. However this is left, units not begun are cancelled."""
    waiting = iter(units.values())
    finished: SimpleQueue[Future[Record]] = SimpleQueue()
    submitted: dict[Future[Record], Config] = {}
    failures: list[BaseException] = []
    stopped = False
    try:
        while True:
            while not stopped and len(submitted) < AHEAD and (unit := next(waiting, None)) is not None:
                try:
                    measure, arguments = to_be_sent(experiment, unit)
                    future = executor.submit(measure, *arguments)
                except BrokenExecutor as error:
                    failures.append(_lost(experiment, unit, error))
                    stopped = True
                    break
                submitted[future] = unit
                future.add_done_callback(finished.put)
            if not submitted:
                break
            future = finished.get()
            unit = submitted.pop(future)
            wrong = CancelledError("it was cancelled") if future.cancelled() else future.exception()
            if wrong is None:
                yield future.result()
            elif not stopped:
                failures.append(_lost(experiment, unit, wrong) if is_lost(wrong) else wrong)
                stopped = is_lost(wrong) or not keep_going
                # those not begun are given up, those in flight recorded
                for other in list(submitted) if stopped else ():
                    other.cancel()
    finally:
        for future in submitted:
            future.cancel()
    # a lost process says more than the units that failed before
    _raise_first(sorted(failures, key=lambda error: not isinstance(error, WorkerError)))


def _lost(experiment: Experiment, unit: Config, error: BaseException) -> WorkerError:
    told = WorkerError(
        f"running {experiment.name}: the executor lost a process, and with it units such as {json.dumps(unit)} "
        f"({type(error).__name__}: {error}); killed, perhaps for want of memory, or never begun (a script that starts "
        'processes needs `if __name__ == "__main__":`), or its scheduler is gone. What had finished is recorded: take '
        "the rest up with --resume, with fewer --workers if memory was short"
    )
    told.__cause__ = error
    return told
