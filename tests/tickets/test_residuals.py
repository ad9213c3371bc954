"""Residuals: where a sum is in the target's own tensor, and their short text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.counted import counted, percent
from slt.tickets.residuals import PARTS_SHOWN, PartResiduals, Residuals


@pytest.mark.parametrize(("groups", "kernel"), [(1, (3, 3)), (2, (1, 3)), (4, (2, 1))])
def test_an_unreached_tap_is_told_by_its_place_in_the_targets_own_tensor(groups, kernel):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 8, kernel, groups=groups), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    ticket = slt.find_ticket(model, width=6, construction=slt.Convolution())
    beyond = ticket.unreached(1e-5)
    parameters = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    assert len(beyond) > 60
    for u in beyond:
        assert u.wanted == parameters[u.part][u.entry] and u.wanted == ticket.residuals().parts[u.part].wanted[u.index]
    # every number of every parameter has one place
    for name, part in ticket.residuals().parts.items():
        entries = {part.entry(index) for index in itertools.product(*map(range, part.wanted.shape))}
        assert entries == set(itertools.product(*map(range, parameters[name].shape)))


@pytest.mark.parametrize("construction", [slt.ModuleTree(), slt.TwoLayerSum()])
def test_other_parts_have_the_target_s_own_indices(construction):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    ticket = slt.find_ticket(model, width=6, construction=construction)
    beyond = ticket.unreached(0.0)
    assert beyond and all(u.entry[: len(u.index)] == u.index[: len(u.entry)] for u in beyond)
    if isinstance(construction, slt.ModuleTree):
        parameters = {name: p.detach() for name, p in model.named_parameters()}
        assert all(u.wanted == float(parameters[u.part][u.entry]) for u in beyond)


def part(*residuals: float) -> PartResiduals:
    sums = np.array([residuals], dtype=np.int64)
    return PartResiduals.of(np.zeros(sums.shape), 2, {"positive": (sums, None)})


def test_the_text_is_short():
    residuals = Residuals({"a": part(1, -2, 4), "b": part(8)})
    assert (
        str(residuals)
        == repr(residuals)
        == (
            "residuals, 4 sums: median 0.75, largest 2\n"
            "  a: 3 sums: median 0.5, largest 1\n"
            "  b: 1 sum: median 2, largest 2"
        )
    )
    assert repr(part(1)) == "<residuals of shape (1, 1): 1 sum: median 0.25, largest 0.25>"
    unneeded = PartResiduals.of(np.zeros((1, 2)), 2, {"positive": (np.ones((1, 2), np.int64), np.zeros((1, 2), bool))})
    assert unneeded.errors.size == 0 and "no sums" in repr(unneeded) and "no sums" in str(Residuals({"a": unneeded}))
    many = Residuals({f"part {i}": part(i) for i in range(PARTS_SHOWN + 7)})
    assert len(str(many).splitlines()) == PARTS_SHOWN + 2
    assert str(many).endswith(f"  7 more parts: largest {(PARTS_SHOWN + 6) / 4:.3g}")


def test_counts_and_shares_in_words():
    assert [counted(n, "number") for n in (0, 1, 2, 1024)] == ["0 numbers", "1 number", "2 numbers", "1,024 numbers"]
    assert [percent(x) for x in (0.0, 1.0, 0.1234, 0.00005)] == ["0.00%", "100.00%", "12.34%", "0.01%"]
    assert [percent(x) for x in (4 / 482048, 4e-9)] == ["0.00083%", "4e-07%"]


def test_a_ticket_says_how_little_is_carried():
    model = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40))
    with torch.no_grad():
        model[0].weight[0, 0] = 3.0
    text = str(slt.find_ticket(model, width=40))
    assert "1 number carried (0.0003" in text and "0.00%" not in text
