"""Targets outside a theorem's assumptions: the error names the assumption, what was found, and what would do."""

from __future__ import annotations

import pytest
from torch import nn

import slt
from slt.constructions import ErdosRenyi, Logarithmic, LooksLinear, SingleMatch, TwoLayerSum
from slt.errors import AssumptionError, InputError

CHAINS = [SingleMatch(), Logarithmic(), TwoLayerSum(), LooksLinear(), ErdosRenyi()]


@pytest.mark.parametrize("construction", CHAINS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize(
    ("module", "kind", "remedy"),
    [
        (nn.Tanh(), "Tanh", r"ReplicatedRows\(activation=Tanh"),
        (nn.GELU(), "GELU", "GELU"),
        (nn.LeakyReLU(0.1), "LeakyReLU", "slope"),
        (nn.Conv2d(1, 1, 1), "Conv2d", r"Convolution\(\)"),
        (nn.LayerNorm(3), "LayerNorm", "ModuleTree"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_module_outside_chains_is_named_with_what_would_do(construction, module, kind, remedy):
    model = nn.Sequential(nn.Linear(3, 3), module, nn.Linear(3, 2))
    name = type(construction).__name__
    with pytest.raises(
        AssumptionError, match=rf"{name} assumes a chain of Linear and ReLU.* 1 is a .*{kind}.*{remedy}"
    ):
        slt.find_ticket(model, construction=construction)


def test_a_packed_attention_is_sent_to_attention():
    with pytest.raises(AssumptionError, match=r"\(root\) is a MultiheadAttention.*Attention\(\)"):
        slt.find_ticket(nn.MultiheadAttention(4, 2), construction=TwoLayerSum())


def test_bad_numbers_are_still_bad_numbers():
    model = nn.Linear(2, 2)
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(InputError, match="NaN"):
        slt.find_ticket(model, construction=TwoLayerSum())
