"""Replicated rows: L + 1 layers, every sum the optimum of its own single weights, for every activation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import slt
from slt.activation_target import ActivationTarget
from slt.activations import GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from slt.constructions import ReplicatedRows, find_ticket
from slt.errors import AssumptionError, InputError, LimitError, NoUsableItemError
from slt.tickets.replicated_layout import SPAN
from tests.constructions.conformance import Conformance, random_chain

ACTIVATIONS: list[Activation] = [ReLU(), LeakyReLU(0.25), Tanh(), Sigmoid(), GELU()]
SMOOTH = ACTIVATIONS[1:]


def chain(activation: Activation, sizes: tuple[int, ...] = (2, 3, 3, 1), seed: int = 0, bias: bool = True) -> Any:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), activation.module()]
    return nn.Sequential(*layers[:-1]).requires_grad_(False)


class Rows(Conformance):
    widths = (8, 14)
    seeds = 2

    def model(self, seed: int) -> slt.Target:
        return random_chain(seed, (2, 3, 3, 2))

    def compare_nested(self, small: Any, large: Any) -> None:
        """Rows of the smaller width are the first copies of each neuron."""
        for before, after in zip(small.branches, large.branches, strict=True):
            a, b = before.units, after.units
            if a.shape != b.shape:
                a, b = (units.reshape(-1, w, units.shape[1]) for units, w in zip((a, b), self.widths, strict=True))
                b = b[:, : a.shape[1]]
            assert np.all(np.abs(b) <= np.abs(a))


class TestReplicatedRows(Rows):
    def construction(self) -> ReplicatedRows:
        return ReplicatedRows()


class TestReplicatedRowsInARandomGraph(Rows):
    widths = (20, 28)

    def construction(self) -> ReplicatedRows:
        return ReplicatedRows(density=0.7)


class _Activated(Rows):
    certified = False
    activation: Activation

    def construction(self) -> ReplicatedRows:
        return ReplicatedRows(activation=self.activation)

    def model(self, seed: int) -> Any:
        return chain(self.activation, (2, 3, 2), seed)


class TestReplicatedRowsOfLeakyReLUs(_Activated):
    activation = LeakyReLU(0.25)
    nested = False  # P and N come nearer with width, P + a N need not


class TestReplicatedRowsOfTanhs(_Activated):
    activation = Tanh()


class TestReplicatedRowsOfSigmoids(_Activated):
    activation = Sigmoid()
    nested = False  # what cancels sigmoid(0) depends on the other sums


class TestReplicatedRowsOfGELUs(_Activated):
    activation = GELU()


def state_of(ticket: slt.Ticket) -> dict[str, np.ndarray]:
    return {name: value.double().numpy() for name, value in ticket.source().state_dict().items()}


def test_every_sum_is_the_optimum_of_its_own_weights():
    """Against all subsets, from the float weights of the unpruned module: nothing but its own numbers is summed."""
    width, model = 7, chain(ReLU(), (1, 2, 2))
    ticket = find_ticket(model, width=width, seed=3, construction=ReplicatedRows(), max_items=14)
    state, parts = state_of(ticket), ticket.residuals().parts
    layers = [m for m in model if isinstance(m, nn.Linear)]

    def best(items: np.ndarray, wanted: float) -> float:
        sums = np.array([sum(c) for c in itertools.product(*((0.0, x) for x in items))])
        return float(np.abs(sums - wanted).min())

    first, bias, second = state["first.weight"], state["first.bias"], state["layer0.weight"]
    assert first.shape == (28, 1) and second.shape == (2 * width + 14, 28)
    for row, sign in itertools.product((0, width, 2 * width - 1), (1, -1)):
        items = (second[row, :14] * first[:14, 0])[first[:14, 0] * sign > 0]
        found = parts["layer 0/weight"].positive if sign > 0 else parts["layer 0/weight"].negative
        assert abs(found[row, 0]) == pytest.approx(best(items, float(layers[0].weight[row // width, 0])), abs=1e-12)
        items = (second[row, 14:] * bias[14:])[bias[14:] > 0]
        found = parts["layer 0/bias"].positive[row, 0]
        assert abs(found) == pytest.approx(best(items, float(layers[0].bias[row // width])), abs=1e-12)
    last, constants = state["layer1.weight"], state["layer0.bias"][2 * width :]
    assert last.shape == (2, 2 * width + 14)
    for row, j in itertools.product(range(2), range(2)):
        found = parts["layer 1/weight"].branches[0].residual[row, j]
        items = last[row, j * width : (j + 1) * width]
        assert abs(found) == pytest.approx(best(items, float(layers[1].weight[row, j])), abs=1e-12)
    for row in range(2):
        items = (last[row, 2 * width :] * constants)[constants > 0]
        found = parts["layer 1/bias"].positive[row, 0]
        assert abs(found) == pytest.approx(best(items, float(layers[1].bias[row])), abs=1e-12)


def test_a_network_of_l_plus_one_layers():
    ticket = find_ticket(chain(ReLU(), (2, 3, 3, 1)), width=6, construction=ReplicatedRows())
    linears = [m for m in ticket.module().modules() if isinstance(m, nn.Linear)]
    assert len(linears) == 3 + 1
    assert [tuple(m.weight.shape) for m in linears] == [(36, 2), (18 + 12, 36), (18 + 12, 18 + 12), (1, 18 + 12)]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.torch_name)
@pytest.mark.parametrize("bias", [True, False])
def test_module_and_collapsed_form_agree_and_are_near_the_target(activation, bias):
    model = chain(activation, (2, 3, 1), bias=bias).double()
    domain = slt.Ball(1.0)
    ticket = find_ticket(model, width=18, construction=ReplicatedRows(activation=activation), max_items=30)
    x = domain.sample(2, 64, np.random.default_rng(0))
    got = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    wanted = model(torch.from_numpy(x)).numpy()
    # all of the sigmoid's numbers go through a difference of large ones
    assert np.abs(ticket.collapsed().forward(x) - got).max() < 1e-11
    assert np.abs(got - wanted).max() < 0.05
    single = ticket.module()(torch.from_numpy(x).float()).double().numpy()
    assert np.abs(single - got).max() < 1e-2
    score = slt.sampled(ticket, model, x)
    assert score.value <= np.abs(got - wanted).max() <= score.value + 2 * score.rounding + 1e-12
    worst = slt.ascend(ticket, model, domain, x[:8], steps=3)
    assert slt.sampled(ticket, model, worst).value >= slt.sampled(ticket, model, x[:8]).value - 1e-9
    ticket.verify()


@pytest.mark.parametrize("activation", [LeakyReLU(0.01), Tanh(2.0**-9), Sigmoid(2.0**-8), GELU(2.0**18)], ids=str)
def test_the_first_block_is_linear_up_to_its_floor(activation):
    """Of the same units, before any error of sums: the block against the linear map that its sums make."""
    model = nn.Sequential(nn.Linear(2, 3, bias=False)).double().requires_grad_(False)
    domain = slt.Ball(1.0)
    ticket = find_ticket(model, width=12, construction=ReplicatedRows(activation=activation), max_items=24)
    x = domain.sample(2, 64, np.random.default_rng(1))
    got = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    parts = ticket.residuals().parts["layer 0/weight"]
    weight = model[0].weight.numpy()
    above, below = weight + parts.branches[0].residual, weight + parts.branches[-1].residual
    linear = np.maximum(x, 0) @ above.T - np.maximum(-x, 0) @ below.T
    if "layer 0/bias" in ticket.residuals().parts:
        linear = linear + ticket.residuals().parts["layer 0/bias"].positive[:, 0]
    floor = {"LeakyReLU": 1e-12, "Tanh": 3e-6, "Sigmoid": 3e-6, "GELU": 1e-5}[activation.torch_name]
    assert np.abs(got - linear).max() < floor


@given(st.integers(0, 2**32), st.floats(0.0, 0.9), st.integers(6, 12))
@settings(max_examples=20, deadline=None)
def test_leaky_relus_are_as_linear_as_relus(seed, slope, width):
    """P + a N and N + a P on both signs of the input are exactly what the residuals say."""
    activation = LeakyReLU(slope)
    model = nn.Sequential(nn.Linear(1, 1, bias=False)).double().requires_grad_(False)
    try:
        ticket = find_ticket(model, width=width, seed=seed, construction=ReplicatedRows(activation=activation))
    except NoUsableItemError:
        return
    part = ticket.residuals().parts["layer 0/weight"]
    x = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    got = ticket.module(torch.float64)(x)[:, 0].numpy() * [1, -1] - float(model[0].weight)
    assert got == pytest.approx([part.positive[0, 0], part.negative[0, 0]], abs=1e-12)


def test_draws_are_nested_in_width():
    """The rows (neuron, copy) and columns (coordinate, unit) of a width are part of those of the next."""
    small, large = (find_ticket(random_chain(0), width=w, construction=ReplicatedRows()).source_network for w in (4, 6))
    assert np.array_equal(small.first(), large.first()[:, :8])
    for name, part in small.parts.items():
        a, b = small.second(part, slice(None)), large.second(large.parts[name], slice(None))
        b = b[:, :, : a.shape[2]]
        if part.copies > 1:
            a, b = a.reshape(-1, 4, *a.shape[1:]), b.reshape(-1, 6, *b.shape[1:])[:, :4]
        assert np.array_equal(a, b)
    assert np.array_equal(small.constant_biases(1), large.constant_biases(1)[:8])


def test_the_needed_width_is_the_first_that_misses_nothing():
    model, tolerance = random_chain(4, (2, 3, 1)), 0.03
    options = {"seed": 5, "tolerance": tolerance, "construction": ReplicatedRows()}
    wide = find_ticket(model, width=24, **options)
    needed = wide.findings.needed_width
    assert needed is not None and 1 < needed < 24
    assert find_ticket(model, width=needed, **options).findings.missed == 0
    for width in range(max(4, needed - 3), needed):
        narrow = find_ticket(model, width=width, **options)
        assert narrow.findings.missed == len(narrow.unreached(tolerance)) > 0
        assert narrow.findings.needed_width is None
    assert find_ticket(model, width=12, construction=ReplicatedRows()).findings.missed is None


def test_what_is_not_reached_names_a_width_that_does():
    model = random_chain(4, (2, 3, 1))
    with pytest.raises(
        slt.errors.UnreachedError, match=r"are farther than 0.03 .* about ([0-9]+) should reach"
    ) as caught:
        find_ticket(model, width=6, tolerance=0.03, require=0.03, construction=ReplicatedRows())
    enough = int(str(caught.value).partition("about ")[2].partition(" ")[0])
    needed = [
        find_ticket(
            model, width=enough + 6, seed=s, tolerance=0.03, construction=ReplicatedRows()
        ).findings.needed_width
        for s in range(5)
    ]
    # a median of five sources, within what a law of medians may be off by
    assert abs(np.median([24 if n is None else n for n in needed]) - enough) <= 4


def test_large_weights_have_a_declared_scale():
    model = random_chain(1, (2, 3, 3, 1), size=5.0)
    ticket = find_ticket(model, width=14, construction=ReplicatedRows())
    assert [c.value for c in ticket.carried] == [8.0, 8.0, 8.0] and ticket.carried_count == 3
    ticket.verify()
    x = slt.Ball(1.0).sample(2, 50, np.random.default_rng(0))
    got = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    assert np.abs(got - ticket.collapsed().forward(x)).max() < 1e-10
    assert slt.certified(ticket, model, slt.Ball(1.0)).value >= slt.sampled(ticket, model, x).value
    scaled = find_ticket(chain(Tanh(), (2, 3, 1)).double(), width=8, construction=ReplicatedRows(Tanh()))
    assert scaled.carried == () and {c.name for c in scaled.source_network.constants} == {
        "first_scale.factor",
        "gain.factor",
    }


@pytest.mark.parametrize("domain", [slt.Ball(1.0), slt.Box(0, 1), slt.Box((-1, 0), (0, 1))], ids=str)
@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)),
        nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2, bias=False)),
        nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2), nn.ReLU()),
    ],
    ids=["no ReLU", "ReLU first", "ReLU last"],
)
def test_chains_of_every_kind(model, domain):
    model = model.requires_grad_(False)
    ticket = find_ticket(model, width=12, inputs=domain, construction=ReplicatedRows(), max_items=24)
    ticket.verify()
    x = domain.sample(2, 50, np.random.default_rng(0))
    got = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    assert np.abs(got - ticket.collapsed().forward(x)).max() < 1e-12
    assert slt.certified(ticket, model, domain).value >= slt.sampled(ticket, model, x).value


def test_a_graph_takes_edges_away_and_a_denser_one_keeps_them():
    model = random_chain(2)
    sources = [
        find_ticket(model, width=24, construction=ReplicatedRows(density=d)).source_network for d in (0.6, 0.8, 1.0)
    ]
    for name in sources[0].tensor_shapes:
        thin, dense, whole = (source.draw(name) for source in sources)
        assert np.all((thin == 0) | (thin == dense)) and np.all((dense == 0) | (dense == whole)) and np.all(whole != 0)
    share = sources[0].weights / sources[2].weights
    # 4 standard deviations of a binomial number
    assert abs(share - 0.6) < 4 * np.sqrt(0.24 / sources[2].weights)
    ticket = find_ticket(model, width=24, construction=ReplicatedRows(density=0.6))
    broken = dict(ticket.mask)
    name = "layer 1/weight"
    absent = np.argwhere(ticket.source_network.second(ticket.source_network.parts[name], slice(None)) == 0)[0]
    kept = broken[name].unpack().copy()
    kept[tuple(absent)] = True
    broken[name] = slt.Mask.of(kept)
    with pytest.raises(slt.errors.MaskError, match="1 edges that the random graph lacks"):
        slt.Ticket(ticket.source_network, broken)


@pytest.mark.parametrize(
    ("construction", "model", "error", "text"),
    [
        (ReplicatedRows(), chain(Tanh()), AssumptionError, r"assumes .* ReLU; module 1 is Tanh.*Tanh\(\)\) would do"),
        (ReplicatedRows(Tanh()), chain(ReLU()), AssumptionError, r"module 1 is ReLU\(\). TwoLayerSum\(\) or"),
        (ReplicatedRows(LeakyReLU(0.1)), chain(LeakyReLU(0.2)), AssumptionError, "LeakyReLU 0.1; module 1 is Leaky"),
        (ReplicatedRows(GELU()), nn.Sequential(nn.Linear(2, 2), nn.GELU("tanh")), AssumptionError, "exact form"),
        (ReplicatedRows(Tanh()), nn.Sequential(nn.Tanh(), nn.Linear(2, 2)), AssumptionError, "before the first linear"),
        (ReplicatedRows(Tanh()), nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Tanh()), AssumptionError, "follow each"),
        (ReplicatedRows(Tanh()), nn.Sequential(nn.Linear(2, 2), nn.Softplus()), AssumptionError, "Softplus"),
        (ReplicatedRows(), nn.Sequential(nn.Conv2d(1, 1, 2)), AssumptionError, r"0 is a Conv2d.*: Convolution\(\)"),
        (
            ReplicatedRows(Tanh()), nn.Sequential(nn.Tanh(), nn.Conv2d(1, 1, 2)), AssumptionError,
            r"chain of Linear and Tanh modules; module 1 is a Conv2d",
        ),
        (ReplicatedRows(Tanh()), random_chain(0), AssumptionError, "the target is ReLU"),
        (ReplicatedRows(Tanh()), 3, InputError, "ActivationTarget is needed as target; int"),
        (ReplicatedRows(), ActivationTarget(random_chain(0), Tanh()), AssumptionError, "the target is Tanh"),
    ],
)  # fmt: skip
def test_targets_of_other_activations_are_refused(construction, model, error, text):
    with pytest.raises(error, match=text):
        find_ticket(model, width=8, construction=construction)


def test_targets_of_no_activation_suit_all():
    model = nn.Sequential(nn.Linear(2, 2)).requires_grad_(False)
    for activation in ACTIVATIONS:
        ticket = find_ticket(model, width=10, construction=ReplicatedRows(activation))
        ticket.verify()
        assert ticket.residuals(model).sums == ticket.residuals().sums


def test_an_activation_target_is_its_module():
    model = chain(Tanh(), (2, 3, 1)).double()
    target = ActivationTarget.of(model, Tanh())
    x = np.random.default_rng(0).normal(size=(20, 2))
    assert np.abs(target.forward(x) - model(torch.from_numpy(x)).numpy()).max() < 1e-14
    assert target.weights == 3 * 2 + 3 + 3 + 1 and target.inputs == 2 and target.outputs == 1
    # the scale is the source's, not the target's
    assert ActivationTarget.of(target, Tanh(2.0**-9)).activation == Tanh(2.0**-9)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ReplicatedRows(activation="relu"), "an object such as Tanh"),
        (lambda: ReplicatedRows(density=0.0), "density"),
        (lambda: ReplicatedRows(density=True), "density"),
        (lambda: ReplicatedRows(first_factor=0), "first_factor"),
        (lambda: ReplicatedRows(first_factor=1.5), "first_factor"),
    ],
)
def test_bad_constructions_are_refused(make, text):
    with pytest.raises(InputError, match=text):
        make()


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"max_items": 45}, LimitError, "at most 44"),
        ({"width": SPAN}, InputError, "copies of a neuron"),
        ({"width": SPAN // 2}, InputError, "units a coordinate"),
        ({"law": slt.Uniform(30)}, InputError, "lattice"),
        ({"width": 1, "seed": 3}, NoUsableItemError, "at width 1 .* Raise width; [0-9]+ leaves none out"),
    ],
)
def test_bad_requests_are_refused(kwargs, error, text):
    with pytest.raises(error, match=text):
        find_ticket(random_chain(0, (30, 2)), **{"width": 4, "construction": ReplicatedRows(), **kwargs})


def test_the_answer_does_not_depend_on_batches(monkeypatch):
    import slt.constructions.replicated_rows as module

    model = random_chain(3)
    whole = find_ticket(model, width=9, construction=ReplicatedRows())
    monkeypatch.setattr(module, "BATCH", 1)
    assert find_ticket(model, width=9, construction=ReplicatedRows()).mask == whole.mask
