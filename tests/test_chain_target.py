"""Modules of any class whose forward is a chain are the chain, to the bit; all others are refused as before."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import slt
from slt.chain_target import read_chain
from slt.constructions.construction import default_construction
from slt.errors import InputError, UnsupportedModuleError


class Own(nn.Module):
    """Two layers and what a subclass makes of them."""

    def __init__(self, inputs: int = 6) -> None:
        super().__init__()
        self.hidden, self.out, self.drop = nn.Linear(inputs, 5), nn.Linear(5, 3, bias=False), nn.Dropout(0.5)


class Functions(Own):
    def forward(self, x):
        return self.out(functional.dropout(torch.relu(self.hidden(x)), 0.5, self.training))


class Methods(Own):
    def forward(self, x):
        x = self.hidden(x.flatten(1)).relu()
        return self.out(self.drop(x))


class View(Own):
    def forward(self, x):
        return self.out(functional.relu(self.hidden(x.view(x.size(0), -1))))


class First(Own):
    def forward(self, x):
        return self.out(self.hidden(x.relu()))


class Twice(Own):
    def __init__(self) -> None:
        super().__init__(6)
        self.again = nn.Linear(6, 6)

    def forward(self, x):
        return self.out(self.hidden(self.again(self.again(x).relu()).relu()))


CHAINS = {
    "functions": (Functions, lambda m: [m.hidden, nn.ReLU(), m.out]),
    "methods": (Methods, lambda m: [nn.Flatten(), m.hidden, nn.ReLU(), m.out]),
    "view": (View, lambda m: [nn.Flatten(), m.hidden, nn.ReLU(), m.out]),
    "ReLU first": (First, lambda m: [nn.ReLU(), m.hidden, m.out]),
    "one layer twice": (Twice, lambda m: [m.again, nn.ReLU(), m.again, nn.ReLU(), m.hidden, m.out]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_ticket_of_a_class_is_that_of_the_same_sequential(name, tmp_path):
    kind, layers = CHAINS[name]
    model = kind().train()
    plain = nn.Sequential(*layers(model))
    target, same = read_chain(model), slt.Target.of(plain)
    assert (target.input_relu, target.flatten) == (same.input_relu, same.flatten)
    for a, b in zip(target.layers, same.layers, strict=True):
        assert np.array_equal(a.weight, b.weight) and a.relu == b.relu
        assert (a.bias is None) == (b.bias is None) and (a.bias is None or np.array_equal(a.bias, b.bias))
    pairs = [[[x is y for y in ids] for x in ids] for ids in ([n.weight_id for n in t.layers] for t in (target, same))]
    assert pairs[0] == pairs[1] and model.training

    ticket, other = (slt.find_ticket(m, width=24, seed=1, max_items=12) for m in (model, plain))
    assert ticket.source_network == other.source_network and ticket.mask == other.mask
    high = slt.certified(ticket, model, slt.Ball(1.0)).value
    assert high == slt.certified(other, plain, slt.Ball(1.0)).value
    points = slt.Ball(1.0).sample(6, 50, np.random.default_rng(0))
    assert 0 < slt.sampled(ticket, model, points).value <= high
    assert np.array_equal(slt.load(ticket.save(tmp_path / "t.slt")).residuals(model).errors, ticket.residuals().errors)


@pytest.mark.parametrize("flatten", [True, False])
def test_batch_norms_are_folded(flatten):
    norm = nn.BatchNorm1d(5)
    with torch.no_grad():
        for tensor in (norm.running_mean, norm.weight, norm.bias):
            tensor.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    model = nn.Sequential(*[nn.Flatten()][:flatten], nn.Linear(6, 5), norm, nn.ReLU(), nn.Linear(5, 2)).eval()
    target = read_chain(model)
    assert target.flatten == flatten and len(target.layers) == 2 and target.weights == 30 + 5 + 10 + 2
    x = torch.randn(7, 6)
    assert np.allclose(target.forward(x.numpy()), model(x).detach().numpy(), atol=1e-5)
    # of sequences the norm would be over channels: folded where inputs are surely flat, or on demand
    asked = None if flatten else slt.TwoLayerSum()
    ticket = slt.find_ticket(model, width=40, tolerance=1e-3, construction=asked)
    assert ticket.carried_count <= 2 and slt.certified(ticket, model, slt.Ball(1.0)).value < 0.1


def test_a_norm_over_channels_is_not_folded():
    """The channels are as many as the outputs of the linear map before: nothing in the shapes tells."""
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    for _ in range(20):
        model(torch.randn(50, 6, 4) * torch.arange(1.0, 7.0)[:, None])
    x = torch.randn(30, 6, 4)
    ticket = slt.find_ticket(model, width=40, tolerance=1e-4)
    assert (ticket.module()(x) - model.eval()(x)).abs().max() < 1e-2


class Keeping(Own):
    """Keeps what it sees, in itself and in a part."""

    def forward(self, x):
        self.seen.append(x)
        self.hidden.last = x
        return super().forward(x)


def test_tracing_leaves_nothing_in_the_model():
    model = Keeping()
    model.seen = []
    with suppress(slt.SltError):
        read_chain(model)
    assert all(isinstance(x, torch.Tensor) for x in model.seen)
    assert isinstance(getattr(model.hidden, "last", torch.zeros(1)), torch.Tensor)


class Together(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)).flatten(1))


def test_tokens_taken_together_are_no_chain():
    model = Together()
    x = torch.randn(5, 2, 3)
    ticket = slt.find_ticket(model, width=40, tolerance=1e-4)
    assert (ticket.module()(x) - model(x)).abs().max() < 1e-2


class Residual(Own):
    def forward(self, x):
        return self.out(self.hidden(x).relu()) + x[:, :3]


class Bent(Own):
    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class Deciding(Own):
    def forward(self, x):
        return self.out(self.hidden(x if x.sum() > 0 else -x).relu())


class Scaled(Own):
    def forward(self, x):
        return 2 * self.out(self.hidden(x).relu())


class Shifted(Own):
    """With a tensor that is neither parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.ones(3)

    def forward(self, x):
        return self.out(self.hidden(x).relu()) + self.shift


