"""The main job, from data to ticket file: small on the digits, whole on MNIST where it is at hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import slt
from slt.data import digits, mnist
from slt.demo import demo
from slt.training import accuracy, multilayer_perceptron, outputs, train


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return demo(digits(), tmp_path_factory.mktemp("demo"), width=72, hidden=24, seed=2)


def test_the_demo_on_digits(small):
    assert small.target_accuracy > 0.9
    assert abs(small.ticket_accuracy - small.target_accuracy) < 0.02
    assert small.missed == small.ticket.findings.missed <= 1
    assert small.on_test_images.value <= small.worst_found.value <= small.certificate.value
    assert small.round_off < 1e-3
    assert {p.suffix for p in small.figures} == {".png", ".svg"} and all(p.stat().st_size for p in small.figures)
    loaded = slt.load(small.file)
    assert str(loaded.verify()) == small.verified
    assert loaded.mask == small.ticket.mask
    assert loaded.unreached(small.tolerance, small.model) == small.ticket.unreached(small.tolerance)


def test_its_words_are_its_numbers(small):
    table, conclusion = small.table(), small.conclusion().splitlines()
    assert f"{small.ticket_accuracy:.2%}" in table and str(small.certificate) in table
    assert [line.split(":")[0] for line in conclusion] == ["Shown", "Proved", "Measured"]


def test_training_is_a_function_of_its_seed_and_leaves_global_random_state_alone():
    images = digits()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    models = [train(multilayer_perceptron((64, 8, 10), seed=s), images, epochs=1, seed=s) for s in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    weights = [m[0].weight.detach().numpy() for m in models]
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])


def test_mnist_at_full_size(data_folder):
    """397,000 trained weights within 0.01 of sums of fixed random products, at 64 units a coordinate."""
    images = mnist(data_folder)
    model = train(multilayer_perceptron((784, 500, 10)), images)
    own = accuracy(outputs(model, images.test_x), images.test_y)
    assert own >= 0.97
    ticket = slt.find_ticket(model, width=64, seed=0, inputs=slt.Box(0, 1), tolerance=0.01)
    assert ticket.findings.sums == 397_000
    assert ticket.findings.missed <= 1
    assert ticket.verify().weights == 80_745_984
    inputs = images.test_x.astype(np.float64)
    assert abs(accuracy(ticket.collapsed().forward(inputs), images.test_y) - own) <= 0.001
    upper, lower = slt.certified(ticket, model, slt.Box(0, 1)), slt.sampled(ticket, model, inputs)
    assert lower.value <= upper.value < 40 * lower.value
    # the materialised network itself, on some of the images
    some = outputs(ticket.module(), images.test_x[:300])
    assert np.abs(some - ticket.collapsed().forward(inputs[:300])).max() < 1e-4
