"""The products of all layers at once against torch's own way, to the bit, over many steps."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from slt.errors import NonFiniteError
from slt.search import EdgePopup, Method, fit
from slt.search.budgets import Global
from slt.search.cutoff_kernel import kth_largest, masked_around
from slt.search.estimators import StraightThrough
from slt.search.mask_product_kernel import masked
from slt.search.masked_network import MaskedNetwork
from slt.search.moment import Moment
from slt.search.objectives import SquaredScores
from slt.search.optimisers import SGD, Optimiser
from slt.search.scales import InverseDensity, MeanMagnitude, NoScale
from slt.search.schedules import Linear
from slt.search.training_weights import Attached
from slt.search.whole_product import WholeProduct, training_weights
from tests.search.search_models import KINDS, PRESETS

METHODS = {
    "edge-popup": EdgePopup(0.4).method(),
    "identity": PRESETS["iterand"].method(),
    "signs": replace(PRESETS["biprop"].method(), scale=InverseDensity()),
    "no scale": replace(EdgePopup(0.3).method(), scale=NoScale()),
    "ramp": EdgePopup(Linear(0.2, start=1.0, until=0.9)).method(),
    "all": EdgePopup(1.0).method(),
    "penalty": replace(EdgePopup(0.4).method(), constraint=SquaredScores()),
}


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, int, np.ndarray]:
    """Scores with ties, zeros of both signs, infinities and NaN; a count; the values of three steps before."""
    special = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1.0 + 2.0**-20, 0.999, 2.0, -3.0, np.inf, -np.inf, np.nan])
    size = draw(st.sampled_from([1, 5, 127, 128, 129, 300]))
    random = np.random.default_rng(draw(st.integers(0, 9)))
    scores = random.choice(draw(st.lists(special, min_size=1, max_size=4)), size)
    spread = draw(st.sampled_from([0.0, 1e-3, 1.0]))
    scores = scores + spread * random.standard_normal(size) * (scores != 0)
    around = draw(st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf]))
    history = np.float32([around * 0.99, around * 1.001, around])
    return scores.astype(np.float32), draw(st.integers(0, size)), history


@given(cases(), st.booleans(), st.sampled_from([0, 128, 400]))
def test_one_pass_finds_what_two_find(case, absolute, room):
    scores, count, history = case
    values = np.random.default_rng(0).standard_normal(scores.size).astype(np.float32)
    value, index, scale = np.empty((), np.float32), np.empty((), np.int64), np.array(1.7, np.float32)
    expected, out = np.empty_like(values), np.full_like(values, 7.0)
    scratch = np.empty(room, np.float32), np.empty(room, np.int64)
    before = history.copy()
    if masked_around(scores, values, count, absolute, scale[()], history, *scratch, value, index, out):
        found = value.copy(), index.copy()
        kth_largest(scores, count, absolute, before, value, index)
        masked(scores, values, value, index, scale, absolute, expected)
        assert (found[0].tobytes(), found[1]) == (value.tobytes(), index)
        assert out.tobytes() == expected.tobytes() and np.count_nonzero(out) == count
        assert history.tolist() == [before[1], before[2], value]
    else:
        assert history.tobytes() == before.tobytes()


def test_one_pass_is_what_is_used_after_a_small_change():
    scores = np.random.default_rng(1).standard_normal(20_000).astype(np.float32)
    value, index = np.empty((), np.float32), np.empty((), np.int64)
    kth_largest(scores, 6_000, True, np.full(3, np.nan, np.float32), value, index)
    scratch = np.empty(1_250, np.float32), np.empty(1_250, np.int64)
    history = np.float32([value * 0.999, value * 1.001, value * 0.9995])
    out = np.empty_like(scores)
    assert masked_around(scores, scores, 6_000, True, np.float32(1), history, *scratch, value.copy(), index, out)
    assert np.count_nonzero(out) == 6_000


@pytest.mark.parametrize("name", METHODS)
def test_the_same_bits_as_torch_over_many_steps(name):
    model = nn.Sequential(nn.Linear(40, 70), nn.ReLU(), nn.Linear(70, 70), nn.ReLU(), nn.Linear(70, 3))
    networks = [MaskedNetwork(model, METHODS[name], 3) for _ in range(2)]
    for network in networks:
        network.layers[1].scores.detach().mul_(8).round_().div_(8)  # ties
    ways = training_weights(networks[0]), Attached(networks[1])
    assert isinstance(ways[0], WholeProduct)
    steps = [METHODS[name].optimiser.build(network.parameters) for network in networks]
    inputs = torch.randn(16, 40, generator=torch.Generator().manual_seed(0))
    for number in range(40):
        moment, kept = Moment(number, 10, 4), []
        if number == 20:  # weights change, as events change them
            for network in networks:
                network.layers[0].weights = network.layers[0].weights.flip(0)
                network.layers[0].renew()
        for way, network, step in zip(ways, networks, steps, strict=True):
            step.zero_grad()
            weights = way.of_step(moment)
            loss = network(inputs, weights, training=True).square().mean()
            penalty = METHODS[name].constraint.penalty(network.layers)
            (loss if penalty is None else loss + penalty).backward()
            way.pull_back()
            step.step()
            kept.append(
                [bits(w) for w in weights.values()]
                + [bits(s.value) + bits(s.index) for s in network.selections]
                + [repr((s.absolute, s.count)) for s in network.selections]
                + [bits(x.scores) for x in network.layers]
                + [bits(x.scores.grad) for x in network.layers]
            )
        assert kept[0] == kept[1], number


def test_checkpoints_are_those_of_torch(tmp_path, monkeypatch):
    kind, files = KINDS["mlp"], [tmp_path / "a", tmp_path / "b"]
    founds = [fit(kind.model(), kind.batches(3), EdgePopup(0.4), epochs=3, checkpoint=files[0])]
    monkeypatch.setattr(sys.modules["slt.search.fit"], "training_weights", Attached)  # slt.search.fit is a function
    founds.append(fit(kind.model(), kind.batches(3), EdgePopup(0.4), epochs=3, checkpoint=files[1]))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert founds[0].history == founds[1].history and founds[0].last.digest == founds[1].last.digest


def test_weights_that_are_added_up_do_not_share_a_gradient():
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(6, 4, False), nn.Linear(4, 6, False), nn.Linear(4, 3, False)

        def forward(self, x: Tensor) -> Tensor:
            both = self.a.weight.reshape(24) + self.b.weight.reshape(24)
            return self.c((x @ both.reshape(6, 4)).relu())

    batches = [(torch.randn(8, 6, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)]
    founds = [
        fit(Sum(), batches, replace(METHODS["edge-popup"], estimator=StraightThrough(fused)), epochs=5)
        for fused in (True, False)
    ]
    for name, scores in founds[0].scores.items():
        assert bits(scores) == bits(founds[1].scores[name])


def test_sparse_gradients_and_weights_without_a_part_in_the_loss():
    model = nn.Embedding(9, 4, sparse=True)
    model.unused = nn.Linear(3, 3)
    batches = [(torch.tensor([1, 2, 2, 8]), torch.tensor([0, 1, 2, 3]))]
    found = fit(model, batches, EdgePopup(0.4, optimiser=SGD(0.1, 0.0, 0.0)), epochs=2)
    first = MaskedNetwork(model, METHODS["edge-popup"], 0)
    assert bits(found.scores["unused.weight"]) == bits(first.layers[1].scores)
    changed = (found.scores["weight"] != first.layers[0].scores.detach()).any(1)
    assert changed.tolist() == [row in (1, 2, 8) for row in range(9)]


class _Spoilt(Optimiser):
    """Makes a score of the second layer NaN at its second step."""

    rate = 0.1

    def build(self, parameters):
        optimiser, done = torch.optim.SGD(parameters, lr=0.1), []

        def spoil(*_):
            done.append(1)
            if len(done) == 2:
                parameters[1].detach().view(-1)[3] = torch.nan

        optimiser.register_step_post_hook(spoil)
        return optimiser


def test_nan_among_the_scores_is_found_and_named():
    kind = KINDS["mlp"]
    method = replace(METHODS["edge-popup"], optimiser=_Spoilt())
    with pytest.raises(NonFiniteError, match=r"step 2 .*scores of 3.weight are NaN"):
        fit(kind.model(), kind.batches(5), method, epochs=1)


@pytest.mark.parametrize(
    "method",
    [
        replace(METHODS["edge-popup"], estimator=StraightThrough(fused=False)),
        replace(METHODS["edge-popup"], scale=MeanMagnitude()),
        EdgePopup(0.4, budget=Global()).method(),
        *(PRESETS[n].method() for n in ("biprop", "signed", "concrete", "gem-miner", "frozen", "multicoated")),
    ],
    ids=lambda method: method.name,
)
def test_other_methods_go_torchs_way(method: Method):
    assert isinstance(training_weights(MaskedNetwork(KINDS["mlp"].model(), method, 0)), Attached)