class Unshaped(Own):
    """A chain only for inputs of one shape."""

    def forward(self, x):
        return self.out(self.hidden(x.reshape(-1, 6)).relu()).reshape(1, -1)


@pytest.mark.parametrize("kind", [Residual, Bent, Deciding, Scaled, Shifted, Unshaped])
def test_what_is_no_chain_is_refused_and_becomes_a_tree(kind):
    model = kind()
    before = set(vars(model))
    with pytest.raises(UnsupportedModuleError, match=kind.__name__):
        read_chain(model)
    assert set(vars(model)) == before
    assert type(default_construction(kind())) is slt.ModuleTree


def test_what_a_trace_does_not_show_is_found_on_inputs():
    class Remembering(Own):
        calls = 0

        def forward(self, x):
            Remembering.calls += 1
            return self.out(self.hidden(x) if Remembering.calls == 1 else self.hidden(-x))

    with pytest.raises(UnsupportedModuleError):
        read_chain(Remembering())


def test_bad_numbers_are_named():
    model = Functions()
    with torch.no_grad():
        model.hidden.weight[0, 0] = torch.nan
    with pytest.raises(InputError, match=r"hidden\.weight has 1 NaN"):
        slt.find_ticket(model, width=8)


def test_a_tree_says_what_to_do_instead_of_a_certificate():
    model = Bent()
    ticket = slt.find_ticket(model, width=24)
    for score in (lambda: slt.certified(ticket, model, slt.Ball(1.0)), lambda: slt.sampled(ticket, model, [[0.0] * 6])):
        with pytest.raises(InputError, match=r"slt\.difference\(ticket, model, inputs\) measures it"):
            score()


def test_widths_are_estimated_for_uniform_weights_alone():
    with pytest.raises(slt.errors.UnreachedError, match=r"for Uniform\(\) alone, not for normal\)"):
        slt.find_ticket(Functions(), width=16, tolerance=1e-4, require=1e-4, law=slt.Normal())
