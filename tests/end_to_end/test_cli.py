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


@pytest.mark.parametrize("command", [[], ["demo"], ["list"], ["run"], ["plot"], ["ticket"], ["ticket", "show"]])
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
