"""The experiment on rotary attention: its committed slopes, and the derivative that its law uses."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slt
from slt.records import Records
from slt.runner import load_experiment

FOLDER = Path(__file__).parents[2] / "experiments" / "rotary-law"


@pytest.fixture(scope="module")
def experiment() -> Any:
    return load_experiment(FOLDER / "experiment.py")


@pytest.fixture(scope="module")
def networks(experiment: Any) -> Any:
    return sys.modules[type(experiment).__module__ + ".networks"]


def test_committed_slopes_are_those_of_the_law(experiment: Any) -> None:
    """Within 8 % at every d and d_K, widths 12 .. 26, and within 12 % of -ln 2 / (d d_K); bounds in order."""
    module = sys.modules[type(experiment).__module__]
    records = module._cases(Records(FOLDER / "records.jsonl").load("rotary-law"))
    assert [(r["config"]["d"], r["config"]["head_size"]) for r in records] == [(2, 2), (2, 4), (3, 2), (3, 4)]
    for record in records:
        unit, result = record["config"], record["result"]
        assert (unit["widths"][0], unit["widths"][-1]) == (12, 26) and unit["seeds"] >= 200
        size = unit["d"] * unit["head_size"]
        keys = size * np.array(unit["widths"])
        for name in ("residual", "sampled"):
            slope = module._slope(keys, np.array(result[name])[:, 1, 0])
            assert slope == pytest.approx(module._slope(keys, np.array(result["law"][name])[:, 1]), rel=0.08)
            assert slope == pytest.approx(-math.log(2) / size, rel=0.12)
        assert result["certified_below_sampled"] == 0


def test_gains_are_the_derivative_of_the_outputs(networks: Any) -> None:
    key = slt.Key(4) / "test"
    target = networks.rotary(3, 4, key)
    x = networks.sequences(3, 4, 5, 1.7, key / "x")
    merged, step = target.merged(), 1e-6
    moves = np.random.default_rng(0).standard_normal(networks.entries(target).size)
    first, second, third = np.split(step * moves, np.cumsum([merged.cosine.size, merged.sine.size]))
    moved = replace(
        merged,
        cosine=merged.cosine + first.reshape(merged.cosine.shape),
        sine=merged.sine + second.reshape(merged.sine.shape),
        value_output=merged.value_output + third.reshape(merged.value_output.shape),
    )
    change = (moved.forward(x) - merged.forward(x)).reshape(-1, 3) / step
    np.testing.assert_allclose(networks.gains(target, x) @ moves, change, atol=1e-4)
    assert np.linalg.norm(target.query, 2, axis=(1, 2)).max() <= 1
