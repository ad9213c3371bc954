"""Forecasts against what then happened, and what the runner itself costs a unit."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from slt import runner
from slt.machine import cores
from slt.runner import Experiment, find_experiment, forecast, load_experiment, processes

ROOT = Path(__file__).parents[1]
FORECAST = ("needed-width", "attention-scale", "subset-sum-laws", "convolution-law", "two-layer-options")
UNITS = 2000
TRIVIAL = """
from slt.runner import Experiment

class Trivial(Experiment):
    name = "trivial"
    claim = "what it costs to hand a unit over and to record it"
    default_config = {"units": %d}
    smoke_config = {"units": 1}

    def units(self, config):
        return [{"n": n} for n in range(config["units"])]

    def measure(self, unit):
        return {"n": unit["n"]}

    def figure(self, records, folder):
        return []

    def summary(self, records):
        return ""

EXPERIMENT = Trivial()
"""


def against_what_happened(name: str, workers: int, folder: Path) -> str:
    experiment = find_experiment(name, ROOT)
    told = forecast(experiment, experiment.config(), folder, workers)
    start = time.perf_counter()
    with processes(workers) as executor:
        records = runner.run(experiment, experiment.config(), folder, executor=executor, progress=False)
    took = time.perf_counter() - start
    peaks = sum(sorted((record["memory"] or 0 for record in records), reverse=True)[:workers])
    return (
        f"{name}, {workers} workers: {took / told.seconds:.2f} times the time told, "
        f"{peaks / told.memory if told.memory else float('nan'):.2f} times the memory told "
        f"({took:.0f} s, {peaks / 2**30:.2f} GiB)"
    )


def a_unit(experiment: Experiment, workers: int, folder: Path) -> str:
    start = time.perf_counter()
    if workers == 1:
        runner.run(experiment, experiment.config(), folder, progress=False)
    else:
        with processes(workers) as executor:
            runner.run(experiment, experiment.config(), folder, executor=executor, progress=False)
    cost = (time.perf_counter() - start) / UNITS
    return f"a unit that does nothing, {workers} worker{'s' if workers > 1 else ''}: {1e3 * cost:.2f} ms"


def run() -> list[str]:
    workers = max(2, cores())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "trivial" / "experiment.py"
        file.parent.mkdir()
        file.write_text(TRIVIAL % UNITS)
        trivial = load_experiment(file)
        return [
            *(a_unit(trivial, count, folder / f"trivial {count}") for count in (1, workers)),
            *(against_what_happened(name, workers, folder / name) for name in FORECAST),
        ]
