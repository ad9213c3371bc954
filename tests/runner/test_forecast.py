"""Forecasts, against what then happens: within a factor of two. The units sleep and fill memory by known amounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from slt.errors import InputError, WorkerError
from slt.records import Records, new_record
from slt.runner import Shard, find_experiment, forecast, load_records, processes, run, units_by_id
from slt.runner.forecast import rough_duration

from .squares import SOURCE, put

FILLING = SOURCE.replace(
    'time.sleep(unit["pause"])',
    'time.sleep(unit["pause"] * (1 + unit["n"]))\n        filled = b"x" * (unit["n"] * 10_000_000)',
).replace("def figure", "def cost(self, unit):\n        return 1 + unit['n']\n\n    def figure")


def test_what_was_never_measured(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path, source=FILLING))
    config = experiment.config() | {"count": 20, "pause": 0.02}
    told = forecast(experiment, config, tmp_path / "out", workers=2, pilot_seconds=0.5)
    assert not (tmp_path / "out").exists()
    assert (told.units, told.left, told.workers, told.recorded) == (20, 20, 2, 0)
    assert told.pilot.records and told.pilot.given_up is None
    with processes(2) as executor:
        found = run(experiment, config, tmp_path / "out", executor=executor, progress=False)
    work = sum(record["seconds"] for record in found)
    assert work / 2 < told.work < 2 * work
    peaks = sorted(record["memory"] for record in found)
    assert told.memory is not None
    assert sum(peaks[-2:]) / 2 < told.memory < 2 * sum(peaks[-2:])
    assert "20 units, 20 of them to be measured, by 2 workers" in str(told) and "told from a pilot of" in str(told)

    # all are recorded: nothing is left, and for other seeds or a fresh folder the records tell
    assert "nothing to do" in str(forecast(experiment, config, tmp_path / "out", workers=2))


def test_recorded_units_tell_the_time_of_a_machine_ten_times_slower(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path, source=FILLING))
    config = experiment.config() | {"count": 12, "pause": 0.02}
    own = Records(tmp_path / "experiments" / "squares" / "records.jsonl")
    for unit in units_by_id(experiment, config).values():
        own.append(new_record("squares", unit, {"square": 0}, 0.002 * (1 + unit["n"]), memory=2**30))
    told = forecast(experiment, config, tmp_path / "out", workers=1, pilot_seconds=1.0)
    assert told.recorded == 12 and 1 <= len(told.pilot.records) <= 8
    assert 0.8 < told.work < 3.2  # 1.56 seconds of sleep, 0.156 by the records
    assert told.memory == 2**30  # the largest, as recorded
    part = forecast(experiment, config, tmp_path / "out", workers=5, shard=Shard(1, 6), pilot_seconds=1.0)
    assert (part.units, part.left) == (2, 2)
    # two units, so two workers; what the pilot measured here is told before what was recorded elsewhere
    assert part.memory is not None and 2**26 < part.memory < 2**30
    assert "records of 2 of them" in str(part)


def test_a_unit_longer_than_the_pilot(tmp_path: Path) -> None:
    source = SOURCE.replace('"count": 2}', '"count": 2, "pause": 0.0}')
    experiment = find_experiment("squares", put(tmp_path, source=source))
    config = experiment.config() | {"count": 3, "pause": 600.0}
    told = forecast(experiment, config, tmp_path / "out", workers=3, pilot_seconds=1.0)
    assert told.pilot.given_up is not None and not told.pilot.records
    assert told.work >= 3 * 2.0
    assert str(told).count("at least") == 2


def test_a_pilot_that_dies(tmp_path: Path) -> None:
    source = SOURCE.replace('raise ZeroDivisionError("broken")', "os.kill(os.getpid(), 9)")
    experiment = find_experiment("squares", put(tmp_path, source=source))
    with pytest.raises(WorkerError, match="the pilot was killed"):
        forecast(experiment, experiment.config() | {"broken": 0}, tmp_path / "out", workers=1)


def test_bad_input(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    for arguments in (
        {"workers": 0},
        *({"workers": 1, "pilot_seconds": s} for s in (0.0, 1e11, float("inf"), float("nan"))),
    ):
        with pytest.raises(InputError, match="positive numbers are needed"):
            forecast(experiment, experiment.config(), tmp_path, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.012, "0.012 s"), (42.4, "42 s"), (119.0, "119 s"), (600.0, "10 min"), (5000.0, "1.4 h"), (1e6, "12 d")],
)
def test_durations(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


def test_records_of_forecasts_are_none(tmp_path: Path) -> None:
    experiment = find_experiment("squares", put(tmp_path))
    forecast(experiment, experiment.config(), tmp_path / "out", workers=1, pilot_seconds=0.5)
    with pytest.raises(OSError, match="does not exist"):
        load_records(experiment, tmp_path / "out")
