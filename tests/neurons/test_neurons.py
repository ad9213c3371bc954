"""Neuron-subnetworks: tickets of whole neurons over one fixed source, chosen no worse than promised."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

import slt
from slt.errors import InputError, LimitError, MaskError
from slt.masks import Mask
from slt.neurons import EverySubset, Flips, FoundNeurons, Moments, RandomNeurons, Thinning, find_neurons
from slt.tickets import Ticket

KEY = slt.Key(3) / "neurons"


def data(count: int, inputs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, inputs))
    return x, np.maximum(x @ rng.normal(size=inputs) - 0.5, 0)


def moments_of(neurons: int, seed: int) -> Moments:
    x, y = data(60, 3, seed)
    return Moments.of(RandomNeurons(KEY / str(seed), 3, neurons).features(x), y)


def plain_error(features: np.ndarray, values: np.ndarray, kept: np.ndarray) -> float:
    """Mean squared error with the best scale, by least squares of the kept sum itself."""
    total = features[:, kept].sum(axis=1, keepdims=True)
    scale = np.linalg.lstsq(total, values, rcond=None)[0]
    return float(np.mean((total @ scale - values) ** 2))


def test_features_are_what_the_module_adds_up():
    network = RandomNeurons(KEY, 3, 6)
    x, _ = data(20, 3)
    features = network.features(x)
    assert features.shape == (20, 6)
    source = network.source(0.5).module(
        {n: torch.from_numpy(network.source().source_values(n)).double() for n in network.source().tensor_shapes}
    )
    found = source(torch.tensor(x)).numpy()[:, 0]
    np.testing.assert_allclose(found, 0.5 * features.sum(axis=1), rtol=1e-13)
    assert set(np.unique(np.sign(network.source().source_values("second.weight")))) <= {-1.0, 1.0}


def test_a_smaller_network_is_the_first_neurons_of_a_larger_one():
    x, _ = data(10, 4)
    small, large = (RandomNeurons(KEY, 4, k).features(x) for k in (5, 13))
    np.testing.assert_allclose(small, large[:, :5], rtol=1e-14)
    for name in ("first.weight", "first.bias", "second.weight"):
        a, b = (RandomNeurons(KEY, 4, k).source().draw(name) for k in (5, 13))
        assert np.array_equal(a, b[:, :5] if name == "second.weight" else b[:5])


def test_the_ticket_is_the_source_where_neurons_are_kept_and_carries_one_number(tmp_path):
    x, y = data(80, 3)
    found = find_neurons(RandomNeurons(KEY, 3, 12), x, y)
    assert 0 < found.kept.sum() < 12
    ticket = found.ticket()
    report = ticket.verify()
    assert report.carried == ticket.carried_count == 1 and ticket.carried[0].name == "scale.factor"
    assert ticket.kept == found.kept.sum() * 5
    module, source = ticket.module(), ticket.source()
    for name, tensor in source.state_dict().items():
        if name == "scale.factor":
            continue
        kept = torch.from_numpy(found.kept).reshape((1, -1) if "second" in name else (-1, *[1] * (tensor.dim() - 1)))
        expected = torch.where(kept, tensor, torch.zeros(()))
        assert torch.equal(module.state_dict()[name].view(torch.int32), expected.view(torch.int32))
    values = ticket.module(torch.float64)(torch.tensor(x)).numpy()[:, 0]
    np.testing.assert_allclose(values, found.forward(x), rtol=1e-12, atol=1e-12)
    ticket.save(tmp_path / "neurons.slt")
    back = slt.load(tmp_path / "neurons.slt")
    assert back.verify().source_digest == report.source_digest and back.mask == ticket.mask
    again = back.module(torch.float64, like=RandomNeurons(KEY, 3, 12).source().skeleton)
    assert torch.equal(again(torch.tensor(x)), ticket.module(torch.float64)(torch.tensor(x)))


def test_the_network_knows_nothing_of_the_data():
    network = RandomNeurons(KEY, 3, 12)
    tickets = [find_neurons(network, *data(80, 3, seed)).ticket() for seed in (0, 1)]
    a, b = (ticket.verify().source_digest for ticket in tickets)
    assert a == b and tickets[0].mask != tickets[1].mask
    again = find_neurons(network, *data(80, 3, 0))
    assert again.ticket().mask == tickets[0].mask


def test_every_subset_is_the_best_of_all_subsets():
    """Against a loop over all subsets and least squares of each."""
    x, y = data(60, 3)
    features = RandomNeurons(KEY, 3, 8).features(x)
    kept = EverySubset().kept(Moments.of(features, y), KEY)
    errors = [plain_error(features, y, np.array(z)) for z in itertools.product((False, True), repeat=8)]
    assert plain_error(features, y, kept) == pytest.approx(min(errors), rel=1e-9)


@given(neurons=st.integers(1, 10), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_flips_stand_between_their_start_and_the_best_subset(neurons, seed):
    """And no single flip would lower the error."""
    moments = moments_of(neurons, seed)
    slack = 1e-9 * moments.power
    thinned, flipped, best = (c.kept(moments, KEY) for c in (Thinning(), Flips(), EverySubset()))
    error = {name: moments.errors(z[None])[0] for name, z in (("t", thinned), ("f", flipped), ("b", best))}
    assert error["b"] - slack <= error["f"] <= error["t"] + slack <= moments.power + 2 * slack
    for i in range(neurons):
        other = flipped.copy()
        other[i] = not other[i]
        assert moments.errors(other[None])[0] >= error["f"] - slack


def test_a_subset_that_is_there_is_found():
    """Values that some of 12 neurons compute; neurons that answer nothing on the data do not count."""
    x, _ = data(200, 3)
    network = RandomNeurons(KEY, 3, 12)
    features = network.features(x)
    wanted = features.any(axis=0) & np.isin(np.arange(12), [0, 3, 4, 8, 11])
    y = 0.7 * features[:, wanted].sum(axis=1)
    found = find_neurons(network, x, y, EverySubset())
    assert np.array_equal(found.kept & features.any(axis=0), wanted) and wanted.sum() > 2
    assert found.scale == pytest.approx(0.7, rel=1e-6)
    np.testing.assert_allclose(found.forward(x), y, rtol=1e-6, atol=1e-7)


def test_moments_hold_the_errors_of_the_data():
    x, y = data(50, 3)
    features = RandomNeurons(KEY, 3, 7).features(x)
    moments = Moments.of(features, y)
    rng = np.random.default_rng(1)
    for _ in range(5):
        kept = rng.random(7) < 0.5
        assert moments.errors(kept[None])[0] == pytest.approx(plain_error(features, y, kept), rel=1e-9)
    nothing = np.zeros(7, dtype=np.bool_)
    assert moments.scale(nothing) == 0.0 and moments.errors(nothing[None])[0] == moments.power


def test_ridges_against_other_solvers():
    x, y = data(80, 3)
    features = RandomNeurons(KEY, 3, 9).features(x)
    moments = Moments.of(features, y)
    size = np.sqrt(1e-3 * np.trace(moments.gram) / 9)
    stacked = np.vstack([features / np.sqrt(80), size * np.eye(9)])
    wanted = np.concatenate([y / np.sqrt(80), np.zeros(9)])
    np.testing.assert_allclose(moments.ridge(1e-3), np.linalg.lstsq(stacked, wanted, rcond=None)[0], rtol=1e-7)
    for largest in (0.02, 0.2, np.inf):
        ours = moments.boxed_ridge(1e-3, largest, np.zeros(9))
        theirs = lsq_linear(stacked, wanted, (0, largest), tol=1e-12).x
        assert ours.min() >= 0 and ours.max() <= largest
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * max(theirs.max(), 1e-3))


def test_thinning_keeps_in_proportion_to_the_coefficients():
    """Orthogonal features of equal size, one draw at one cap: neuron i is kept with probability a_i / max a. 400 keys,
    each share within 4 standard deviations (level 1e-3 for all five by Bernoulli's variance; seeded)."""
    wanted = np.array([1.0, 0.5, 0.25, 0.0, -0.5])
    moments = Moments(np.eye(5), wanted, 10.0)
    choice = Thinning(penalty=1e-9, halvings=0, draws=1)
    share = np.mean([choice.kept(moments, KEY / str(i)) for i in range(400)], axis=0)
    expected = np.maximum(wanted, 0)
    assert np.all(np.abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / 400))


