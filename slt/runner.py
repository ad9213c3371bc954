"""Runner: measures the units of an experiment, records each as it finishes, and finds experiments in their folders.

An experiment is one file, ``experiments/<name>/experiment.py``, that ends with ``EXPERIMENT = TheClass()``; it may
import files beside it (``from .samples import draw``). A unit is one flat configuration, seed included; ``measure`` is
a pure function of it. So units may run anywhere, in any order, and a run that was stopped takes up where its records
end.
"""

from __future__ import annotations

import copy
import difflib
import importlib.util
import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from tqdm import tqdm

from slt.errors import DataError, InputError, RecordError, SltError
from slt.records import Record, Records, configuration_id, new_record, plain

Config = Mapping[str, Any]

RECORDS_FILE = "records.jsonl"


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

    file: Path | None = None
    """Where it was loaded from; processes that measure its units load it from there."""

    def config(self, smoke: bool = False) -> dict[str, Any]:
        """The settings of a run, or of a run of seconds."""
        return {**self.default_config, **(self.smoke_config if smoke else {})}

    @abstractmethod
    def units(self, config: Config) -> Sequence[Config]:
        """The units of a run, each a flat mapping that JSON holds; no two the same."""

    @abstractmethod
    def measure(self, unit: Config) -> Mapping[str, Any]:
        """The result of one unit: a pure function of ``unit``, in terms that ``records.plain`` takes."""

    @abstractmethod
    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        """Draw the records; the paths of the files written in ``folder``."""

    @abstractmethod
    def summary(self, records: Sequence[Record]) -> str:
        """What was measured, what was predicted and the verdict: a few lines of text."""

    def __reduce__(self) -> Any:
        """Sent to another process, an experiment travels as the path of its file."""
        return super().__reduce__() if self.file is None else (_loaded_once, (str(self.file),))


def run(
    experiment: Experiment,
    config: Config,
    folder: str | os.PathLike[str],
    resume: bool = False,
    executor: Executor | None = None,
    progress: bool = True,
) -> list[Record]:
    """Measure the units of ``config`` and record each in ``folder`` as it finishes; their records, in their order.

    ``resume``: units that have a record are not measured again; without it, records of the experiment in ``folder``
    are an error. ``executor``: any ``concurrent.futures.Executor``, which stays open; None measures here, one by one.
    ``progress``: a bar on standard error. Stopped in whichever way, what was recorded stays whole; when a unit
    fails, those not begun are given up, those in flight are recorded, and its error is raised.
    """
    records = Records(Path(folder) / RECORDS_FILE)
    units = _units_by_id(experiment, config)
    finished = records.finished_ids(experiment.name)
    if finished and not resume:
        raise InputError(
            f"running {experiment.name}: {records.path} holds {len(finished)} of its records already; "
            "take them up with --resume (resume=True), choose another folder, or delete that file to start anew"
        )
    try:
        records.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"running {experiment.name}: the folder {folder} cannot be made ({error.strerror}); choose another"
        ) from error

    left = {key: unit for key, unit in units.items() if key not in finished}
    measured = _one_by_one(experiment, left) if executor is None else _in_flight(experiment, left, executor)
    done = len(units) - len(left)
    bar = tqdm(total=len(units), initial=done, desc=experiment.name, file=sys.stderr, disable=not progress)
    with bar, closing(measured):
        for record in measured:
            records.append(record)
            bar.update()
    by_id = {record["id"]: record for record in records.load(experiment.name)}
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


def with_settings(config: Config, settings: Iterable[str]) -> dict[str, Any]:
    """``config`` with settings ``key=value`` put in, the last for a key taking effect.

    A value is JSON (for a text, the bare word will do) of the type that ``config`` has: an integer serves as a float,
    and as an element of a list of floats; a setting that is None takes anything.
    """
    changed: dict[str, Any] = plain(config, "the settings")
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(f"--set {setting}: no value was given; write --set key=value")
        if key not in config:
            known = ", ".join(config) or "none"
            raise InputError(f"--set {setting}: there is no setting {key!r}{_nearest(key, config)}; known: {known}")
        changed[key] = _as_type_of(config[key], _value(config[key], text.strip()), f"--set {setting}")
    return changed


def find_experiments(path: str | os.PathLike[str] | None = None) -> dict[str, Experiment]:
    """The experiments by name, sorted: those in ``path``, or in the working directory without it.

    Looked for: ``experiments/<name>/experiment.py``, ``<name>/experiment.py`` and ``experiment.py`` itself.
    """
    return {name: load_experiment(file) for name, file in _experiment_files(path).items()}


def find_experiment(name: str, path: str | os.PathLike[str] | None = None) -> Experiment:
    """The experiment called ``name``; no other is loaded."""
    files = _experiment_files(path)
    if name not in files:
        raise InputError(
            f"there is no experiment {name!r}{_nearest(name, files)}; known: {', '.join(files)}. "
            "--path names another folder to look in"
        )
    return load_experiment(files[name])


