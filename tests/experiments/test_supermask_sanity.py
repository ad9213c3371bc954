"""The experiment of controls and overlaps: a run of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from slt.errors import InputError
from slt.runner import load_experiment, run

FILE = Path(__file__).parents[2] / "experiments" / "supermask-sanity" / "experiment.py"


def test_a_run_of_seconds_tells_a_ticket_from_a_random_mask(tmp_path: Path) -> None:
    experiment = load_experiment(FILE)
    config = experiment.config(smoke=True) | {"seeds": 1}
    records = run(experiment, config, tmp_path, progress=False)
    assert len(records) == 2
    by_method = {record["config"]["method"]: record["result"] for record in records}
    ticket, random = by_method["edge-popup"], by_method["random-mask"]
    assert ticket["verified"] and random["verified"]
    assert ticket["ticket"] > 0.7 > 0.5 > max(max(scores) for scores in ticket["controls"].values())
    assert random["ticket"] < 0.5
    assert all(o["low"] <= o["chance"] <= o["high"] for r in (ticket, random) for o in r["overlaps"])
    files = experiment.figure(records, tmp_path / "figures")
    assert {file.suffix for file in files} == {".png", ".svg"}
    summary = experiment.summary(records)
    assert "scores inverted" in summary and "k/(2 - k) = 0.3333" in summary


def test_the_default_units_and_unknown_names() -> None:
    experiment = load_experiment(FILE)
    units = experiment.units(experiment.config())
    assert len(units) == 5 * 2 * 1
    with pytest.raises(InputError, match="no method"):
        experiment.measure({**experiment.units(experiment.config(smoke=True))[0], "method": "nothing"})
    with pytest.raises(InputError, match="mnist or digits"):
        experiment.measure({**units[0], "data": "nothing"})