def test_values_that_no_neuron_helps_with_keep_none():
    features = -np.ones((5, 3))
    moments = Moments.of(features, np.ones(5))
    assert not Thinning().kept(moments, KEY).any()
    zero = Moments.of(np.zeros((5, 3)), np.ones(5))
    for choice in (Thinning(), Flips(), EverySubset()):
        kept = choice.kept(zero, KEY)
        assert zero.scale(kept) == 0.0 and zero.errors(kept[None])[0] == 1.0


def test_bad_input_is_refused():
    x, y = data(20, 3)
    network = RandomNeurons(KEY, 3, 20)
    for arguments, text in (
        ((network, x[:, :2], y), r"shape \(count, 3\)"),
        ((network, np.full_like(x, np.nan), y), "not finite"),
        ((network, x[:0], y[:0]), "shape"),
        ((network, x, y[:5]), r"values \(count,\)"),
        ((network, x, np.full_like(y, np.inf)), "finite"),
        ((network, x, y, "flips"), "choice"),
        ((network, x, y * 1e300), "beyond 64-bit"),
        ((network, x, y * 1e152), "beyond 64-bit|no float32"),
        ((network, x, y * 1e100), "no float32"),
        ((network, x * 1e200, y), "beyond 64-bit"),
        ((network, x.astype(str), y), "points must be real numbers"),
        ((network, "a", y), "points must be real numbers"),
        ((network, x, y.astype(str)), "values must be real numbers"),
        ((3, x, y), "must be RandomNeurons"),
    ):
        with pytest.raises(InputError, match=text):
            find_neurons(*arguments)
    with pytest.raises(LimitError, match="at most 16"):
        find_neurons(network, x, y, EverySubset())
    for bad in ({"inputs": 0}, {"neurons": 2.5}, {"neurons": True}):
        with pytest.raises(InputError, match="whole number"):
            RandomNeurons(**{"key": KEY, "inputs": 2, "neurons": 3, **bad})
    for bad, text in (
        ({"law": "a"}, "law must be"),
        ({"key": 0}, "key must be"),
        ({"spread": -1}, "spread"),
        ({"spread": 0.0}, "spread"),
        ({"spread": np.nan}, "spread"),
        ({"spread": 1e30}, "spread"),
        ({"spread": "2"}, "spread"),
    ):
        with pytest.raises(InputError, match=text):
            RandomNeurons(**{"key": KEY, "inputs": 2, "neurons": 3, **bad})
    for bad in ({"penalty": 0.0}, {"penalty": np.inf}, {"draws": 0}, {"halvings": -1}):
        with pytest.raises(InputError, match="penalty"):
            Thinning(**bad)
    with pytest.raises(InputError, match="start"):
        Flips("thinning")
    with pytest.raises(InputError, match="positive"):
        moments_of(3, 0).ridge(0.0)
    with pytest.raises(InputError, match="truth values"):
        FoundNeurons(network, np.ones(3, dtype=np.bool_), 1.0)
    for scale in (np.nan, 0.1):  # 0.1 is no float32
        with pytest.raises(InputError, match="float32"):
            FoundNeurons(network, np.ones(20, dtype=np.bool_), scale)


def test_a_mask_of_another_shape_makes_no_ticket():
    ticket = find_neurons(RandomNeurons(KEY, 3, 6), *data(20, 3)).ticket()
    masks = {**ticket.mask, "first.bias": Mask.of(np.ones(5, dtype=np.bool_))}
    with pytest.raises(MaskError):
        Ticket(ticket.source_network, masks, domain=None)
