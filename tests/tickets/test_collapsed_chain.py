"""The collapsed module of a chain computes what the masked random network does, for every kind of chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.activations import Tanh
from slt.errors import InputError

CHAINS = (
    slt.TwoLayerSum(),
    slt.LooksLinear(),
    slt.ReplicatedRows(),
    slt.TwoLayerSum(perturbation=slt.constructions.Perturbation(2.0**-12)),
)


@pytest.mark.parametrize("construction", CHAINS, ids=lambda c: repr(c)[:40])
@pytest.mark.parametrize("kind", ["vectors", "images", "relu first"])
def test_it_computes_what_the_random_network_does(construction, kind, tmp_path):
    torch.manual_seed(4)
    first = {"vectors": nn.Identity(), "images": nn.Flatten(), "relu first": nn.ReLU()}[kind]
    model = nn.Sequential(first, nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        model[1].weight[0, 0] = 2.5  # a scale
    ticket = slt.find_ticket(model, width=10, construction=construction)
    x = torch.randn(7, 1, 2, 3) if kind == "images" else torch.randn(7, 6)
    for made in (ticket, slt.load(ticket.save(tmp_path / "a.slt"))):
        small, whole = made.collapsed_module(torch.float64), made.module(torch.float64)
        assert float((small(x.double()) - whole(x.double())).abs().max()) < 1e-12
        assert np.abs(made.collapsed().forward(x.numpy()) - small(x.double()).numpy()).max() < 1e-12
        assert not small.training and not any(p.requires_grad for p in small.parameters())
        assert made.collapsed_module()(x).dtype == torch.float32
    if kind == "vectors":  # leading dimensions, as in the module
        assert small(x.double().reshape(7, 1, 6)).shape == whole(x.double().reshape(7, 1, 6)).shape == (7, 1, 2)


def test_other_activations_have_none():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    ticket = slt.find_ticket(model, width=10, construction=slt.ReplicatedRows(activation=Tanh(0.125)))
    with pytest.raises(InputError, match="computes a DenseChain has no collapsed module"):
        ticket.collapsed_module()
