from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import slt.runner.runs as runs
from slt.errors import InputError, MissingExtraError, WorkerError
from slt.runner import dask, find_experiment, load_records, processes, run
from slt.runner.executors import executor_on

from .squares import SOURCE, logged, put, squares

THREADS = SOURCE.replace(
    'return {"square": unit.pop("n") ** 2}',
    'import torch\n        return {"square": unit.pop("n") ** 2, "threads": torch.get_num_threads()}',
)


def test_processes_measure_what_this_process_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    experiment = find_experiment("squares", put(tmp_path, source=THREADS))
    with processes(2, threads=1) as executor:
        found = run(experiment, experiment.config(), tmp_path / "out", executor=executor, progress=False)
    assert squares(found) == [0, 1, 4, 9, 16, 25]
    assert {record["result"]["threads"] for record in found} == {1}
    for record in found:
        assert record["memory"] > 2**26
        assert record["seconds"] > 0
        assert record["device"].endswith("cores")
        assert record["code"].startswith("0.1.0+")


def test_a_killed_worker_is_told(tmp_path: Path) -> None:
    source = SOURCE.replace('raise ZeroDivisionError("broken")', "os.kill(os.getpid(), 9)")
    experiment = find_experiment("squares", put(tmp_path, source=source))
    config = experiment.config() | {"count": 20, "broken": 5, "pause": 0.02, "log": str(tmp_path / "log")}
    with (
        pytest.raises(WorkerError, match=r"lost a process, and with it units such as .*--resume, with fewer --workers"),
        processes(2) as executor,
    ):
        run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    recorded = {record["config"]["n"] for record in load_records(experiment, tmp_path / "out")}
    assert 5 not in recorded
    assert len(set(logged(tmp_path / "log")) - recorded) <= 4


def test_leaving_by_an_exception_ends_the_workers_at_once(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    config = experiment.config() | {"pause": 600.0, "log": str(tmp_path / "log")}

    def interrupt() -> None:
        while not (tmp_path / "log").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), processes(2) as executor:
        run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    workers = {int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines()}
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def test_only_so_many_units_are_handed_over_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "AHEAD", 3)
    waiting: list[int] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args: object, **kwargs: object) -> Future:  # type: ignore[override]
            future = super().submit(*args, **kwargs)  # type: ignore[arg-type]
            futures.append(future)
            waiting.append(sum(not other.done() for other in futures))
            return future

    futures: list[Future] = []
    experiment = find_experiment("squares", put(tmp_path))
    with Counting(2) as executor:
        found = run(experiment, experiment.config() | {"count": 20}, tmp_path, executor=executor, progress=False)
    assert squares(found) == [n * n for n in range(20)]
    assert len(futures) == 20 and max(waiting) <= 3


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("raise SystemExit(0)", r"a unit called sys\.exit\(0\); it has to return or raise"),
        (
            "class Two(Exception):\n                def __init__(self, a, b):\n"
            "                    super().__init__(a)\n"
            "            raise Two('odd', 'error')",
            r"(?s)failed with a Two that cannot be sent.*experiment\.py.*odd",
        ),
        (
            "import threading\n            raise ValueError(threading.Lock())",
            "failed with a ValueError that cannot be sent",
        ),
    ],
)
def test_errors_that_would_end_or_break_a_run(tmp_path: Path, broken: str, told: str) -> None:
    source = SOURCE.replace('raise ZeroDivisionError("broken")', broken)
    experiment = find_experiment("squares", put(tmp_path, source=source))
    config = experiment.config() | {"broken": 2}
    with pytest.raises(WorkerError, match=told) as caught, processes(2) as executor:
        run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    assert '"broken": 2' in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert len(load_records(experiment, tmp_path / "out")) >= 2


def test_threads_measure_one_after_another(tmp_path: Path) -> None:
    """torch.func keeps levels for the whole process: two units at once would spoil each other."""
    source = SOURCE.replace(
        'time.sleep(unit["pause"])',
        "import torch\n        for _ in range(20):\n"
        "            assert torch.func.jacfwd(lambda x: x * x)(torch.ones(3)).trace() == 6",
    )
    experiment = find_experiment("squares", put(tmp_path, source=source))
    with ThreadPoolExecutor(4) as executor:
        found = run(experiment, experiment.config(), tmp_path / "out", executor=executor, progress=False)
    assert squares(found) == [0, 1, 4, 9, 16, 25]


def test_workers_load_an_edited_experiment_anew_and_refuse_other_code(tmp_path: Path) -> None:
    put(tmp_path)
    experiment = find_experiment("squares", tmp_path)
    smoke = experiment.config(smoke=True)
    with processes(1) as executor:
        assert squares(run(experiment, smoke, tmp_path / "a", executor=executor, progress=False)) == [0, 1]
        assert experiment.file is not None
        experiment.file.write_text(SOURCE.replace("** 2", "** 2 + 5"))
        edited = find_experiment("squares", tmp_path)
        assert squares(run(edited, smoke, tmp_path / "b", executor=executor, progress=False)) == [5, 6]
        with pytest.raises(WorkerError, match=r"this worker has the code .*, the run .*Start the workers anew"):
            run(experiment, smoke, tmp_path / "c", executor=executor, progress=False)


@pytest.mark.parametrize(
    ("place", "workers", "told"),
    [
        ("slurm://x", None, r"dask://ADDRESS is known.*concurrent\.futures\.Executor"),
        ("dask://", None, "dask://ADDRESS is known"),
        ("localhost:8786", None, "dask://ADDRESS is known"),
        ("dask://localhost:1", 3, "leave one out"),
        (None, 0, "at least 1 is needed"),
    ],
)
def test_places_that_are_none(place: str | None, workers: int | None, told: str) -> None:
    with pytest.raises(InputError, match=told), executor_on(place, workers):
        pass


def test_no_scheduler_and_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("slt.runner.executors.CONNECT_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"no scheduler answers.*dask scheduler"), dask("tcp://127.0.0.1:9"):
        pass
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install slt\[dask\]"), dask("tcp://127.0.0.1:9"):
        pass
