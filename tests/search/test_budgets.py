"""Budgets, schedules and groups of weights: exact counts, whatever the sizes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.search import (
    Blocks,
    Budget,
    Constant,
    Cubic,
    EdgePopup,
    EqualPerLayer,
    ErdosRenyi,
    Geometric,
    Granularity,
    LayerWise,
    Linear,
    Rows,
    Schedule,
    fit,
)
from slt.search.maskable import Maskable
from slt.search.moment import Moment
from tests.search.search_models import KINDS

shapes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6)
densities = st.floats(0.01, 1.0)


def _layers(sizes: list[tuple[int, int]]) -> list[Maskable]:
    return [Maskable(f"{i}.weight", shape, shape[1], shape[0]) for i, shape in enumerate(sizes)]


@given(shapes, densities, st.sampled_from([LayerWise(), ErdosRenyi(), EqualPerLayer()]))
def test_budgets_share_the_density_out(sizes: list[tuple[int, int]], density: float, budget: Budget) -> None:
    layers = _layers(sizes)
    found = budget.densities(layers, density)
    assert all(0 < d <= 1 for d in found)
    total = sum(layer.size for layer in layers)
    assert math.isclose(sum(d * x.size for d, x in zip(found, layers, strict=True)), density * total, rel_tol=1e-9)
    # layers that are not full have their rule's proportions
    weights = {
        LayerWise: [1.0 for _ in layers],
        ErdosRenyi: [sum(x.shape) / x.size for x in layers],
        EqualPerLayer: [1 / x.size for x in layers],
    }[type(budget)]
    ratios = [d / w for d, w in zip(found, weights, strict=True) if d < 1]
    assert np.allclose(ratios, ratios[:1], rtol=1e-9)


def test_erdos_renyi_keeps_thin_layers() -> None:
    found = ErdosRenyi().densities(_layers([(300, 784), (100, 300), (10, 100)]), 0.1)
    assert found[0] < 0.1 < found[1] < found[2] <= 1


def test_overrides_go_by_name() -> None:
    budget = LayerWise((("0.*", 1.0), ("*.bias", 0.5)))
    assert budget.densities(_layers([(2, 2), (3, 3)]), 0.2) == [1.0, 0.2]
    kind = KINDS["mlp"]
    found = fit(kind.model(), kind.batches(), EdgePopup(0.25, budget=budget), epochs=1)
    assert [int(m.count_nonzero()) for m in found.last.masks.values()] == [64, 16, 6]


@pytest.mark.parametrize("schedule", [Linear(0.2), Cubic(0.2), Geometric(0.2), Cubic(0.2, 0.8, 1.0), Constant(0.2)])
def test_schedules_end_where_they_say(schedule: Schedule) -> None:
    told = [schedule.density(Moment(step, 5, 4)) for step in range(21)]
    assert all(a >= b for a, b in itertools.pairwise(told)) and told[-1] == pytest.approx(0.2)
    assert told[0] == {Constant: 0.2}.get(type(schedule), getattr(schedule, "start", 0.2))
    assert schedule.density(Moment(0, 5, 4, training=False)) == pytest.approx(0.2)
    kind = KINDS["mlp"]
    found = fit(kind.model(), kind.batches(), EdgePopup(schedule), epochs=3, validation=kind.batches())
    # what is read off has the final density, at every epoch
    assert {e.density for e in found.history} == {(13 + 13 + 5) / 152}
    found.verify()


@pytest.mark.parametrize("granularity", [Rows(), Blocks(2, 3), Blocks(3, 2), Blocks(100, 100)])
@pytest.mark.parametrize("kind", ["mlp", "conv", "embedding"])
def test_groups_are_kept_or_removed_together(kind: str, granularity: Granularity) -> None:
    made = KINDS[kind]
    method = replace(EdgePopup(0.5, budget=LayerWise()).method(), granularity=granularity)
    if isinstance(granularity, Blocks) and granularity.rows == 100:
        method = replace(EdgePopup(1.0).method(), granularity=granularity)
    found = fit(made.model(), made.batches(), method, epochs=2)
    for layer in found.network.layers:
        mask = found.last.masks[layer.name]
        groups = torch.arange(layer.scores.numel()).reshape(layer.scores.shape)
        number = granularity.expand(groups, layer.role.shape)
        kept = 0
        for g in range(layer.scores.numel()):
            values = mask[number == g].unique()
            assert values.numel() == 1
            kept += int(values)
        assert kept == round(method.selector.density.final * layer.scores.numel())  # type: ignore[attr-defined]
        # a group's score gets the sum of what its weights would get
        values = torch.randn(layer.role.shape, generator=torch.Generator().manual_seed(0))
        leaf = torch.zeros(layer.scores.shape, requires_grad=True)
        (granularity.expand(leaf, layer.role.shape) * values).sum().backward()
        assert leaf.grad is not None
        assert torch.allclose(leaf.grad, granularity.reduce(values), rtol=1e-5, atol=1e-6)
    found.verify()