def load_experiment(file: str | os.PathLike[str]) -> Experiment:
    """The ``EXPERIMENT`` of one file, which is run as a module of its own."""
    file = Path(file).resolve()
    name = _name_of(file)
    module_name = f"slt_experiment_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(module_name, file, submodule_search_locations=[str(file.parent)])
    if spec is None or spec.loader is None or not file.is_file():
        raise DataError(f"loading an experiment: {file} is no Python file; give one that defines EXPERIMENT")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(module_name)
    # files beside an experiment of the same name in another folder
    for other in [known for known in sys.modules if known.startswith(f"{module_name}.")]:
        del sys.modules[other]
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(module_name)
        if before is not None:
            sys.modules[module_name] = before
        if isinstance(error, SltError) or not isinstance(error, Exception):
            raise
        raise DataError(f"loading the experiment in {file}: {type(error).__name__}: {error}; mend that file") from error
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise DataError(f"loading the experiment in {file}: it defines no EXPERIMENT = ...(), an slt.runner.Experiment")
    named = getattr(experiment, "name", None)
    if named != name:
        raise DataError(f"loading the experiment in {file}: it is named {named!r}, its folder {name!r}; rename one")
    experiment.file = file
    return experiment


@cache
def _loaded_once(file: str) -> Experiment:
    return load_experiment(file)


def _measured(experiment: Experiment, unit: Config) -> Record:
    start = time.perf_counter()
    try:
        result = experiment.measure(copy.deepcopy(unit))
        if not isinstance(result, Mapping):
            raise InputError(f"a result is a mapping; measure returned a {type(result).__name__}")
        return new_record(experiment.name, unit, result, time.perf_counter() - start)
    except Exception as error:
        error.add_note(f"while measuring the unit {json.dumps(unit)} of {experiment.name}")
        raise


def _one_by_one(experiment: Experiment, units: Mapping[str, Config]) -> Generator[Record, None, None]:
    for unit in units.values():
        yield _measured(experiment, unit)


def _in_flight(
    experiment: Experiment, units: Mapping[str, Config], executor: Executor
) -> Generator[Record, None, None]:
    failed: BaseException | None = None
    with _submitted(experiment, units, executor) as futures:
        left = set(futures)
        for future in as_completed(futures):
            left.discard(future)
            failed = future.exception()
            if failed is not None:
                break
            yield future.result()
        for future in as_completed([future for future in left if not future.cancel()]):
            if future.exception() is None:
                yield future.result()
    if failed is not None:
        raise failed


@contextmanager
def _submitted(
    experiment: Experiment, units: Mapping[str, Config], executor: Executor
) -> Iterator[list[Future[Record]]]:
    """The units' futures; on leaving, however that comes, those not begun are cancelled."""
    futures: list[Future[Record]] = []
    try:
        for unit in units.values():
            futures.append(executor.submit(_measured, experiment, unit))
        yield futures
    finally:
        for future in futures:
            future.cancel()


def _units_by_id(experiment: Experiment, config: Config) -> dict[str, Config]:
    units: dict[str, Config] = {}
    config = plain(config, f"the config of {experiment.name}")
    for given in experiment.units(config):
        unit = plain(given, f"a unit of {experiment.name}")
        key = configuration_id(unit)
        if key in units:
            raise InputError(
                f"running {experiment.name}: the unit {json.dumps(unit)} comes twice; each is recorded once"
            )
        units[key] = unit
    if not units:
        raise InputError(f"running {experiment.name}: these settings make no unit to measure: {json.dumps(config)}")
    return units


def _value(default: Any, text: str) -> Any:
    if isinstance(default, str) and not text.startswith('"'):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _as_type_of(default: Any, value: Any, doing: str) -> Any:
    """``value`` if it is of the type of ``default``, integers made floats where it has floats."""
    if isinstance(value, float) and math.isnan(value):
        raise InputError(f"{doing}: NaN is no setting")
    if default is None:
        return value
    if isinstance(default, list) and isinstance(value, list):
        kinds = {type(part) for part in default}
        if kinds == {int, float}:
            return _as_type_of([0.0], value, doing)
        return [_as_type_of(default[0], part, doing) for part in value] if len(kinds) == 1 else value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise InputError(
            f"{doing}: a {_kind(default)} like {json.dumps(default)} is needed; {value!r} is a {_kind(value)}"
        )
    return value


def _kind(value: Any) -> str:
    kinds = {
        bool: "truth value (true or false)", int: "whole number", float: "number", str: "text", list: "list",
        dict: "mapping", type(None): "null",
    }  # fmt: skip
    return kinds[type(value)]


def _experiment_files(path: str | os.PathLike[str] | None) -> dict[str, Path]:
    root = Path.cwd() if path is None else Path(path)
    if path is not None and not root.exists():
        raise InputError(f"looking for experiments: --path {root} does not exist; give a folder that holds experiments")
    if root.is_file():
        return {_name_of(root): root}
    patterns = ["experiments/*/experiment.py", *(["*/experiment.py", "experiment.py"] if path is not None else [])]
    files = [file for pattern in patterns for file in sorted(root.glob(pattern))]
    if not files:
        looked = ", ".join(str(root / pattern) for pattern in patterns)
        raise DataError(
            f"looking for experiments: none found as {looked}; work in a folder that holds experiments/, "
            "or name one with --path"
        )
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(_name_of(file), file)
        if other != file:
            raise DataError(f"looking for experiments: {other} and {file} have the same name; name one with --path")
    return dict(sorted(found.items()))


def _name_of(file: Path) -> str:
    return file.resolve().parent.name.replace("_", "-")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
