"""Targets that between them use every feature of the two-layer construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import slt


def build_targets() -> dict[str, nn.Module]:
    torch.manual_seed(3)
    shared = nn.Linear(4, 4)
    tied = nn.Linear(4, 4)
    tied.weight = shared.weight
    big = nn.Linear(3, 5)
    with torch.no_grad():
        big.weight.mul_(7.3)
    other_bias = nn.Linear(4, 4)
    other_bias.weight = shared.weight
    with torch.no_grad():
        other_bias.bias.mul_(11)
    return {
        "one layer": nn.Linear(3, 2),
        "no bias": nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False)),
        "no ReLU between": nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)),
        "shared and tied": nn.Sequential(nn.Linear(3, 4), shared, nn.ReLU(), shared, nn.ReLU(), tied),
        "large weights": nn.Sequential(big, nn.ReLU(), nn.Linear(5, 2)),
        "tied with another scale": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), shared, nn.ReLU(), other_bias),
        "flattened, ReLU first": nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)),
        "half precision": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to(torch.bfloat16),
        "double precision": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double(),
    }


TARGETS = build_targets()
DOMAINS = {"ball": slt.Ball(1.0), "unit box": slt.Box(0, 1), "mixed box": slt.Box((-1, 0, -1), (0, 1, 1))}


@pytest.fixture(params=list(TARGETS))
def target(request: pytest.FixtureRequest) -> nn.Module:
    return TARGETS[request.param]


@pytest.fixture(params=list(DOMAINS))
def domain(request: pytest.FixtureRequest) -> slt.Ball | slt.Box:
    return DOMAINS[request.param]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
