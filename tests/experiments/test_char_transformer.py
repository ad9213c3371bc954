"""The files beside the experiment char-transformer: its network is causal."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

import slt
from slt.runner import load_experiment


@pytest.fixture
def beside():
    experiment = load_experiment(Path(__file__).parents[2] / "experiments" / "char-transformer" / "experiment.py")
    name = type(experiment).__module__
    assert name in sys.modules
    return lambda file: importlib.import_module(f"{name}.{file}")


def test_the_network_is_causal_and_turns_by_differences_of_positions(beside):
    model = beside("model").drawn(7, 12, 16, 2, 1, 0)
    text = torch.randint(0, 7, (1, 12), generator=torch.Generator().manual_seed(0))
    other = text.clone()
    other[0, 8:] = (other[0, 8:] + 1) % 7
    with torch.no_grad():
        a, b = model(text), model(other)
    assert torch.equal(a[:, :8], b[:, :8]) and not torch.allclose(a[:, 8:], b[:, 8:])
    turned = beside("model").turned
    q, k = torch.randn(2, 1, 8)
    cosine, sine = model.cosine, model.sine
    products = [(turned(q, cosine[i + 3], sine[i + 3]) @ turned(k, cosine[i], sine[i]).T).item() for i in (0, 5, 8)]
    assert products == pytest.approx([products[0]] * 3, abs=1e-5)


def test_its_tables_and_norms_are_carried_and_its_loss_is_that_of_its_ticket(beside):
    module = beside("model")
    model = module.drawn(7, 12, 16, 2, 1, 0)
    ticket = slt.find_ticket(model, width=60, tolerance=1e-4)
    assert {c.name for c in ticket.carried} == {
        "embedding.weight", "norm.weight", "blocks.0.norm1.weight", "blocks.0.norm2.weight", "cosine", "sine",
    }  # fmt: skip
    text = torch.randint(0, 7, (241,), generator=torch.Generator().manual_seed(0))
    losses = [module.loss_of(m, text, 12) for m in (model, ticket.module(), ticket.collapsed_module())]
    assert losses[1:] == pytest.approx([losses[0]] * 2, abs=1e-3)
    written = [module.sample(m, [0], 5, 12, 0.5, 1) for m in (model, model)]
    assert written[0] == written[1] and len(written[0]) == 5
