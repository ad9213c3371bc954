"""The trained baseline starts where a search starts, and moves what a search leaves."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from slt.errors import InputError, NonFiniteError
from slt.search import SGD, Adam, Batches, DecoupledSGD, RandomMask, fit, kaiming_uniform, train_dense
from slt.search.draws import kaiming_normal
from slt.search.rates import ConstantRate
from slt.weights import Key


def _model() -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(0, 1000, (), generator=generator)))
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))


def _batches(count: int = 30, batch: int = 10) -> Batches:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 6, generator=generator)
    return Batches(x, x[:, :3].argmax(1), batch=batch, seed=3)


def test_three_steps_are_those_of_plain_torch() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    found = train_dense(model, _batches(), epochs=1, seed=5, optimiser=SGD(0.3, 0.9, 1e-3), rate=ConstantRate())
    other = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    start = fit(model, _batches(), RandomMask(1.0), seed=5).network
    with torch.no_grad():
        for layer, name in ((other[0], "0.weight"), (other[2], "2.weight")):
            drawn = next(x for x in start.layers if x.name == name)
            # the key is that of a search with the same seed
            layer.weight.copy_(kaiming_normal().tensor(Key(5) / "weights" / name, drawn.role))
            layer.bias.zero_()
    sgd = torch.optim.SGD(other.parameters(), lr=0.3, momentum=0.9, weight_decay=1e-3, fused=True)
    losses = []
    for x, y in _batches():
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(other(x), y)
        losses.append(float(loss.detach()))
        loss.backward()
        sgd.step()
    for a, b in zip(found.module.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert found.history[0].loss == sum(losses) / 3
    assert found.history[0].density == 1.0


def test_model_and_global_state_are_left_alone_and_runs_repeat() -> None:
    model, before = _model().eval(), torch.get_rng_state()
    kept = copy.deepcopy(model.state_dict())
    first, second = (train_dense(model, _batches(), epochs=2, validation=_batches()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(kept[n], t) for n, t in model.state_dict().items())
    assert not model.training
    assert first.history == second.history
    for a, b in zip(first.module.state_dict().values(), second.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    other = train_dense(model, _batches(), epochs=2, seed=1)
    assert not torch.equal(other.module[0].weight, first.module[0].weight)


@pytest.mark.parametrize("optimiser", [Adam(0.03), DecoupledSGD(0.05)])
def test_it_learns(optimiser: object) -> None:
    told: list[tuple[int, int]] = []
    found = train_dense(
        _model(),
        _batches(60),
        epochs=8,
        optimiser=optimiser,  # type: ignore[arg-type]
        weights=kaiming_uniform(),
        progress=lambda done, of: told.append((done, of)),
    )
    assert found.history[-1].loss < 0.9 * found.history[0].loss
    assert told[-1] == (48, 48)
    scored = found.evaluate(_batches(60))
    assert scored.accuracy is not None and scored.examples == 60


def test_a_trained_network_has_no_ticket() -> None:
    found = train_dense(_model(), _batches(), epochs=0)
    assert found.history == ()
    with pytest.raises(InputError, match="no ticket"):
        found.ticket  # noqa: B018


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3"])
def test_epochs_are_whole(epochs: object) -> None:
    with pytest.raises(InputError, match="whole number of epochs"):
        train_dense(_model(), _batches(), epochs=epochs)  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_stops_it() -> None:
    x = torch.full((10, 6), torch.nan)
    with pytest.raises(NonFiniteError, match=r"step 0 \(epoch 0\)"):
        train_dense(_model(), [(x, torch.zeros(10, dtype=torch.long))], epochs=1)
