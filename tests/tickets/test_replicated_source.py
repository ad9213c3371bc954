"""Sources of replicated rows: their layout, their files, and activations by name."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import slt
from slt.activations import GELU, LeakyReLU, ReLU, Sigmoid, Tanh, named_activation
from slt.constructions import ReplicatedRows, find_ticket
from slt.errors import InputError, TicketFileError
from slt.tickets.replicated_layout import SPAN, ReplicatedLayer, draw_copies
from slt.tickets.replicated_source import ReplicatedSource
from slt.weights import Key, Uniform
from tests.constructions.conformance import random_chain
from tests.tickets.ticket_files import rewritten

LAYERS = (ReplicatedLayer(2, 3, True, True), ReplicatedLayer(3, 1, False, False))


def source(**changes: object) -> ReplicatedSource:
    given = {"key": Key(0), "law": Uniform(), "width": 3, "first_units": 6, "layers": LAYERS, "activation": ReLU()}
    return ReplicatedSource(**{**given, **changes})  # type: ignore[arg-type]


def test_the_layout_is_as_stated():
    made = source()
    # 2 coordinates of 6 units and 6 constant units; 3 neurons of 3 copies; no constants behind them
    assert made.tensor_shapes == {
        "first.weight": (18, 2), "first.bias": (18,), "layer0.weight": (9, 18), "layer1.weight": (1, 9),
    }  # fmt: skip
    assert made.mask_shapes == {
        "layer 0/weight": (9, 2, 6), "layer 0/bias": (9, 1, 6), "layer 1/weight": (1, 3, 3),
    }  # fmt: skip
    assert made.weights == 36 + 18 + 162 + 9
    # sigmoids always need what cancels their value at 0
    assert source(activation=Sigmoid()).constant_units(0) == 6 + 8 * 4
    assert source(activation=Sigmoid()).constant_units(1) == 0


def test_rows_are_drawn_by_neuron_and_copy():
    law, key = Uniform(), Key(3) / "rows"
    rows = draw_copies(law.draw, key, 5, 2, 4, 3, 12)
    for row in range(3, 12):
        alone = law.draw(key, (1, 2, 4), ((row // 5) * SPAN + row % 5, 0, 0))
        assert np.array_equal(rows[row - 3], alone[0])


def test_every_tensor_is_drawn_the_same_by_parts():
    made = source(layers=(ReplicatedLayer(2, 3, True, True), ReplicatedLayer(3, 2, True, False)))
    for name in made.tensor_shapes:
        whole = made.draw(name)
        for rows in (slice(0, 2), slice(4, 11), slice(7, None), slice(len(whole), None)):
            assert np.array_equal(made.draw_plain(name, rows), whole[rows])
    # the parts that sums are made of are the tensors' own numbers
    first = made.draw("first.weight")[:12].reshape(2, 6, 2)
    assert np.array_equal(made.first(), np.stack([first[j, :, j] for j in range(2)]))
    second = made.draw("layer0.weight")
    assert np.array_equal(second[:9, :12].reshape(9, 2, 6), made.second(made.parts["layer 0/weight"], slice(None)))
    assert np.array_equal(made.draw("layer0.bias")[9:], made.constant_biases(1))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"width": 0}, "copies"),
        ({"width": 2.5}, "copies"),
        ({"width": True}, "copies"),
        ({"first_units": SPAN}, "units a coordinate"),
        ({"law": slt.Uniform(24)}, "lattice"),
        ({"law": slt.Normal(23)}, "float32"),
        ({"layers": ()}, "at least one layer"),
        ({"layers": (LAYERS[0], LAYERS[0])}, "takes 2 inputs, the one before has 3"),
        ({"layers": (ReplicatedLayer(2, 0, True, True),)}, "cannot be layer 0"),
        ({"layers": (ReplicatedLayer(2, 2, 1, True),)}, "cannot be layer 0"),
        ({"layers": (ReplicatedLayer(2, 2, True, True, 128),)}, "cannot be layer 0"),
        ({"activation": "ReLU"}, "an object such as ReLU"),
        ({"graph": slt.constructions.RandomGraph(0.5, 0.5)}, "without locked edges"),
        ({"graph": 0.5}, "without locked edges"),
    ],
)
def test_bad_sources_are_refused(changes, text):
    with pytest.raises(InputError, match=text):
        source(**changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["source"].update(width=0),
        lambda h: h["source"].update(first_units=None),
        lambda h: h["source"].update(activation="ReLU6"),
        lambda h: h["source"].update(activation="Tanh/3.0"),
        lambda h: h["source"].update(activation=3),
        lambda h: h["source"].update(density=2.0),
        lambda h: h["source"].update(layers=[]),
        lambda h: h["source"]["layers"][0].update(outputs=2),
        lambda h: h["source"]["layers"][0].update(more=2),
        lambda h: h["source"].update(flatten=1),
        lambda h: h["source"].update(path="x"),
    ],
)
def test_files_with_bad_headers_are_refused(tmp_path, change):
    ticket = find_ticket(random_chain(0, (2, 3, 1)), width=4, construction=ReplicatedRows())
    path = ticket.save(tmp_path / "t.slt")
    rewritten(path, lambda header, bodies: change(header))
    with pytest.raises(TicketFileError):
        slt.load(path)


@pytest.mark.parametrize(
    "activation", [ReLU(), LeakyReLU(0.2), Tanh(2.0**-3), Sigmoid(0.5), GELU(4.0)], ids=lambda a: a.torch_name
)
def test_activations_by_name(activation):
    assert named_activation(activation.name) == activation
    x = np.linspace(-30, 30, 101)
    import torch

    assert np.abs(activation.module()(torch.from_numpy(x)).numpy() - activation.apply(x)).max() < 1e-14
    slopes = np.diff(activation.apply(np.linspace(-8, 8, 10**5))) / (16 / (10**5 - 1))
    assert np.abs(slopes).max() <= activation.lipschitz * (1 + 1e-9)
    assert activation.apply(np.zeros(1))[0] == activation.offset
    # the identity of it, where it bends only on one side
    x = np.array([0.5])
    through = (activation.apply(activation.scale * 2.0**-10 * x) - activation.offset) * activation.gain * 2.0**10
    assert activation.bends or through == pytest.approx(x, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["relu", "ReLU/1.0", "Tanh/0.3", "Tanh/2.0", "GELU/0.5", "Tanh/x", "LeakyReLU/1.5", "Tanh", "", None]
)
def test_names_of_no_activation_are_refused(name):
    if name == "Tanh":
        name = "Tanh/0.0156250"  # a number written in another way
    with pytest.raises(InputError, match=r"activation|scale|slope"):
        named_activation(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tanh(0.3), lambda: Tanh(2.0), lambda: Tanh(2.0**-21), lambda: Tanh(True), lambda: Tanh(float("nan")),
        lambda: GELU(0.5), lambda: GELU("1"), lambda: Sigmoid(0.0), lambda: LeakyReLU(1.0), lambda: LeakyReLU(-0.1),
        lambda: LeakyReLU(None),
    ],
)  # fmt: skip
def test_bad_activations_are_refused(make):
    with pytest.raises(InputError, match=r"scale|slope"):
        make()


def test_residuals_of_another_model_are_refused():
    ticket = find_ticket(random_chain(0, (2, 3, 1)), width=4, construction=ReplicatedRows())
    with pytest.raises(InputError, match="pass the model that the ticket was made for"):
        ticket.residuals(random_chain(0, (2, 2, 1)))
    assert ticket.residuals(copy.deepcopy(random_chain(0, (2, 3, 1)))).sums == ticket.residuals().sums
