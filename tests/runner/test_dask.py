"""On a real cluster: a scheduler and two workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slt.errors import InputError
from slt.records import Records
from slt.runner import dask

from .squares import logged, put

pytest.importorskip("distributed")
from distributed import Client


class Cluster:
    def __init__(self, root: Path, workers: int = 2, threads: int = 1) -> None:
        self.file = root / "scheduler.json"
        self.processes = [self._start(root, "scheduler", "--host", "127.0.0.1", "--port", "0")]
        while not self.file.exists() or not self.file.read_text().endswith("}"):
            assert self.processes[0].poll() is None
            time.sleep(0.02)
        self.address = json.loads(self.file.read_text())["address"]
        self.processes += [self.worker(root, threads) for _ in range(workers)]

    def worker(self, root: Path, threads: int) -> subprocess.Popen:
        return self._start(root, "worker", "--nthreads", f"{threads}", "--no-nanny")

    def _start(self, root: Path, what: str, *options: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file), *options, "--no-dashboard"],
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "dask").mkdir()
    found = Cluster(tmp_path / "dask")
    yield found
    for process in found.processes:
        process.kill()
        process.wait()


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path: Path, cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        client.wait_for_workers(2)
    put(tmp_path)
    log, path = tmp_path / "log", tmp_path / "out" / "records.jsonl"
    settings = {"count": 40, "pause": 0.05, "log": str(log)}
    options = [option for key, value in settings.items() for option in ("--set", f"{key}={value}")]
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from slt.cli import main; main()", "run", "squares", "--path", str(tmp_path)),
            *("--on", f"dask://{cluster.address.removeprefix('tcp://')}", "--into", str(tmp_path / "out"), *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (path.exists() and path.read_bytes().count(b"\n") >= 10):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    begun_by = {int(line.split()[1]) for line in log.read_text().splitlines()}
    assert begun_by == {worker.pid for worker in cluster.processes[1:]}  # both measure
    os.kill(cluster.processes[1].pid, signal.SIGKILL)
    told, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "40 squares" in told
    found = list(Records(path))
    assert sorted(record["config"]["n"] for record in found) == list(range(40))
    assert all(record["result"]["square"] == record["config"]["n"] ** 2 for record in found)
    # what the killed one was at was measured again
    assert 40 <= len(logged(log)) <= 43


def test_a_cluster_without_workers_is_refused(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slt.runner.executors.CONNECT_SECONDS", 2)
    with Client(cluster.address) as client:
        client.wait_for_workers(2)
    for worker in cluster.processes[1:]:
        worker.kill()
        worker.wait()
    with pytest.raises(InputError, match="it has no worker yet"):
        dask(cluster.address).__enter__()
