"""The command line: what it prints, what it writes, and that its exit status never lies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import slt
from slt.cli import main
from slt.constructions import CONSTRUCTIONS

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main.main(args=[str(a) for a in arguments], prog_name="slt")
    return int(exit_.value.code or 0)


@pytest.fixture
def ticket(tmp_path):
    return slt.find_ticket(nn.Linear(3, 2), width=12, seed=1).save(tmp_path / "a.slt")


@pytest.mark.parametrize(
    "command", [[], ["demo"], ["list"], ["run"], ["plot"], ["report"], ["data"], ["ticket"], ["ticket", "show"]]
)
def test_every_command_has_help(command, capsys):
    assert call(*command, "--help") == 0
    assert "Usage: slt" in capsys.readouterr().out


def test_a_ticket_file_is_shown_and_verified(ticket, capsys):
    assert call("ticket", "show", ticket) == 0
    shown = capsys.readouterr().out
    assert "seed 1" in shown and "entropy bound" in shown
    assert call("ticket", "verify", ticket) == 0
    assert "bit for bit" in capsys.readouterr().out


def test_a_damaged_or_missing_ticket_is_status_2(ticket, tmp_path, capsys):
    ticket.write_bytes(ticket.read_bytes()[:-1])
    for file in (ticket, tmp_path / "absent.slt"):
        for command in ("show", "verify"):
            assert call("ticket", command, file) == 2
            error = capsys.readouterr().err
            assert error.startswith("slt: loading a ticket") and "Traceback" not in error


def test_a_failed_verification_is_status_1(ticket, monkeypatch, capsys):
    from slt.tickets import two_layer_source

    monkeypatch.setattr(two_layer_source.TwoLayerSource, "masked", lambda self, name, masks: self.draw(name))
    assert call("ticket", "verify", ticket) == 1
    assert "not source times mask" in capsys.readouterr().err


def test_constructions_are_listed_with_theorem_depth_law_and_status(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no experiments are needed for it
    assert call("list", "constructions") == 0
    listed = capsys.readouterr().out
    for construction in CONSTRUCTIONS:
        for text in (construction.__name__, construction.theorem, construction.depth, construction.law):
            assert text in listed
        assert construction.status in listed
    assert "edge-popup" not in listed
    assert call("list", "theorems") == 2


def test_experiments_are_listed_run_resumed_and_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SLT_DATA", "")
    assert call("list", "--path", ROOT) == 0
    listed = capsys.readouterr().out
    assert "TwoLayerSum" in listed
    for name in ("mnist", "mlp-law", "needed-width", "subset-sum-law"):
        assert name in listed
    run = ["run", "needed-width", "--smoke", "--path", ROOT, "--into", tmp_path]
    assert call(*run) == 0
    first = (tmp_path / "records.jsonl").read_bytes()
    assert call(*run) == 2
    assert "--resume" in capsys.readouterr().err
    assert call(*run, "--resume") == 0
    assert (tmp_path / "records.jsonl").read_bytes() == first
    assert call("plot", "needed-width", "--path", ROOT, "--from", tmp_path, "--into", tmp_path / "again") == 0
    assert (tmp_path / "again" / "needed-width.png").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "nothing", "--path", ROOT], "nothing"),
        (["run", "needed-width", "--path", ROOT, "--set", "seedz=3"], "seed"),
        (["run", "needed-width", "--path", "/nonexistent"], "--path"),
        (["demo", "--data", "/nonexistent"], "mnist"),
        (["demo", "--width", "x"], "integer"),
        (["frobnicate"], "No such command"),
        (["ticket", "show"], "Missing argument"),
    ],
)
def test_bad_input_is_status_2_and_says_why(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    said = capsys.readouterr()
    assert text in said.err and "Traceback" not in said.err + said.out
    assert not any(tmp_path.rglob("*.slt"))


SQUARES = """
from slt.runner import Experiment

class Squares(Experiment):
    name = "squares"
    claim = "n times n is n squared"
    default_config = {"count": 4, "seed": 0}
    smoke_config = {"count": 2}

    def units(self, config):
        return [{"n": n, "seed": config["seed"]} for n in range(config["count"])]

    def measure(self, unit):
        return {"square": unit["n"] ** 2}

    def figure(self, records, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "squares.txt").write_text(f"{len(records)}")
        return [folder / "squares.txt"]

    def summary(self, records):
        return f"{len(records)} squares"

EXPERIMENT = Squares()
"""


@pytest.fixture
def squares(tmp_path, monkeypatch):
    file = tmp_path / "experiments" / "squares" / "experiment.py"
    file.parent.mkdir(parents=True)
    file.write_text(SQUARES)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "squares"


def test_runs_of_several_seeds_are_drawn_one_by_one(squares, capsys):
    assert call("run", "squares", "--seeds", "0-1,5", "--workers", "1") == 0
    told = capsys.readouterr().out
    assert [f"seed {seed}\n4 squares" in told for seed in (0, 1, 5)] == 3 * [True]
    assert sorted(p.name for p in squares.iterdir()) == ["records.jsonl", "seed-0", "seed-1", "seed-5"]
    assert call("plot", "squares", "--from", squares, "--into", squares / "again") == 0
    assert (squares / "again" / "seed-5" / "squares.txt").read_text() == "4"


def test_parts_of_a_run(squares, capsys):
    assert call("run", "squares", "--shard", "1/2") == 0
    assert "part 1/2 of squares: 2 units recorded" in capsys.readouterr().out
    assert not (squares / "squares.txt").exists()
    assert call("run", "squares", "--shard", "2/2", "--resume") == 0
    assert call("plot", "squares") == 0
    assert "4 squares" in capsys.readouterr().out


def test_a_dry_run_measures_a_few_and_writes_nothing(squares, capsys):
    assert call("run", "squares", "--dry-run", "--workers", "3") == 0
    told = capsys.readouterr().out
    assert "4 units, 4 of them to be measured, by 3 workers" in told and "GiB" in told and "a pilot of 4" in told
    assert not squares.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seeds", "1-"], "is no seed"),
        (["--shard", "3/2"], "taking part 3 of 2"),
        (["--workers", "0"], "at least 1 is needed"),
        (["--on", "slurm://x"], "dask://ADDRESS is known"),
        (["--on", "dask://127.0.0.1:9", "--workers", "2"], "leave one out"),
        (["--on", "dask://127.0.0.1:9", "--dry-run"], "by --workers N instead"),
        (["--dry-run", "--workers", "0"], "positive numbers are needed"),
        (["--pilot", "3"], "add --dry-run"),
        (["--seeds", "1", "--set", "seed=2"], "leave one out"),
        (["--shard", "1/\u00b2"], "write part/parts"),
    ],
)
def test_bad_options_of_a_run_are_status_2_and_write_nothing(squares, options, told, capsys):
    assert call("run", "squares", *options) == 2
    assert told in capsys.readouterr().err
    assert not squares.exists()


def test_bad_widths_and_tolerances_of_the_demo_leave_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SLT_DATA", "")
    monkeypatch.setattr("slt.demo.HIDDEN", 4)
    for option, value in (("--width", "0"), ("--tolerance", "-1"), ("--tolerance", "nan"), ("--seed", "-1")):
        assert call("demo", option, value, "--into", tmp_path / "x") == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.*"))


def test_the_installed_program_runs(tmp_path):
    program = Path(sys.executable).parent / "slt"
    environment = {**os.environ, "SLT_DATA": ""}
    done = subprocess.run(
        [program, "--version"], check=False, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0 and "0.1.0" in done.stdout
    done = subprocess.run([program, "list"], check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 2 and "--path" in done.stderr
