"""Searches of one random network that start from other scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from slt.architectures import lenet
from slt.errors import CheckpointError
from slt.search import Batches, BernoulliSupermask, EdgePopup, IteRand, fit
from slt.search.found import Found
from slt.search.masked_network import MaskedNetwork
from slt.search.method import Preset
from slt.search.moment import Moment

MODEL = lenet(7, inputs=5, classes=3)


def loader() -> Batches:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=draws)
    return Batches(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long(), batch=8)


def weights_of(found: Found) -> list[torch.Tensor]:
    return [layer.weights for layer in found.network.layers]


def test_the_weights_stay_and_the_scores_change() -> None:
    first, second = (MaskedNetwork(MODEL, EdgePopup(0.5).method(), 3, score_seed=seed) for seed in (None, 8))
    assert (first.score_seed, second.score_seed) == (3, 8)
    other = MaskedNetwork(MODEL, EdgePopup(0.5).method(), 8)
    for a, b, c in zip(first.layers, second.layers, other.layers, strict=True):
        assert torch.equal(a.weights, b.weights)
        assert not torch.equal(a.scores, b.scores)
        assert not torch.equal(a.weights, c.weights)
        assert torch.equal(b.scores, c.scores)


def test_the_seed_itself_as_score_seed_is_the_default() -> None:
    first, second = (fit(MODEL, loader(), EdgePopup(0.5), 2, seed=3, score_seed=seed) for seed in (None, 3))
    assert first.last.digest == second.last.digest


@pytest.mark.parametrize("method", [EdgePopup(0.5), IteRand(0.5, every=4), BernoulliSupermask()])
def test_both_searches_end_in_verified_tickets_of_one_source(method: Preset) -> None:
    first, second = (fit(MODEL, loader(), method, 2, seed=3, score_seed=seed) for seed in (None, 8))
    assert first.last.digest != second.last.digest
    assert first.verify() and second.verify()
    if not method.method().events:
        assert all(torch.equal(a, b) for a, b in zip(weights_of(first), weights_of(second), strict=True))


def test_frozen_weights_are_those_of_the_seed() -> None:
    from slt.search import FrozenSource

    method = FrozenSource(0.5).method()
    first, second = (MaskedNetwork(MODEL, method, 3, score_seed=seed) for seed in (None, 8))
    for a, b in zip(first.layers, second.layers, strict=True):
        assert a.frozen is not None and b.frozen is not None
        assert torch.equal(a.frozen, b.frozen)


def test_sampled_masks_follow_the_score_seed() -> None:
    method = BernoulliSupermask().method()
    first, second = (MaskedNetwork(MODEL, method, 3, score_seed=seed) for seed in (None, 8))
    layers = zip(first.layers, first.select(Moment(0, 1, 1)), second.select(Moment(0, 1, 1)), strict=True)
    assert any(not torch.equal(a.hard(layer), b.hard(layer)) for layer, a, b in layers)


def test_a_checkpoint_of_other_scores_is_refused(tmp_path: Path) -> None:
    fit(MODEL, loader(), EdgePopup(0.5), 2, seed=3, checkpoint=tmp_path / "a")
    with pytest.raises(CheckpointError, match="score_seed"):
        fit(MODEL, loader(), EdgePopup(0.5), 2, seed=3, score_seed=8, checkpoint=tmp_path / "a", resume=True)
