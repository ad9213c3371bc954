"""The comparison of solvers, in small: competitors that are right, one that claims too much, one too slow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.subset_sum import comparison, figure, tables
from benchmarks.subset_sum.competitors import COMPETITORS, Answer, Competitor, numpy_halves
from slt.subset_sum import solve

ONE = """
import sys
import numpy as np
from benchmarks.subset_sum.comparison import instances
from benchmarks.subset_sum.competitors import COMPETITORS
from slt.subset_sum import solve
competitor = next(c for c in COMPETITORS if c.name == sys.argv[1])
items, targets = instances(8, 3)
best = np.abs(solve(items, targets).residual_lattice)
for k in range(3):
    answer = competitor.solve(items[k], int(targets[k]), 20.0)
    assert answer.claimed and abs(int(items[k][answer.mask].sum()) - int(targets[k])) == best[k]
"""


@pytest.mark.parametrize("competitor", COMPETITORS, ids=lambda c: c.name)
def test_competitors_find_small_optima(competitor):
    """Each in a process of its own: OR-tools and cvxpy's highspy bring libraries that exclude each other."""
    if competitor.missing():
        pytest.skip(f"{competitor.package} is not installed")
    here = Path(__file__).parents[2]
    command = [sys.executable, "-c", ONE, competitor.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, check=False)
    assert done.returncode == 0, done.stderr


def test_numpy_halves_is_exact():
    rng = np.random.default_rng(0)
    for n in range(1, 15):
        items = rng.integers(-(2**40), 2**40, n)
        target = int(rng.integers(-(2**40), 2**40))
        answer = numpy_halves(items, target, 1.0)
        error = abs(int(items[answer.mask].sum()) - target)
        assert error == abs(int(solve(items[None], [target]).residual_lattice[0]))


def test_rows_say_what_was_false_and_what_was_late(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "BATCH", {10: 20})
    empty = Competitor("empty", "numpy", lambda items, target, seconds: Answer(np.zeros(len(items), dtype=bool), True))
    late = Competitor("late", "numpy", lambda items, target, seconds: Answer(None, False))
    right = Competitor("right", "numpy", numpy_halves)
    rows = [comparison.measure(c, 10, rounds=3) for c in (right, empty, late)]
    assert [len(r.seconds) for r in rows] == [3, 3, comparison.PATIENCE]
    assert [r.over for r in rows] == [0, 0, 2] and [len(r.false()) for r in rows] == [0, 3, 0]
    assert min(rows[1].false()) > 1
    text = tables.text(rows)
    assert "| 0 of 3 | 3 of 3, by " in text and "none called optimal" in text and "over 20 s" in text
    monkeypatch.setattr(comparison, "RECORDS", tmp_path / "rows.jsonl")
    comparison.write(rows)
    assert comparison.read() == rows and "cores" in json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    monkeypatch.setattr(figure, "COLOURS", {"right": "C1", "empty": "C2", "late": "C3"})
    figure.draw(rows, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 10_000 and (tmp_path / "figure.svg").exists()


def test_a_missing_package_is_found_out():
    assert Competitor("none", "no_such_package_here", numpy_halves).missing()
