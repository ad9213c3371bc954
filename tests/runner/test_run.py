from __future__ import annotations

import math
import multiprocessing
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from slt.errors import DataError, InputError, RecordError
from slt.records import Records, new_record
from slt.runner import (
    Shard,
    by_seed,
    find_experiment,
    find_experiments,
    load_experiment,
    load_records,
    run,
    with_settings,
)
from slt.runner.code_version import code_version
from slt.runner.settings import seed_list

from .squares import SOURCE, logged, put, squares


def test_run_then_resume(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    log = tmp_path / "log"
    config = experiment.config() | {"log": str(log)}
    smoke = experiment.config(smoke=True) | {"log": str(log)}
    assert squares(run(experiment, smoke, tmp_path / "out")) == [0, 1]
    told = capfd.readouterr()
    assert "squares" in told.err
    assert not told.out
    with pytest.raises(InputError, match=r"holds 2 of its records already, 2 of them of .*--resume.*another folder"):
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


@pytest.mark.parametrize("workers", [0, 2])
def test_with_keep_going_all_other_units_are_measured(tmp_path: Path, workers: int) -> None:
    source = SOURCE.replace('unit["n"] == unit["broken"]', 'unit["n"] in (unit["broken"] or [])')
    experiment = find_experiment("squares", put(tmp_path, source=source))
    config = experiment.config() | {"broken": [1, 4]}
    executor = ThreadPoolExecutor(workers) if workers else None
    with pytest.raises(ZeroDivisionError) as caught:
        run(experiment, config, tmp_path / "out", executor=executor, progress=False, keep_going=True)
    assert caught.value.__notes__[-1] == "1 more units failed"
    assert sorted(squares(load_records(experiment, tmp_path / "out"))) == [0, 4, 9, 25]


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


SEEDED = SOURCE.replace('{"n": n, **', '{"n": n, "seed": config["seed"], **').replace(
    '"count": 6', '"seed": 0, "count": 6'
)


def test_several_seeds(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path, source=SEEDED))
    smoke = experiment.config(smoke=True)
    found = run(experiment, smoke, tmp_path / "out", progress=False, seeds=[3, 1])
    assert [(r["seed"], r["config"]["n"]) for r in found] == [(3, 0), (3, 1), (1, 0), (1, 1)]
    assert [r["id"] for r in run(experiment, smoke | {"seed": 1}, tmp_path / "one", progress=False)] == [
        r["id"] for r in found[2:]
    ]
    with pytest.raises(InputError, match="each unit has to hold the seed it is of, and each seed to come once"):
        run(experiment, smoke, tmp_path, seeds=[1, 1])
    with pytest.raises(InputError, match="none was given"):
        run(experiment, smoke, tmp_path, seeds=[])
    experiment = find_experiment("squares", put(tmp_path / "seedless"))
    with pytest.raises(InputError, match="it has no setting `seed`; its settings are count, pause"):
        run(experiment, experiment.config(smoke=True), tmp_path, seeds=[1])


def test_parts_of_a_run_are_the_run(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    config = experiment.config() | {"log": str(tmp_path / "log")}
    for number in (2, 3, 1):
        run(experiment, config, tmp_path / "out", resume=True, progress=False, shard=Shard.parse(f"{number}/3"))
    assert logged(tmp_path / "log") == list(range(6))
    assert squares(run(experiment, config, tmp_path / "out", resume=True, progress=False)) == [0, 1, 4, 9, 16, 25]
    assert logged(tmp_path / "log") == list(range(6))
    # more parts than units: some are empty
    assert run(experiment, config, tmp_path / "none", progress=False, shard=Shard(9, 9)) == []


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "a/2", "1/", "-1/2", "1.0/2"])
def test_parts_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="taking"):
        Shard.parse(text)


def test_seed_lists() -> None:
    assert seed_list("0-3, 7,5-5") == [0, 1, 2, 3, 7, 5]
    for text in ("", "1,,2", "3-1", "a", "1-", "-1", "1.5"):
        with pytest.raises(InputError, match="is no seed"):
            seed_list(text)
    with pytest.raises(InputError, match="comes twice"):
        seed_list("1-3,2")


def test_two_runs_on_one_file_at_once(tmp_path: Path) -> None:
    """Both measure everything; the file holds whole lines, and the first record of each unit is the one that counts."""
    experiment = find_experiment("squares", put(tmp_path))
    config = experiment.config() | {"count": 40, "pause": 0.001}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = [pool.submit(run, experiment, config, tmp_path / "out", True, None, False) for _ in range(2)]
        assert [squares(each.result()) for each in runs] == 2 * [[n * n for n in range(40)]]
    lines = list(Records(tmp_path / "out" / "records.jsonl"))
    assert 40 <= len(lines) <= 80
    assert {record["config"]["n"] for record in lines} == set(range(40))


def test_the_version_of_the_code_is_that_of_what_was_loaded(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path / "a"))
    assert experiment.code == find_experiment("squares", put(tmp_path / "b")).code != code_version()
    assert experiment.file is not None
    (experiment.file.parent / ".#experiment.py").symlink_to("nobody@host.1:2")  # an editor's lock
    experiment.file.write_text(SOURCE.replace("** 2", "** 3"))
    edited = find_experiment("squares", tmp_path / "a")
    assert edited.code != experiment.code
    # what was loaded before the edit says so in its records, and so does what is loaded after
    old = run(experiment, experiment.config(smoke=True), tmp_path / "old", progress=False)
    new = run(edited, experiment.config(smoke=True), tmp_path / "new", progress=False)
    assert [(squares(records), {r["code"] for r in records}) for records in (old, new)] == [
        ([0, 1], {experiment.code}),
        ([0, 1], {edited.code}),
    ]


def test_a_unit_may_change_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SOURCE.replace('time.sleep(unit["pause"])', "os.chdir('/')")
    experiment = find_experiment("squares", put(tmp_path, source=source))
    monkeypatch.chdir(tmp_path)
    assert len(run(experiment, experiment.config(), "out", progress=False)) == 6
    assert len(list(Records(tmp_path / "out" / "records.jsonl"))) == 6


def test_records_that_vanish_meanwhile_are_told(tmp_path: Path) -> None:
    source = SOURCE.replace(
        'return {"square"', 'Path(unit["broken"]).write_text("") if unit["n"] == 3 else 0\n        return {"square"'
    )
    experiment = find_experiment("squares", put(tmp_path, source=source))
    config = experiment.config() | {"broken": str(tmp_path / "records.jsonl")}
    with pytest.raises(RecordError, match=r"of 6 records are no longer in .*--resume"):
        run(experiment, config, tmp_path, progress=False)


def test_without_standard_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    experiment = find_experiment("squares", put(tmp_path))
    assert len(run(experiment, experiment.config(), tmp_path / "out")) == 6


def test_seeds_of_all_kinds_are_told_apart(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path, source=SEEDED))
    seeds: list[object] = [10, 2, "1", 1, [3], None, "a", 2]
    records = [new_record("squares", {"n": i, "seed": seed}, {}, 0.0) for i, seed in enumerate(seeds)]
    groups = by_seed(experiment, records)
    assert [len(group) for group in groups.values()] == [1, 2, 1, 1, 1, 1, 1]
    assert list(groups)[:3] == [1, 2, 10]


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
