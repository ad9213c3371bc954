"""What an exact optimum of many items costs: seconds and memory of one instance, beside 2^(n/2) and 2^(n/4)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from slt import plots
from slt.errors import DataError
from slt.records import Record
from slt.runner import Config, Experiment
from slt.subset_sum import Problem
from slt.weights import Key, Uniform

LATTICE = 52
ANCHOR = 56  # the predictions go through the measurement there, if there is one
MIB = 2**20
WANTED = {"seconds": 120, "memory": 64 * 10**6}  # at ANCHOR items

Array = npt.NDArray[np.float64]


class SchroeppelShamir(Experiment):
    name = "schroeppel-shamir"
    claim = (
        "The exact optimum of n uniform items, found slice by slice, takes time 2^(n/2) and, beside a fixed work space "
        "for each thread, memory 2^(n/4): 56 items stay below two minutes on two cores and below 64 MB."
    )
    alone = True
    default_config: ClassVar[Config] = {
        "seed": 0, "threads": 2, "items": list(range(32, 65, 4)), "draws": 3, "draws_from_56": 1
    }  # fmt: skip
    smoke_config: ClassVar[Config] = {"items": [28, 32], "draws": 1}

    def units(self, config: Config) -> Sequence[Config]:
        return [
            {"n": n, "draw": draw, "seed": config["seed"], "threads": config["threads"]}
            for n in config["items"]
            for draw in range(config["draws"] if n < ANCHOR else config["draws_from_56"])
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """One instance in a process of its own: its answer, which the unit decides, and its cost, which it does not.

        ``rise``: bytes by which the peak of resident memory rises over what was resident before the solver was called.
        ``allocated``: bytes that the solver says it may allocate. ``cpu``: processor seconds of all threads together.
        """
        done = subprocess.run(
            [sys.executable, __file__, json.dumps(dict(unit))], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DataError(f"measuring {dict(unit)} in a process of its own failed; it said: {done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        figure, axes = plots.new_figure(1, 2, width=4.6, height=4.0)
        _draw_seconds(axes[0, 0], records)
        _draw_memory(axes[0, 1], records)
        return plots.save(figure, folder / "schroeppel-shamir")

    def summary(self, records: Sequence[Record]) -> str:
        sizes, seconds = _by_size(records, "seconds")
        _, cpu = _by_size(records, "cpu")
        _, rise = _by_size(records, "rise")
        _, allocated = _by_size(records, "allocated")
        lines = ["items: seconds, processor seconds (fastest draw); peak memory rise, allocated at most (MiB)"]
        for i, n in enumerate(sizes.tolist()):
            lines.append(
                f"{n}: {seconds[i, 1]:.3g} s, {cpu[i, 1]:.3g} s; {rise[i, 2] / MIB:.1f}, {allocated[i, 2] / MIB:.1f}"
            )
        long = sizes >= 48
        if np.count_nonzero(long) > 1:
            slope = np.polyfit(sizes[long], np.log2(cpu[long, 1]), 1)[0]
            lines.append(f"doublings of the processor time an item from 48 on: {slope:.3f}, predicted 0.5")
        (at,) = np.nonzero(sizes == ANCHOR)
        if at.size:
            kept = seconds[at[0], 2] <= WANTED["seconds"] and rise[at[0], 2] <= WANTED["memory"]
            lines.append(
                f"{ANCHOR} items within {WANTED['seconds']} s and {WANTED['memory'] / 1e6:g} MB: "
                f"{'holds' if kept else 'violated'}"
            )
        else:
            lines.append(f"{ANCHOR} items were not measured: inconclusive")
        return "\n".join(lines)


def _by_size(records: Sequence[Record], field: str) -> tuple[npt.NDArray[np.int64], Array]:
    """The sizes n and (sizes, 3): median, least and most of ``field`` over the draws."""
    sizes = np.unique([r["config"]["n"] for r in records])
    found = [[r["result"][field] for r in records if r["config"]["n"] == n] for n in sizes]
    return sizes, np.array([[np.median(values), min(values), max(values)] for values in found], dtype=np.float64)


def _draw_seconds(panel: Any, records: Sequence[Record]) -> None:
    sizes, seconds = _by_size(records, "seconds")
    _, cpu = _by_size(records, "cpu")
    plots.curve_with_band(panel, sizes, *cpu.T, label="processor time, all threads")
    plots.curve_with_band(panel, sizes, *seconds.T, label=f"time with {records[0]['config']['threads']} threads")
    at = int(np.flatnonzero(sizes <= ANCHOR)[-1])
    n = np.array([44.0, 64.0])
    plots.predicted(panel, n, cpu[at, 1] * 2 ** ((n - sizes[at]) / 2), f"2^(n/2), through n = {sizes[at]}")
    panel.set_yscale("log")
    panel.set_xticks(range(28, 65, 4))
    panel.set_title("time of one instance")
    panel.set_xlabel(plots.axis_label("items n", "1"))
    panel.set_ylabel(plots.axis_label("time", "s", "measured"))
    plots.legend(panel)


def _draw_memory(panel: Any, records: Sequence[Record]) -> None:
    from slt.subset_sum.schroeppel_shamir import memory_needed

    sizes, rise = _by_size(records, "rise")
    plots.curve_with_band(panel, sizes, *(rise / MIB).T, label="rise of the peak, measured")
    threads = records[0]["config"]["threads"]
    n = np.arange(28, 65, 4)
    allowed = np.array([memory_needed(int(k), threads) for k in n]) / MIB
    plots.predicted(panel, n, allowed, f"allocated at most, {threads} threads")
    # the part that grows: what 28 items need, taken for the fixed part, away
    plots.predicted(panel, n, (allowed[-1] - allowed[0]) * 2.0 ** ((n - n[-1]) / 4), "its part 2^(n/4)", ":")
    halves = n[n <= 48]
    plots.predicted(panel, halves, 48 * 2.0 ** (halves / 2) / MIB, "meet in the middle, 48 · 2^(n/2)", "-.")
    plots.log2_axis(panel, "y")
    panel.set_xticks(n)
    panel.set_ylim(bottom=2.0**-8)
    panel.set_title("memory of one instance")
    panel.set_xlabel(plots.axis_label("items n", "1"))
    panel.set_ylabel(plots.axis_label("extra memory", "MiB"))
    plots.legend(panel)


def _problem(unit: Config) -> Problem:
    key = Key(unit["seed"]) / SchroeppelShamir.name
    items = Uniform(LATTICE).draw(key / "items", (1, 1, unit["n"]), (unit["draw"], 0, 0))[0, 0]
    target = Uniform(LATTICE).draw(key / "targets", (1, 1, 1), (unit["draw"], 0, 0))[0, 0]
    return Problem.of(items, target, lattice=LATTICE)


def _resident(peak: bool) -> int:
    """Bytes resident now, or at most since ``_forget_peak``; without Linux's /proc the most since the process began."""
    try:
        name = "VmHWM:" if peak else "VmRSS:"
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # the peak of loading the libraries stays in: the rise is then too small by as much


def _measured_here(unit: Config) -> dict[str, Any]:
    import numba

    from slt.subset_sum.schroeppel_shamir import memory_needed, schroeppel_shamir

    numba.set_num_threads(min(unit["threads"], numba.get_num_threads()))
    problem = _problem(unit)
    schroeppel_shamir(_problem({**unit, "n": 8}))  # compiles, or loads what was compiled
    _forget_peak()
    before = _resident(peak=False)
    start, start_cpu = time.perf_counter(), time.process_time()
    result = schroeppel_shamir(problem)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "residual_lattice": int(result.residual_lattice[0]),
        "taken": int(result.mask.sum()),
        "seconds": round(seconds, 4),
        "cpu": round(cpu, 4),
        "rise": _resident(peak=True) - before,
        "allocated": memory_needed(unit["n"], numba.get_num_threads()),
    }


EXPERIMENT = SchroeppelShamir()

if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measured_here(json.loads(sys.argv[1]))))
