"""The experiment of universal tickets: what its committed records say, and what it counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slt
from slt.constructions import PiecewiseLinear, Univariate
from slt.records import Record, Records
from slt.runner import load_experiment

FOLDER = Path(__file__).parents[2] / "experiments" / "universal-tickets"


@pytest.fixture(scope="module")
def networks() -> Any:
    """The file ``networks.py`` beside the experiment's."""
    return sys.modules[type(load_experiment(FOLDER / "experiment.py")).__module__ + ".networks"]


def committed(**config: Any) -> list[Record]:
    found = Records(FOLDER / "records.jsonl").load("universal-tickets")
    return [r for r in found if config.items() <= r["config"].items()]


def median(record: Record, *path: Any) -> float:
    value = record["result"]
    for key in path:
        value = value[key]
    return float(value[1][0])


def test_committed_blocks_are_at_the_law_of_interpolation_whatever_their_inner_errors() -> None:
    records = committed(measure="univariate", width=48)
    assert {r["config"]["function"] for r in records} == {"sine", "logarithm", "exponential"}
    for r in records:
        error = median(r, "absorbed", "error")
        assert 0.75 * r["result"]["law"] < error < 1.08 * r["result"]["law"]
        assert median(r, "absorbed", "inner_error") > 0.25
        assert median(r, "absorbed", "live") < 0.8 * median(r, "fixed", "live")


def test_committed_features_are_within_bound_and_certificate() -> None:
    records = [*committed(measure="powers"), *committed(measure="product")]
    assert len(records) == 4
    for r in records:
        assert r["result"]["beyond_law_and_certificate"] == 0
        assert np.all(np.array(r["result"]["ideal"]) <= r["result"]["law"])


def test_committed_tasks_of_the_family_are_solved_and_others_are_not_claimed() -> None:
    for basis, own in (("monomials", "polynomials"), ("sines", "sums of sines")):
        (r,) = committed(measure="tasks", basis=basis)
        assert median(r, own, "ticket") < 0.01
        assert median(r, "neither", "ticket") > 0.2
        for family in ("polynomials", "sums of sines", "neither"):
            assert median(r, family, "ticket") == pytest.approx(median(r, family, "ideal"), rel=0.1, abs=2e-3)


def test_live_weights_are_those_on_a_path_to_the_output(networks: Any) -> None:
    """Every other kept weight can be removed, and the function stays: here by hand, on the module."""
    import torch

    function = PiecewiseLinear.of(np.sin, 0.0, 1.0, 4)
    ticket = slt.find_ticket(function, 24, 0, slt.Box(0.0, 1.0), construction=Univariate())
    module = ticket.module(dtype=torch.float64)
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    before, counted = module(x), 0
    for block in (module[0], module[2]):
        first, second = block.first, block.second
        used = (second.weight != 0).any(dim=0)
        with torch.no_grad():
            first.weight[~used] = 0
            first.bias[~used] = 0
        counted += sum(int(torch.count_nonzero(t)) for t in (first.weight, first.bias, second.weight))
    assert torch.equal(module(x), before)
    assert counted == networks.live(ticket) < ticket.kept


def test_random_rows_have_different_coordinates(networks: Any) -> None:
    rows = networks.sparse_rows(50, 9, 3, slt.Key(0))
    assert {len(row) for row in rows} == {1, 2, 3}
    assert all(len(set(row)) == len(row) and min(row) >= 0 and max(row) < 9 for row in rows)


def test_pooling_takes_means_of_blocks(networks: Any) -> None:
    image = np.arange(16.0).reshape(1, 16)
    np.testing.assert_array_equal(networks.pooled(image, 2), [[2.5, 4.5, 10.5, 12.5]])
