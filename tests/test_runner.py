from __future__ import annotations

import math
import multiprocessing
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from slt.errors import DataError, InputError, RecordError
from slt.records import Record, Records
from slt.runner import find_experiment, find_experiments, load_experiment, load_records, run, with_settings

SOURCE = """
import os, time
from pathlib import Path
from slt.runner import Experiment

class Squares(Experiment):
    name = "squares"
    claim = "n times n is n squared"
    default_config = {"count": 6, "pause": 0.0, "log": None, "broken": None}
    smoke_config = {"count": 2}

    def units(self, config):
        return [{"n": n, **{k: config[k] for k in ("pause", "log", "broken")}} for n in range(config["count"])]

    def measure(self, unit):
        if unit["log"]:
            with open(unit["log"], "a") as log:
                log.write(f"{unit['n']} {os.getpid()}\\n")
        if unit["n"] == unit["broken"]:
            raise ZeroDivisionError("broken")
        time.sleep(unit["pause"])
        return {"square": unit.pop("n") ** 2}

    def figure(self, records, folder):
        return []

    def summary(self, records):
        return f"{len(records)} squares"

EXPERIMENT = Squares()
"""


def put(root: Path, name: str = "squares", source: str = SOURCE) -> Path:
    file = root / "experiments" / name / "experiment.py"
    file.parent.mkdir(parents=True)
    file.write_text(textwrap.dedent(source))
    return root


def squares(records: list[Record]) -> list[int]:
    return [record["result"]["square"] for record in records]


def logged(log: Path) -> list[int]:
    return sorted(int(line.split()[0]) for line in log.read_text().splitlines())


def test_run_then_resume(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    log = tmp_path / "log"
    config = experiment.config() | {"log": str(log)}
    smoke = experiment.config(smoke=True) | {"log": str(log)}
    assert squares(run(experiment, smoke, tmp_path / "out")) == [0, 1]
    told = capfd.readouterr()
    assert "squares" in told.err
    assert not told.out
    with pytest.raises(InputError, match=r"holds 2 of its records.*--resume.*another folder"):
        run(experiment, config, tmp_path / "out")
    # the first two are there, and the second's line is torn
    path = tmp_path / "out" / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert squares(run(experiment, config, tmp_path / "out", resume=True, progress=False)) == [0, 1, 4, 9, 16, 25]
    assert logged(log) == [0, 1, 1, 2, 3, 4, 5]
    # all there: nothing is measured, and a smaller run returns its own
    assert squares(run(experiment, smoke, tmp_path / "out", resume=True, progress=False)) == [0, 1]
    assert len(logged(log)) == 7
    assert len(load_records(experiment, tmp_path / "out")) == 6
    assert not capfd.readouterr().err


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors(tmp_path: Path, kind: str) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    config = experiment.config() | {"log": str(tmp_path / "log")}
    executor: Executor
    if kind == "threads":
        executor = ThreadPoolExecutor(2)
    else:
        # a fresh interpreter knows of the experiment's module only by its file
        executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    with executor:
        found = run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    assert squares(found) == [0, 1, 4, 9, 16, 25]
    assert logged(tmp_path / "log") == list(range(6))
    alone = run(experiment, config, tmp_path / "alone", progress=False)
    assert [(r["id"], r["result"]) for r in found] == [(r["id"], r["result"]) for r in alone]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failing_unit_keeps_what_was_measured(tmp_path: Path, workers: int) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    config = experiment.config() | {"broken": 2, "pause": 0.05, "count": 40, "log": str(tmp_path / "log")}
    executor = ThreadPoolExecutor(workers) if workers else None
    with pytest.raises(ZeroDivisionError) as caught:
        run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    assert '"n": 2' in caught.value.__notes__[0]
    if executor is not None:
        executor.shutdown()
    found = squares(load_records(experiment, tmp_path / "out"))
    assert {0, 1} <= {math.isqrt(square) for square in found}
    # every unit that was begun was recorded, but for the one that failed; the rest was given up
    assert sorted([*found, 4]) == [n * n for n in logged(tmp_path / "log")]
    assert len(found) < 10


def test_kills_cost_units_in_flight_only(tmp_path: Path) -> None:
    put(tmp_path)
    code = (
        "import sys; from slt.runner import *\n"
        "e = find_experiment('squares', sys.argv[1])\n"
        "run(e, e.config() | {'pause': 0.02, 'count': 30, 'log': sys.argv[1] + '/log'}, sys.argv[1], resume=True)"
    )
    path, log = tmp_path / "records.jsonl", tmp_path / "log"
    for number, kill in ((3, signal.SIGKILL), (10, signal.SIGINT)):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
        while not (path.exists() and path.read_bytes().count(b"\n") >= number):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(kill)
        process.communicate()
        assert process.returncode == -kill
        # all that was begun is recorded, but for the one unit in flight
        recorded = [record["config"]["n"] for record in Records(path)]
        assert number <= len(recorded) < 30
        assert len(set(logged(log)) - set(recorded)) <= 1
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    assert [record["result"]["square"] for record in Records(path).load()] == [n * n for n in range(30)]
    assert len(logged(log)) <= 32


def test_an_experiment_may_import_files_beside_it(tmp_path: Path) -> None:
    """Those of its own folder, also after one of the same name from another; in other processes too."""
    source = SOURCE.replace("import Experiment\n", "import Experiment\nfrom .parts import POWER\n").replace(
        "** 2", "** POWER"
    )
    for name, power in (("a", 2), ("b", 3)):
        folder = put(tmp_path / name, source=source) / "experiments" / "squares"
        (folder / "parts.py").write_text(f"POWER = {power}")
        experiment = load_experiment(folder / "experiment.py")
        for executor in (None, ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))):
            into = tmp_path / f"{name} {executor is None}"
            records = run(experiment, experiment.config(), into, executor=executor, progress=False)
            assert squares(records) == [n**power for n in range(6)]


