"""Partly frozen sources: no selector keeps what was removed, or drops what was locked in, unnoticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from slt.errors import InputError
from slt.search import (
    BernoulliSupermask,
    ConcreteTicketSearch,
    FrozenSource,
    GemMiner,
    LayerWise,
    Linear,
    Preset,
    SignedSupermask,
    fit,
)
from slt.search.frozen import RandomlyFrozen
from slt.search.moment import Moment

BATCHES = [(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 3)] * 2


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    "preset", [SignedSupermask(), GemMiner(0.5), BernoulliSupermask(), ConcreteTicketSearch(0.5)], ids=str
)
def test_selectors_that_do_not_heed_a_frozen_source_refuse_it(preset: Preset) -> None:
    method = replace(preset.method(), frozen=RandomlyFrozen(0.3, 0.3))
    with pytest.raises(InputError, match="partly frozen source"):
        fit(model(), BATCHES, method, epochs=2)


@pytest.mark.parametrize("start", [1.0, 0.1])
@pytest.mark.parametrize("together", [True, False])
def test_a_ramp_cannot_start_where_frozen_weights_would_be_overruled(start: float, together: bool) -> None:
    preset = FrozenSource(Linear(0.5, start=start))
    preset = preset if together else replace(preset, budget=LayerWise())
    with pytest.raises(InputError, match="not removed"):
        fit(model(), BATCHES, preset, epochs=2)


def test_a_ramp_in_a_frozen_source_heeds_it_at_every_step() -> None:
    found = fit(model(), BATCHES, FrozenSource(Linear(0.4, start=0.7)), epochs=2)
    for step in range(4):
        for layer, selection in zip(found.network.layers, found.network.select(Moment(step, 2, 2)), strict=True):
            assert layer.frozen is not None
            mask = selection.hard(layer)
            assert not mask[layer.frozen < 0].any() and mask[layer.frozen > 0].all()
