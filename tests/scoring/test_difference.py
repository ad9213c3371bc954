"""What is measured of two networks' outputs, against plain arithmetic, for every kind of ticket."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.activations import Tanh
from slt.errors import InputError
from slt.scoring import Difference, difference
from slt.search import Batches, EdgePopup, fit


class Skip(nn.Module):
    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner, self.drop, self.out = nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, outputs)

    def forward(self, x, factor=None):
        x = x + torch.tanh(self.drop(self.inner(x)))
        return self.out(x if factor is None else x * factor)


MODEL = Skip()
TICKET = slt.find_ticket(MODEL, width=24)
X = torch.randn(11, 4, generator=torch.Generator().manual_seed(2))


def plainly(network: nn.Module, model: nn.Module, *inputs: torch.Tensor) -> Difference:
    """All at once, and one output at a time."""
    model.eval()
    with torch.no_grad():
        left, right = network(*inputs).double().numpy(), model(*inputs).double().numpy()
    gaps = sorted(abs(float(a) - float(b)) for a, b in zip(left.ravel(), right.ravel(), strict=True))
    n = len(gaps)
    rows = list(zip(left.reshape(-1, left.shape[-1]), right.reshape(-1, right.shape[-1]), strict=True))
    same = [int(np.argmax(a)) == int(np.argmax(b)) for a, b in rows]
    agreement = sum(same) / len(same) if left.shape[-1] > 1 else None
    return Difference(gaps[-1], (gaps[(n - 1) // 2] + gaps[n // 2]) / 2, agreement, len(inputs[0]), n)


def close(found: Difference, wanted: Difference) -> bool:
    # batches of other sizes are summed in another order
    return (found.agreement, found.count, found.numbers) == (wanted.agreement, wanted.count, wanted.numbers) and (
        [found.largest, found.median] == pytest.approx([wanted.largest, wanted.median], abs=1e-6)
    )


@pytest.mark.parametrize("batch", [1, 2, 5, 11, 256, None, np.int64(3)])
def test_it_is_what_is_computed_plainly(batch):
    wanted = plainly(TICKET.module(), MODEL, X)
    assert wanted.count == 11 and wanted.numbers == 33 and 0 < wanted.largest < 1
    assert close(difference(TICKET, MODEL, X, batch), wanted)
    factor = torch.rand(11, 1)
    assert close(difference(TICKET, MODEL, (X, factor), batch), plainly(TICKET.module(), MODEL, X, factor))


def test_arrays_modules_and_precisions():
    wanted = difference(TICKET, MODEL, X)
    for given in (X.numpy(), X.double(), X.double().numpy(), X.numpy().tolist(), [X], [X.numpy()], (X,)):
        assert difference(TICKET, MODEL, given) == wanted
    assert difference(TICKET.module(), MODEL, X) == wanted
    assert close(difference(TICKET.collapsed_module(), MODEL, X), wanted)
    double = slt.find_ticket(Skip().double(), width=24)
    exact = difference(double, Skip().double(), X)
    assert close(exact, plainly(double.module(torch.float64), Skip().double(), X.double()))
    assert difference(MODEL, MODEL, X) == Difference(0.0, 0.0, 1.0, 11, 33)


def test_modes_and_gradients_are_left_as_they_were():
    model = Skip()
    model.train()
    model.inner.eval()
    leaf = X.clone().requires_grad_(True)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        before = torch.get_rng_state()
        first = difference(TICKET, model, leaf)
        assert first == difference(TICKET, model, X)  # no dropout
        assert torch.equal(torch.get_rng_state(), before)
    assert model.training and not model.inner.training and model.drop.training
    assert leaf.grad is None and all(p.grad is None and p.requires_grad for p in model.parameters())
    with pytest.raises(InputError):
        difference(TICKET, model, X[:, :2])
    assert model.training and model.drop.training


def test_every_kind_of_ticket(tmp_path):
    chain = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))
    smooth = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    heads = nn.MultiheadAttention(4, 2, batch_first=True)
    tokens = torch.randn(3, 5, 4)
    for model, inputs, options in (
        (chain, X, {}),
        (chain, X, {"construction": slt.LooksLinear()}),
        (smooth, X, {"construction": slt.ReplicatedRows(activation=Tanh(0.125))}),
        (images, torch.rand(3, 1, 4, 4), {}),
        (heads, (tokens, tokens, tokens), {}),
        (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), tokens, {}),
    ):
        ticket = slt.find_ticket(model, width=16, **options)
        found = difference(ticket, model, inputs)
        assert found.count == len(inputs[0] if isinstance(inputs, tuple) else inputs) and 0 < found.largest < 1
        assert (found.agreement is None) == (model is chain)
        assert found == difference(slt.load(ticket.save(tmp_path / "a.slt")), model, inputs)
    bound = slt.sampled(slt.find_ticket(chain, width=16), chain, X)
    assert difference(slt.find_ticket(chain, width=16), chain, X).largest == pytest.approx(bound.value, abs=1e-6)


def test_searches_and_tokens(tmp_path):
    model = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 5))
    tokens, labels = torch.randint(0, 7, (10, 3)), torch.randint(0, 5, (10,))
    found = fit(model, Batches(tokens, labels, batch=5), EdgePopup(0.5), epochs=1)
    wanted = plainly(found.module(), model, tokens)
    for ticket in (found, found.ticket, slt.load(found.ticket.save(tmp_path / "a.slt"))):
        assert close(difference(ticket, model, tokens.numpy()), wanted)
    assert difference(found, found.module(), tokens).largest == 0.0


def test_the_text_says_what_it_is_not():
    assert str(Difference(0.0027049, 0.001, 0.99999, 50, 150)) == (
        "largest difference 0.0027, median 0.001, equal argmax 99.99% (measured on 50 inputs, 150 numbers; neither a "
        "bound nor an estimate of the sup)"
    )
    assert "argmax" not in str(Difference(1.0, 1.0, None, 1, 1)) and "1 input," in str(Difference(1.0, 1.0, None, 1, 1))
    assert "100.00%" in str(Difference(1.0, 1.0, 1.0, 1, 2))


class Wordy(Skip):
    def forward(self, x):
        return {"logits": super().forward(x)}


class Broken(Skip):
    def forward(self, x):
        return super().forward(x) / 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((TICKET, slt.Target.of(nn.Sequential(nn.Linear(4, 3))), X), "must be a torch module; a Target was given"),
        ((3, MODEL, X), "a int was given; a ticket"),
        ((TICKET, MODEL, X, 0), "batch=0"),
        ((TICKET, MODEL, X, True), "batch=True"),
        ((TICKET, MODEL, X, 1.5), "batch=1.5"),
        ((TICKET, MODEL, X[:0]), r"inputs of shape \(0, 4\)"),
        ((TICKET, MODEL, torch.tensor(3.0)), r"inputs of shape \(\)"),
        ((TICKET, MODEL, ()), "no inputs were given"),
        ((TICKET, MODEL, "text"), "inputs of type str"),
        ((TICKET, MODEL, (X, X[:3, :1])), "the first dimension of all is to be the number of inputs"),
        ((TICKET, MODEL, X[:, :2]), r"the ticket fails on inputs \['torch.float32 of \(11, 2\)'\]"),
        ((TICKET, MODEL, (X, X, X)), "the ticket fails on inputs .* positional arguments"),
        ((TICKET, Skip(2), X), r"those of the ticket have shape \(11, 3\), the model's \(11, 2\)"),
        ((TICKET, Wordy(), X), "the model answers with a dict"),
        ((TICKET, Broken(), X), "33 of 33 outputs of the model are NaN or infinite"),
        ((TICKET, MODEL, X * np.nan), "33 of 33 outputs of the ticket are NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        difference(*arguments)


def test_bounds_that_are_refused_name_it():
    for call in (lambda: slt.certified(TICKET, MODEL, slt.Ball()), lambda: slt.sampled(TICKET, MODEL, X)):
        with pytest.raises(InputError, match=r"slt.difference\(ticket, model, inputs\) measures it"):
            call()
    found = fit(nn.Linear(4, 3), [(X, torch.zeros(11, dtype=torch.int64))], EdgePopup(0.5), epochs=1)
    for call in (
        lambda: slt.certified(found.ticket, MODEL, slt.Ball()),
        lambda: slt.sampled(found.ticket, MODEL, X),
        lambda: found.ticket.source_network.target(MODEL),
    ):
        with pytest.raises(InputError, match=r"slt.difference\(ticket, model, inputs\)"):
            call()


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        x -= 3
        return self.out(x)


@pytest.mark.parametrize("array", [np.float32, np.float64, torch.float32])
def test_networks_that_work_in_place_get_the_same_inputs(array):
    model = InPlace()
    given = np.ones((5, 4))
    inputs = torch.ones(5, 4) if array is torch.float32 else given.astype(array)
    assert difference(model, copy.deepcopy(model), inputs).largest == 0
    assert (np.asarray(inputs) == 1).all()
    plain = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))
    bare = plain[1]
    there, back = difference(plain, bare, -inputs).largest, difference(bare, plain, -inputs).largest
    assert there == back > 0


def test_one_number_an_input_has_no_argmax():
    network = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    for batch in (1, 3, None):
        assert difference(network, network, torch.randn(10, 4), batch).agreement is None
