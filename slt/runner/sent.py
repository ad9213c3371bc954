"""Units that are sent to other processes: what travels, and how what goes wrong there comes back."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Callable
from typing import Any

from slt.errors import WorkerError
from slt.records import Record
from slt.runner.experiment import Config, Experiment
from slt.runner.finding import load_experiment
from slt.runner.units import measured

LOADING = threading.Lock()
_loaded: dict[str, Experiment] = {}


def to_be_sent(experiment: Experiment, unit: Config) -> tuple[Callable[..., Record], tuple[Any, ...]]:
    """The function that measures a unit in another process, and its arguments: the experiment travels as the path of
    its file, with the version of its code, or whole if it is in no file."""
    if experiment.file is None:
        return _measured_whole, (experiment, unit)
    return _measured_from_file, (str(experiment.file), experiment.code, unit)


def _measured_from_file(file: str, code: str, unit: Config) -> Record:
    return _sendable(lambda: measured(_experiment(file, code), unit))


def _measured_whole(experiment: Experiment, unit: Config) -> Record:
    return _sendable(lambda: measured(experiment, unit))


def _experiment(file: str, code: str) -> Experiment:
    """Loaded once, and again when its file was edited since. WorkerError where this process has other code than the
    run: it would measure something else."""
    with LOADING:
        found = _loaded.get(file)
        if found is None or found.code != code:
            found = _loaded[file] = load_experiment(file)
        if found.code != code:
            raise WorkerError(
                f"measuring the experiment in {file}: this worker has the code {found.code}, the run {code}. Start the "
                "workers anew after a change of code, and have the same slt and the same folder everywhere"
            )
        return found


def _sendable(measure: Callable[[], Record]) -> Record:
    """An error that cannot be sent back would pass for a process that died."""
    try:
        return measure()
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            told = WorkerError(
                f"a unit failed with a {type(error).__name__} that cannot be sent from process to process; it said:\n"
                + "".join(traceback.format_exception(error)).rstrip()
            )
            raise told from None
        raise
