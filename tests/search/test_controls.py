"""Controls: what is undone is undone, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from slt.architectures import lenet
from slt.search import (
    Batches,
    BernoulliSupermask,
    Biprop,
    ConcreteTicketSearch,
    EdgePopup,
    FrozenSource,
    IteRand,
    MagnitudeAtStart,
    Multicoated,
    Rows,
    SignedSupermask,
    WeightRecycling,
    fit,
)
from slt.search.controls import (
    CONTROLS,
    ControlNetwork,
    InvertedScores,
    NegatedSigns,
    RandomMasks,
    RedrawnWeights,
    ShuffledInLayers,
    ShuffledInUnits,
    UndoneEvents,
    Unpruned,
    UnprunedAsLeft,
)
from slt.search.found import Found
from slt.search.method import Method, Preset
from slt.search.reading import weights_digest
from slt.weights import Key

KEY = Key(0) / "test"
ROWS = replace(EdgePopup(0.5).method(), granularity=Rows())
METHODS = [
    EdgePopup(0.4),
    Biprop(0.3),
    SignedSupermask(density=0.3),
    SignedSupermask(),
    Multicoated((0.6, 0.3)),
    FrozenSource(0.5),
    ConcreteTicketSearch(0.3),
    BernoulliSupermask(),
    BernoulliSupermask(sampled=True),
    IteRand(0.5, every=3),
    WeightRecycling(0.5, every=1),
    MagnitudeAtStart(0.3),
    ROWS,
]


def searched(method: Method | Preset, epochs: int = 3) -> Found:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(32, 6, generator=draws)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return fit(lenet(9, inputs=6, classes=3), Batches(x, y, batch=8), method, epochs, seed=2)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_the_ticket_among_its_controls_is_the_ticket(method: Method | Preset) -> None:
    found = searched(method)
    ticket = ControlNetwork.of(found)
    assert weights_digest(ticket.weights(found)) == found.last.digest
    for control in CONTROLS:
        if control.applies(found):
            first, second = (control.network(found, KEY).weights(found) for _ in range(2))
            assert weights_digest(first) == weights_digest(second)
            assert all(w.isfinite().all() for w in first.values())
            assert not any((w == 0).logical_and(w.signbit()).any() for w in first.values())
    # and the search is left as it was
    assert weights_digest(ControlNetwork.of(found).weights(found)) == found.last.digest


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_shuffles_keep_what_they_say(method: Method | Preset) -> None:
    found = searched(method)
    ticket = ControlNetwork.of(found)
    shuffled = ShuffledInLayers().network(found, KEY)
    for a, b in zip(ticket.masks, shuffled.masks, strict=True):
        assert torch.equal(a.reshape(-1).sort().values, b.reshape(-1).sort().values)
    assert any(not torch.equal(a, b) for a, b in zip(ticket.masks, shuffled.masks, strict=True))
    rows = ShuffledInUnits().network(found, KEY)
    for a, b in zip(ticket.masks, rows.masks, strict=True):
        assert torch.equal(
            a.reshape(len(a), -1).sort(dim=1).values,
            b.reshape(len(b), -1).sort(dim=1).values,
        )
    assert ShuffledInUnits().applies(found) == (method is not ROWS)
    other = ShuffledInLayers().network(found, KEY / "other")
    assert any(not torch.equal(a, b) for a, b in zip(other.masks, shuffled.masks, strict=True))


def test_random_masks_have_the_densities_of_the_layers() -> None:
    """A layer of 20,000 places, one draw: within 5 deviations, which fails with probability 6e-7."""
    model = lenet(200, inputs=100, classes=2)
    found = fit(model, [(torch.zeros(1, 100), torch.zeros(1).long())], SignedSupermask(density=0.3), 0, seed=2)
    ticket, drawn = ControlNetwork.of(found), RandomMasks().network(found, KEY)
    for value in (-1, 0, 1):
        wanted, got = ((network.masks[0] == value).double().mean() for network in (ticket, drawn))
        assert abs(float(got - wanted)) < 5 * (float(wanted) * (1 - float(wanted)) / 20_000) ** 0.5


def test_redrawn_weights_are_other_draws_of_the_law_under_the_same_mask() -> None:
    found = searched(EdgePopup(0.4))
    drawn = RedrawnWeights().network(found, KEY)
    for old, new, mask in zip(found.network.layers, drawn.layers, drawn.masks, strict=True):
        assert torch.equal(mask, found.last.masks[old.name].float())
        assert torch.equal(old.weights.abs(), new.weights.abs())  # signed constants
        assert not torch.equal(old.weights, new.weights)


def test_inverted_scores_keep_the_lowest() -> None:
    found = searched(EdgePopup(0.4))
    inverted = InvertedScores().network(found, KEY)
    for layer, mask in zip(inverted.layers, inverted.masks, strict=True):
        scores, kept = layer.scores.detach().abs(), mask > 0
        assert int(kept.sum()) == int(found.last.masks[layer.name].sum())
        assert scores[kept].max() <= scores[~kept].min()


def test_inverted_coats_give_the_most_coats_to_the_lowest() -> None:
    found = searched(Multicoated((0.6, 0.3)))
    inverted = InvertedScores().network(found, KEY)
    for layer, mask in zip(inverted.layers, inverted.masks, strict=True):
        rising = mask.reshape(-1)[layer.scores.detach().abs().reshape(-1).argsort(stable=True)]
        assert torch.equal(rising, rising.sort(descending=True).values)
        assert int(rising[0]) == 2


@pytest.mark.parametrize("method", [SignedSupermask(density=0.3), SignedSupermask()])
def test_inverted_signed_masks_have_the_signs_of_their_scores(method: Preset) -> None:
    found = searched(method)
    inverted, negated = InvertedScores().network(found, KEY), NegatedSigns().network(found, KEY)
    for layer, mask, other in zip(inverted.layers, inverted.masks, negated.masks, strict=True):
        kept, scores = mask != 0, layer.scores.detach()
        own = found.last.masks[layer.name].float()
        assert int(kept.sum()) == int((own != 0).sum())
        assert torch.equal(mask[kept], torch.where(scores[kept] < 0, -1.0, 1.0))
        assert torch.equal(other, -own)


def test_inverted_bernoulli_masks_are_the_improbable_ones() -> None:
    found = searched(BernoulliSupermask())
    for layer, mask in zip(found.network.layers, InvertedScores().network(found, KEY).masks, strict=True):
        assert torch.equal(mask, 1 - found.last.masks[layer.name].float())


def test_frozen_places_stay_frozen_in_inverted_masks() -> None:
    found = searched(FrozenSource(0.5))
    for layer, mask in zip(found.network.layers, InvertedScores().network(found, KEY).masks, strict=True):
        assert layer.frozen is not None
        assert (mask[layer.frozen > 0] == 1).all() and (mask[layer.frozen < 0] == 0).all()
        assert mask.sum() == found.last.masks[layer.name].sum()


def test_negated_signs_are_for_signed_masks_only() -> None:
    assert not NegatedSigns().applies(searched(EdgePopup(0.4), epochs=1))


@pytest.mark.parametrize("method", [IteRand(0.5, every=3), WeightRecycling(0.5, every=1)])
def test_events_are_undone_and_as_left(method: Preset) -> None:
    found = searched(method)
    assert UndoneEvents().applies(found) and UnprunedAsLeft().applies(found)
    start = fit(lenet(9, inputs=6, classes=3), [(torch.zeros(1, 6), torch.zeros(1).long())], method, 0, seed=2)
    names = [layer.name for layer in found.network.layers]
    undone, unpruned = (c.network(found, KEY).layers for c in (UndoneEvents(), Unpruned()))
    left = UnprunedAsLeft().network(found, KEY).layers
    for i in range(len(names)):
        own = start.network.layers[i].weights
        assert torch.equal(undone[i].weights, own) and torch.equal(unpruned[i].weights, own)
        assert left[i] is found.network.layers[i]
    assert any(not torch.equal(a.weights, b.weights) for a, b in zip(left, undone, strict=True))
    assert not UndoneEvents().applies(searched(EdgePopup(0.4), epochs=1))


def test_the_unpruned_network_is_the_random_one() -> None:
    found = searched(EdgePopup(0.4))
    made = Unpruned().network(found, KEY).weights(found)
    assert all(torch.equal(made[layer.name], layer.weights) for layer in found.network.layers)
