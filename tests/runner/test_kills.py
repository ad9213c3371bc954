"""Runs that are killed: what finished is recorded, the file is whole, and a later run takes it up."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slt.records import Records

from .squares import logged, put

CODE = """
import sys
from slt.runner import find_experiment, run
from slt.runner.executors import executor_on
if __name__ == "__main__":
    root, workers, count, pause = sys.argv[1], *map(float, sys.argv[2:])
    experiment = find_experiment("squares", root)
    config = experiment.config() | {"pause": pause, "count": int(count), "log": root + "/log"}
    with executor_on(None, int(workers)) as executor:
        run(experiment, config, root, resume=True, executor=executor)
"""


def command(root: Path, workers: int, count: int, pause: float) -> list[str]:
    script = root / "run.py"
    script.write_text(CODE)
    return [sys.executable, str(script), str(root), str(workers), str(count), str(pause)]


def begun_and_lost(root: Path) -> set[int]:
    log = root / "log"
    return set(logged(log)) - {record["config"]["n"] for record in Records(root / "records.jsonl")}


@pytest.mark.parametrize("workers", [1, 2])
def test_kills_cost_units_in_flight_only(tmp_path: Path, workers: int) -> None:
    told = command(put(tmp_path), workers, 30, 0.02)
    path = tmp_path / "records.jsonl"
    for number, kill in ((3, signal.SIGKILL), (10, signal.SIGINT)):
        process = subprocess.Popen(told, stderr=subprocess.PIPE)
        while not (path.exists() and path.read_bytes().count(b"\n") >= number):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(kill)
        process.communicate()
        assert process.returncode == -kill
        recorded = [record["config"]["n"] for record in Records(path)]
        assert number <= len(recorded) < 30
        # one at each worker, one of each on its way to the file, and what the pool had laid ready for an interrupt
        ready = workers + 1 if kill == signal.SIGINT else 0
        assert len(begun_and_lost(tmp_path)) <= (1 if workers == 1 else 2 * workers + ready)
    subprocess.run(told, check=True, capture_output=True)
    assert sorted(record["result"]["square"] for record in Records(path)) == [n * n for n in range(30)]


def test_workers_end_with_a_killed_run(tmp_path: Path) -> None:
    """Nothing measures on: the processes of a run that was killed are gone, in the middle of a unit or not."""
    process = subprocess.Popen(command(put(tmp_path), 2, 4, 600), stderr=subprocess.PIPE)
    log = tmp_path / "log"
    while not (log.exists() and log.read_bytes().count(b"\n") == 2):
        assert process.poll() is None
        time.sleep(0.01)
    workers = [int(line.split()[1]) for line in log.read_text().splitlines()]
    assert len({*workers, process.pid}) == 3
    process.kill()
    process.communicate()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.01)


@pytest.mark.full
def test_a_hundred_kills_at_random_moments(tmp_path: Path) -> None:
    """``make kills``. Two workers, 6,000 units of 10 ms; each time the run is taken up and killed again."""
    draw = random.Random(0)
    told = command(put(tmp_path), 2, 6000, 0.01)
    path = tmp_path / "records.jsonl"
    kills = 0
    before = 0
    while kills < 100:
        process = subprocess.Popen(told, stderr=subprocess.DEVNULL)
        if kills % 2:  # while it starts, or while it measures
            while process.poll() is None and path.stat().st_size == before:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.05))
        else:
            time.sleep(draw.uniform(0, 1.2))
        finished = process.poll() is not None
        process.kill()
        process.wait()
        if finished:
            break
        kills += 1
        recorded = [record["config"]["n"] for record in Records(path)]  # reads, or raises
        assert len(recorded) == len(set(recorded))
        before = path.stat().st_size if path.exists() else 0
    assert kills == 100, "the run finished before it had been killed a hundred times: more units are needed"
    subprocess.run(told, check=True, capture_output=True)
    assert sorted(record["result"]["square"] for record in Records(path)) == [n * n for n in range(6000)]
