"""The experiment on stacks of blocks: its committed slopes, and the pieces of its law."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slt
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.collapsed_transformer import CollapsedTransformer
from slt.laws import error_quantile
from slt.laws.item_laws import UNIFORM_PRODUCT
from slt.records import Record, Records
from slt.runner import load_experiment

FOLDER = Path(__file__).parents[2] / "experiments" / "transformer-law"


@pytest.fixture(scope="module")
def experiment() -> Any:
    return load_experiment(FOLDER / "experiment.py")


@pytest.fixture(scope="module")
def module(experiment: Any) -> Any:
    return sys.modules[type(experiment).__module__]


@pytest.fixture(scope="module")
def networks(experiment: Any) -> Any:
    return sys.modules[type(experiment).__module__ + ".networks"]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return Records(FOLDER / "records.jsonl").load("transformer-law")


def test_committed_slopes_are_those_of_the_law_for_any_number_of_blocks(module: Any, records: list[Record]) -> None:
    """Within 5 % of the law's at widths 40 .. 64, and within 12 % of one bit for two units; bounds in order."""
    for d in (2, 3):
        width, measured, law = module._compared(records, d)
        wide = width >= module.WIDE
        for b in range(4):
            slope = module._slope(width[wide], measured["sampled"][wide, b, 1, 0])
            assert slope == pytest.approx(module._slope(width[wide], law[wide, b, 1]), rel=0.05)
            assert slope == pytest.approx(-0.5, rel=0.12)
    assert all(r["result"]["certified_below_sampled"] == 0 for r in records)
    assert all(r["config"]["seeds"] >= 100 for r in records)


def test_gains_are_the_derivative_of_the_stack(networks: Any) -> None:
    key = slt.Key(3) / "test"
    target = networks.transformer(2, 2, key)
    x = networks.sequences(2, 3, 4, 1.0, key / "x")
    effects = networks.gains(target, x)
    ticket = slt.find_ticket(target, width=20, seed=4, inputs=slt.Ball(1.0))
    wanted = networks.entries_of(target)
    found = []
    for attention, feed in ticket.collapsed().blocks:
        (layer,) = feed.layers
        found += [attention.query_key[0], attention.value_output[0], layer.positive, layer.negative]
    moves = np.stack(found).ravel() - wanted
    assert moves.shape == effects.shape[2:]
    step = 1e-6 / np.abs(moves).max()
    shifted = wanted + step * moves
    blocks = []
    for A, C, P, N in shifted.reshape(2, 4, 2, 2):
        merged = slt.AttentionTarget.from_arrays([A * np.sqrt(2)], [np.eye(2)], [C], [np.eye(2)]).merged()
        blocks.append((merged, CollapsedNetwork((CollapsedLayer(P, N, np.zeros(2), False),))))
    change = CollapsedTransformer(tuple(blocks)).forward(x) - target.forward(x)
    np.testing.assert_allclose(effects @ (step * moves), change.reshape(-1, 2), atol=1e-9)


def test_sampled_residuals_have_the_quantiles_of_the_law(networks: Any) -> None:
    """20,000 draws of one sum with 14 items, median within 3 % (its standard error is 1 %)."""
    drawn = np.abs(networks._sample(0.4, np.full(20_000, 14), np.random.default_rng(1)))
    assert np.median(drawn) == pytest.approx(float(error_quantile(0.5, 14, 0.4, UNIFORM_PRODUCT)), rel=0.03)
    assert np.all(np.abs(networks._sample(0.4, np.zeros(5, dtype=np.int64), np.random.default_rng(1))) == 0.4)


def test_targets_of_fewer_blocks_are_the_first_of_more(networks: Any) -> None:
    few, many = (networks.transformer(3, b, slt.Key(1)) for b in (2, 4))
    for block, same in zip(few.blocks, many.blocks, strict=False):
        np.testing.assert_array_equal(block.attention.query, same.attention.query)
        assert 0.99 < np.linalg.norm(block.feed_forward.layers[0].weight, 2) <= 1
