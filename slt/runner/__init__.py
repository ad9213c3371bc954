"""Runner: measures the units of an experiment, anywhere, records each as it finishes, and finds experiments in folders.

An experiment is one file, ``experiments/<name>/experiment.py``, that ends with ``EXPERIMENT = TheClass()``; it may
import files beside it (``from .samples import draw``). A unit is one flat configuration, seed included; ``measure`` is
a pure function of it. So units may run anywhere, in any order, and a run that was stopped takes up where its records
end.
"""

from slt.runner.executors import dask, processes
from slt.runner.experiment import Config, Experiment
from slt.runner.finding import find_experiment, find_experiments, load_experiment
from slt.runner.forecast import Forecast, forecast
from slt.runner.runs import RECORDS_FILE, by_seed, load_records, run
from slt.runner.settings import with_settings
from slt.runner.units import Shard, units_by_id

__all__ = [
    "RECORDS_FILE",
    "Config",
    "Experiment",
    "Forecast",
    "Shard",
    "by_seed",
    "dask",
    "find_experiment",
    "find_experiments",
    "forecast",
    "load_experiment",
    "load_records",
    "processes",
    "run",
    "units_by_id",
    "with_settings",
]
