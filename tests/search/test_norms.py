"""What becomes of norms, and what of it a ticket carries and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from slt.errors import InputError
from slt.search import Batches, EdgePopup, Found, NormPolicy, Recalibrated, Running, TrainedAffine, fit
from slt.search.evaluation import Evaluation
from slt.search.found import Epoch
from tests.search.search_models import KINDS

KIND = KINDS["conv"]
STATISTICS = ["1.running_mean", "1.running_var", "1.num_batches_tracked"]


def _loader() -> Batches:
    ((x, y),) = KIND.batches(1, rows=24)
    return Batches(x, y, batch=8, seed=3)


def _search(norms: NormPolicy, epochs: int = 2, **others: Any) -> Found:
    method = replace(EdgePopup(0.5).method(), norms=norms)
    return fit(KIND.model(), _loader(), method, epochs=epochs, seed=1, **others)


def test_running_statistics_are_those_of_the_training() -> None:
    found = _search(Running())
    assert [c.name for c in found.ticket.carried] == STATISTICS
    assert found.ticket.carried_count == 9
    state = found.module().state_dict()
    assert int(state["1.num_batches_tracked"]) == 6
    assert bool((state["1.running_mean"] != 0).all())
    # by hand: after one epoch of one batch, a tenth of the batch's own, from the weights of its step
    (batch,) = KIND.batches(1)
    one = fit(KIND.model(), [batch], EdgePopup(0.5), epochs=1, seed=1)
    start = fit(KIND.model(), [batch], EdgePopup(0.5), epochs=0, seed=1)
    hidden = nn.functional.conv2d(batch[0], start.module().state_dict()["0.weight"])
    mean, var = hidden.mean((0, 2, 3)), hidden.var((0, 2, 3))
    told = one.module().state_dict()
    assert torch.allclose(told["1.running_mean"], 0.1 * mean, atol=1e-6)
    assert torch.allclose(told["1.running_var"], 0.9 + 0.1 * var, atol=1e-6)
    assert not bool(start.module().state_dict()["1.running_mean"].any())


def test_recalibrated_statistics_are_averages_under_the_final_mask() -> None:
    found = _search(Recalibrated(2), validation=_loader())
    assert [c.name for c in found.ticket.carried] == STATISTICS
    module = found.module()
    hidden = [nn.functional.conv2d(x, module.state_dict()["0.weight"]) for x, _ in list(_loader().batches(0))[:2]]
    mean = torch.stack([h.mean((0, 2, 3)) for h in hidden]).mean(0)
    var = torch.stack([h.var((0, 2, 3)) for h in hidden]).mean(0)
    state = module.state_dict()
    assert torch.allclose(state["1.running_mean"], mean, atol=1e-6)
    assert torch.allclose(state["1.running_var"], var, atol=1e-6)
    assert int(state["1.num_batches_tracked"]) == 2
    # what was validated is what the ticket has, and the search itself is as with Running
    plain = _search(Running(), validation=_loader())
    assert all(torch.equal(s, plain.scores[n]) for n, s in found.scores.items())
    assert found.history[-1].validation == found.evaluate(_loader())
    assert found.best_epoch is not None
    assert found.history[found.best_epoch].validation == found.evaluate(_loader(), best=True)
    for name, buffer in found.network.buffers.items():
        assert torch.equal(buffer, state[name])


def test_trained_norms_are_carried_and_counted() -> None:
    found, plain = _search(TrainedAffine()), _search(Running())
    assert sorted(c.name for c in found.ticket.carried) == sorted([*STATISTICS, "1.weight", "1.bias"])
    assert found.ticket.carried_count == plain.ticket.carried_count + 8
    assert found.ticket.random_fraction < plain.ticket.random_fraction
    state = found.module().state_dict()
    assert bool((state["1.weight"] != 1).all()) and bool((state["1.bias"] != 0).any())
    assert not bool(state["4.bias"].any())  # no part of a norm
    assert bool((plain.module().state_dict()["1.weight"] == 1).all())
    found.verify()


def test_models_without_norms_carry_nothing() -> None:
    for norms in (Running(), Recalibrated(3), TrainedAffine()):
        method = replace(EdgePopup(0.5).method(), norms=norms)
        found = fit(KINDS["mlp"].model(), KINDS["mlp"].batches(), method, epochs=1)
        assert found.ticket.carried == () and found.ticket.carried_count == 0


def test_statistics_of_a_model_with_dropout_repeat() -> None:
    model = nn.Sequential(nn.Linear(8, 6), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    method = replace(EdgePopup(0.5).method(), norms=Recalibrated(2))
    first, second = (
        fit(model, KINDS["mlp"].batches(), method, epochs=1).module().state_dict()["2.running_mean"] for _ in range(2)
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize("batches", [0, -1])
def test_statistics_need_a_batch(batches: int) -> None:
    with pytest.raises(InputError, match="at least one batch"):
        Recalibrated(batches)


def _scored(found: Found, accuracies: list[float | None]) -> Found:
    """The same search with other scores."""
    history = tuple(Epoch(i, 0.0, 0.5, Evaluation(1.0 + i / 8, a, 4)) for i, a in enumerate(accuracies))
    best = max(range(len(accuracies)), key=lambda i: (accuracies[i] or 0.0, -i))
    return replace(found, history=history, best_epoch=best)


def test_the_text_of_a_search_says_which_epoch_was_best_and_why_the_last_may_be_worse() -> None:
    running, recalibrated = _search(Running()), _search(Recalibrated(1))
    assert "best" not in str(running)  # nothing was validated
    assert str(_scored(running, [0.5, 0.9])).endswith("kept after 2 epochs, validation 90.00%")
    text = " (ticket: the last epoch's; best_ticket: epoch 0, 90.00%"
    why = "; running statistics may lag behind the mask, see slt.search.Recalibrated)"
    assert str(_scored(running, [0.9, 0.5])).endswith(f"validation 50.00%{text}{why}")
    assert str(_scored(running, [0.9, 0.89])).endswith(f"validation 89.00%{text})")
    assert str(_scored(recalibrated, [0.9, 0.5])).endswith(f"validation 50.00%{text})")
    assert str(_scored(running, [None, None])).endswith("best_ticket: epoch 0, loss 1.0000)")
    mlp = fit(KINDS["mlp"].model(), KINDS["mlp"].batches(), EdgePopup(0.5), epochs=2)
    assert str(_scored(mlp, [0.9, 0.5])).endswith(f"validation 50.00%{text})")
    assert "after 1 epoch," in str(_scored(mlp, [0.9]))
