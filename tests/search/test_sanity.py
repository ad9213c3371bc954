"""The sanity suite: searched masks pass where random ones do not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from slt.architectures import lenet
from slt.data import digits
from slt.errors import InputError
from slt.search import Batches, EdgePopup, Evaluation, RandomMask, WeightRecycling, fit, sanity, search_again, split
from slt.search.controls import CONTROLS, RedrawnWeights, ShuffledInLayers, Unpruned
from slt.search.found import Found
from slt.search.method import Preset
from slt.search.sanity import ControlRow, SanityReport, _statistics
from slt.weights import Key


@pytest.fixture(scope="module")
def loaders() -> tuple[Batches, Batches]:
    parts = split(digits(), held=200)
    return Batches(*parts.train, batch=48), Batches(*parts.test, batch=200, shuffle=False)


@pytest.fixture(scope="module")
def found(loaders: tuple[Batches, Batches]) -> Found:
    return searched(EdgePopup(0.5), loaders[0], epochs=4)


def searched(method: Preset, train: Batches, epochs: int) -> Found:
    return fit(lenet(32, inputs=64), train, method, epochs, seed=1)


def test_a_ticket_is_above_its_controls_and_a_random_mask_is_not(
    found: Found, loaders: tuple[Batches, Batches]
) -> None:
    train, test = loaders
    others = [searched_from(seed, train) for seed in (5, 6)]
    report = sanity(found, test, others, draws=5)
    assert report.ticket == found.evaluate(test)
    assert report.ticket.accuracy is not None and report.ticket.accuracy > 0.75
    assert all(max(row.scores) < 0.5 and row.reaching == 0 for row in report.rows)
    assert report.row("mask shuffled within layers").probability == pytest.approx(1 / 6)
    assert report.row("unpruned random network").probability is None
    assert [overlap.score_seeds for overlap in report.overlaps] == [(1, 5), (1, 6)]
    text = str(report)
    assert all(row.control.name in text for row in report.rows) and text.count("Jaccard") == 2

    random = sanity(searched(RandomMask(0.5), train, 0), test, draws=5)
    assert all(max(row.scores) < 0.5 for row in random.rows)
    assert sum(row.reaching for row in random.rows) > 0
    assert "reach" in str(random)


def searched_from(score_seed: int, train: Batches) -> Found:
    """Short searches: only their masks count."""
    return fit(lenet(32, inputs=64), train, EdgePopup(0.5), 1, seed=1, score_seed=score_seed)


def test_it_is_deterministic_and_leaves_the_search_and_random_state(
    found: Found, loaders: tuple[Batches, Batches]
) -> None:
    test = loaders[1]
    state = torch.get_rng_state()
    first, second = (sanity(found, test, draws=2) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert [row.scores for row in first.rows] == [row.scores for row in second.rows]
    assert found.verify()


def test_searching_again_from_the_same_scores_is_the_same_search(loaders: tuple[Batches, Batches]) -> None:
    train, _ = loaders
    found = searched(EdgePopup(0.5), train, epochs=1)
    again, other = search_again(found, train, [found.seed, 5])
    assert again.last.digest == found.last.digest
    assert other.last.digest == searched_from(5, train).last.digest


def test_recycled_weights_have_rows_of_their_own(loaders: tuple[Batches, Batches]) -> None:
    train, test = loaders
    report = sanity(searched(WeightRecycling(0.5, every=1), train, 3), test, draws=1)
    names = {row.control.name for row in report.rows}
    assert {"copies and re-draws undone", "unpruned, as the search left it"} <= names
    assert any("not repeated" in note for note in report.notes)
    assert "signs negated" not in names


def test_losses_where_there_are_no_classes() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(64, 5, generator=draws)
    train = Batches(x, x[:, :2] * 0.5, batch=8)
    found = fit(lenet(40, inputs=5, classes=2), train, EdgePopup(0.5), 8, loss=nn.functional.mse_loss)
    report = sanity(found, train, draws=3, controls=[ShuffledInLayers(), RedrawnWeights()])
    assert report.ticket.accuracy is None
    assert all(row.ticket == report.ticket.loss and not row.higher_is_better for row in report.rows)
    assert "all 3 draws above it" in str(report) and "loss" in str(report)


def test_running_statistics_are_taken_from_calibration_batches() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(64, 5, generator=draws)
    train = Batches(x, (x[:, 0] > 0).long(), batch=16, shuffle=False)
    model = nn.Sequential(
        nn.Linear(5, 30, bias=False), nn.BatchNorm1d(30), nn.ReLU(), nn.Dropout(0.1), nn.Linear(30, 2, bias=False)
    )
    found = fit(model, train, EdgePopup(0.5), 4)
    before = {name: b.clone() for name, b in found.network.buffers.items()}
    state = torch.get_rng_state()
    controls = [RedrawnWeights(), Unpruned()]
    plain, own = (sanity(found, train, draws=2, calibration=c, controls=controls) for c in (None, train))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(b, before[name]) for name, b in found.network.buffers.items())
    assert "give calibration batches" in str(plain) and "from the calibration batches" in str(own)
    assert [row.scores for row in plain.rows] != [row.scores for row in own.rows]

    # by hand: what the first layer gives, on average over the batches
    weights = Unpruned().network(found, Key(0)).weights(found)
    by_hand = torch.stack([(inputs @ weights["0.weight"].T).mean(0) for inputs, _ in train]).mean(0)
    torch.testing.assert_close(_statistics(found, weights, train)["1.running_mean"], by_hand)


@pytest.mark.parametrize("draws", [0, -1, 1.5, True, "3"])
def test_draws_are_counted(draws: int, found: Found, loaders: tuple[Batches, Batches]) -> None:
    with pytest.raises(InputError, match="at least one draw"):
        sanity(found, loaders[1], draws=draws)


def test_a_network_that_went_on_is_refused(loaders: tuple[Batches, Batches]) -> None:
    train, test = loaders
    found = searched(EdgePopup(0.5), train, epochs=1)
    layer = found.network.layers[0]
    layer.weights = -layer.weights
    layer.renew()
    with pytest.raises(InputError, match="no longer has the mask"):
        sanity(found, test, draws=1)


def test_rows_and_verdicts() -> None:
    row = ControlRow(ShuffledInLayers(), (0.1, 0.3, 0.2), 0.3, True)
    assert (row.median, row.reaching, row.probability) == (0.2, 1, 0.5)
    assert row.verdict == "1 of 3 draws reach the ticket (p = 0.5)"
    row = ControlRow(ShuffledInLayers(), (0.1, 0.3, 0.2), 0.8, True)
    assert row.verdict == "all 3 draws below it, by 50.00 points or more (p = 0.25)"
    assert ControlRow(Unpruned(), (2.0,), 0.5, False).verdict == "above the ticket, by 1.5"
    assert ControlRow(Unpruned(), (0.5,), 0.5, False).verdict == "it reaches the ticket"


def test_names_of_controls_differ_and_unknown_ones_are_refused() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
    report = SanityReport("x", 0.5, Evaluation(1.0, 0.5, 10), (), (), ())
    with pytest.raises(InputError, match="no control"):
        report.row("nothing")