def test_units_are_distinct_and_some(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    with pytest.raises(InputError, match="no unit"):
        run(experiment, experiment.config() | {"count": 0}, tmp_path / "out")
    twice = SOURCE.replace("for n in range(config", "for n in [1] * (config")
    experiment = find_experiment("squares", put(tmp_path / "twice", source=twice))
    with pytest.raises(InputError, match="comes twice"):
        run(experiment, experiment.config(), tmp_path / "out")
    with pytest.raises(RecordError, match="does not exist; run `slt run squares` first"):
        load_records(experiment, tmp_path / "out")


DEFAULTS = {
    "width": 8,
    "error": 0.5,
    "on": True,
    "law": "uniform",
    "sizes": [1, 2],
    "scales": [1, 0.5],
    "any": None,
    "mixed": [1, "a"],
    "empty": [],
    "deep": {"a": 1},
}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width=9", 9),
        ("error=1", 1.0),
        ("error=1e-3", 1e-3),
        ("error=Infinity", math.inf),
        ("on=false", False),
        ("law=normal", "normal"),
        ('law="3"', "3"),
        ("law=3=4", "3=4"),
        (" sizes = [3,4,5]", [3, 4, 5]),
        ("scales=[2, 0.1]", [2.0, 0.1]),
        ("any=word", "word"),
        ('any={"b": [1]}', {"b": [1]}),
        ('mixed=["b"]', ["b"]),
        ("empty=[1]", [1]),
        ('deep={"c": 2}', {"c": 2}),
    ],
)
def test_settings(setting: str, value: object) -> None:
    changed = with_settings(DEFAULTS, [setting])
    key = setting.split("=")[0].strip()
    assert changed == DEFAULTS | {key: value}
    assert repr(changed[key]) == repr(value)
    assert with_settings(DEFAULTS, ["width=1", "width=2"])["width"] == 2


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("width", "write --set key=value"),
        ("widht=3", r"no setting 'widht' \(did you mean 'width'\?\); known: width, error"),
        ("width=3.5", "a whole number like 8 is needed; 3.5 is a number"),
        ("width=true", "is a truth value"),
        ("width=many", "'many' is a text"),
        ("on=1", "a truth value"),
        ("error=NaN", "NaN"),
        ("sizes=[1, 2.5]", "a whole number like 1"),
        ("sizes=3", "a list like"),
        ("scales=[NaN]", "NaN"),
    ],
)
def test_settings_refused(setting: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        with_settings(DEFAULTS, [setting])


def test_experiments_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    put(tmp_path, "more_squares", SOURCE.replace('"squares"', '"more-squares"'))
    folder = tmp_path / "experiments"
    monkeypatch.chdir(tmp_path)
    assert list(find_experiments()) == ["more-squares", "squares"]
    assert list(find_experiments(folder)) == ["more-squares", "squares"]
    for path in (folder / "squares", folder / "squares" / "experiment.py"):
        (found,) = find_experiments(path).values()
        assert found.file == (folder / "squares" / "experiment.py").resolve()
    with pytest.raises(InputError, match=r"no experiment 'sqares' \(did you mean 'squares'\?\); known: more"):
        find_experiment("sqares")
    monkeypatch.chdir(folder / "squares")
    with pytest.raises(DataError, match=r"none found as .*experiments.*--path"):
        find_experiments()
    with pytest.raises(InputError, match="does not exist"):
        find_experiments(tmp_path / "absent")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import absent_library", "ModuleNotFoundError"),
        ("EXPERIMENT = 3", "defines no EXPERIMENT"),
        (SOURCE, "named 'squares', its folder 'broken'"),
    ],
)
def test_a_broken_experiment_is_named(tmp_path: Path, source: str, told: str) -> None:
    put(put(tmp_path), "broken", source)
    with pytest.raises(DataError, match=told) as caught:
        find_experiments(tmp_path)
    assert str(Path("broken", "experiment.py")) in str(caught.value)
    # and stands in nobody's way
    assert find_experiment("squares", tmp_path).name == "squares"
