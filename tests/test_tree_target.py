"""Module trees as targets: every number is either a linear map's, once, or carried, once."""

from __future__ import annotations

import functools
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from slt.errors import InputError, UnsupportedModuleError
from slt.tree_target import TreeTarget
from tests.tree_models import Encoder


def test_every_number_is_read_exactly_once():
    model = Encoder()
    target = TreeTarget.of(model)
    names = [p.name for p in target.parameters]
    assert len(set(names)) == len(names)
    assert sum(name.endswith("weight") for name in names) == 2 * 6 + 1  # two blocks, the head; the pooler is tied
    assert "blocks.1.attention.key.weight" in names and "pooler.weight" not in names
    state = model.state_dict(keep_vars=True)
    for parameter in target.parameters:
        given = state[parameter.name].detach().numpy()
        assert np.array_equal(parameter.matrix, given[:, None] if parameter.constant else given)
    carried = {c.name: c for c in target.carried}
    assert set(carried) == {
        "embedding.weight",
        "positions",
        "temperature",
        *(f"blocks.{i}.norms.{n}" for i in (0, 1) for n in ("before.weight", "before.bias", "between.gain")),
    }
    assert torch.equal(carried["positions"].tensor(), model.positions)
    # the tied embedding counts on both sides: approximated in the head, carried in the embedding
    assert target.ties == (("head.weight", "embedding.weight"),)
    own = sum(p.numel() for p in model.parameters()) + model.positions.numel() + 1
    assert target.weights + target.carried_count == own + model.head.weight.numel()
    assert target.replaced_fraction == target.weights / (target.weights + target.carried_count)
    assert TreeTarget.of(target) is target


def test_the_skeleton_holds_no_value_of_a_linear_map_and_the_model_stays_as_it_is():
    model = Encoder()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    skeleton = TreeTarget.of(model).skeleton
    for module in skeleton.modules():
        if isinstance(module, nn.Linear) and module.weight is not skeleton.embedding.weight:
            assert all(p.is_meta for p in module.parameters())
    assert skeleton.blocks[0] is skeleton.blocks[2]
    assert torch.equal(skeleton.embedding.weight, model.embedding.weight)
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert model.training and all(p.requires_grad for p in model.parameters())


def test_packed_attention_is_four_linear_maps():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
    nn.init.normal_(attention.in_proj_bias)
    target = TreeTarget.of(nn.ModuleDict({"a": attention}))
    assert [p.path for p in target.places] == ["a.q_proj", "a.k_proj", "a.v_proj", "a.out_proj"]
    values = {p.name: p.matrix for p in target.parameters}
    for i, name in enumerate("qkv"):
        rows = slice(4 * i, 4 * i + 4)
        assert np.array_equal(values[f"a.{name}_proj.weight"], attention.in_proj_weight[rows].detach())
        assert np.array_equal(values[f"a.{name}_proj.bias"][:, 0], attention.in_proj_bias[rows].detach())
    assert [c.name for c in target.carried] == ["a.bias_k", "a.bias_v"]
    other = TreeTarget.of(nn.MultiheadAttention(4, 2, kdim=3, vdim=5, bias=False))
    assert [p.values.shape for p in other.parameters] == [(4, 4), (4, 3), (4, 5), (4, 4)]
    assert other.attentions == ("",) and other.carried == ()


class Hiding(nn.Module):
    """Keeps ``what`` in a plain attribute, past torch's registers."""

    def __init__(self, what):
        super().__init__()
        self.line = nn.Linear(4, 4)
        object.__setattr__(self, "hidden", what(self) if isinstance(what, types.FunctionType) else what)

    def forward(self, x):
        return self.line(x)


@pytest.mark.parametrize(
    "what",
    [
        nn.Linear(4, 4),
        functools.partial(nn.functional.linear, weight=torch.ones(4, 4)),
        types.SimpleNamespace(w=torch.ones(4, 4)),
        np.ones((4, 4)),
        {"deep": [types.SimpleNamespace(w=np.ones(3))]},
        lambda module: module.line,
        lambda module: module.line.forward,
    ],
)
def test_numbers_past_the_registers_are_refused(what):
    with pytest.raises(
        UnsupportedModuleError, match=r"\(root\) keeps tensors or modules in its plain attribute 'hidden'"
    ):
        TreeTarget.of(Hiding(what))


def test_plain_attributes_without_numbers_are_left_alone():
    for what in (3, "gelu", nn.functional.gelu, nn.Linear, types.SimpleNamespace(d=4, act=torch.relu), {"a": [1, 2]}):
        assert len(TreeTarget.of(Hiding(lambda _, what=what: what)).places) == 1


def test_carried_numbers_must_not_be_nan():
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    model.register_buffer("mask", torch.tensor([-torch.inf, 0.0]))
    assert len(TreeTarget.of(model).carried) == 3
    with torch.no_grad():
        model[1].weight[0] = torch.nan
    with pytest.raises(InputError, match=r"1\.weight has 1 NaN of 2 values"):
        TreeTarget.of(model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_all_float_formats_are_read_without_rounding(dtype):
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)).to(dtype)
    target = TreeTarget.of(model)
    assert np.array_equal(target.parameters[0].matrix, model[0].weight.detach().double())
    assert target.carried[0].dtype == str(dtype).removeprefix("torch.")
    assert torch.equal(target.carried[1].tensor(), model[1].weight.detach())


class OwnForward(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Adapted(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        self.low_rank = nn.Parameter(torch.zeros(2, 1))


class Hidden(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.first, self.hidden = nn.Linear(2, 2), value


def hooked():
    linear = nn.Linear(2, 2)
    linear.register_forward_hook(lambda module, args, output: 2 * output)
    return linear


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Bilinear(2, 2, 2), r"part.1 .*Bilinear, .* no nn.Linear.* Supported is any tree"),
        (lambda: nn.LSTM(2, 2), r"part.1 .*LSTM"),
        (lambda: nn.LazyLinear(2), r"part.1 .* call the model once"),
        (lambda: parametrizations.weight_norm(nn.Linear(2, 2)), r"part.1 .* parametrized Linear"),
        (lambda: OwnForward(2, 2), r"part.1 .*OwnForward, .* forward of its own"),
        (Adapted, r"part.1 is a Adapted with parts of its own, low_rank"),
        (hooked, r"part.1 has forward hooks"),
        (lambda: torch.jit.script(nn.Linear(2, 2)), r"part.1 .* before torch.jit"),
        (lambda: torch.compile(nn.Linear(2, 2)), r"part.1 .* before torch.compile"),
        (lambda: nn.DataParallel(nn.Linear(2, 2)), r"part.1 .* give its .module"),
        (lambda: Hidden([nn.Linear(2, 2)]), r"part.1 keeps .* plain attribute 'hidden'"),
        (lambda: Hidden({"a": (torch.ones(2),)}), r"part.1 keeps .* plain attribute 'hidden'"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_taken_apart_is_refused_by_its_path(make, text):
    with pytest.raises(UnsupportedModuleError, match=text):
        TreeTarget.of(nn.ModuleDict({"part": nn.ModuleList([nn.Linear(2, 2), make()])}))


def test_bad_numbers_and_trees_without_linear_maps_are_refused():
    with pytest.raises(InputError, match="Conv2d has no linear map; supported is"):
        TreeTarget.of(nn.Conv2d(1, 1, 1))
    with pytest.raises(InputError, match="list was given"):
        TreeTarget.of([nn.Linear(2, 2)])
    bad = nn.Linear(2, 2)
    with torch.no_grad():
        bad.weight[0, 1] = torch.nan
    with pytest.raises(InputError, match=r"a.weight of shape \(2, 2\) has 1 NaN"):
        TreeTarget.of(nn.ModuleDict({"a": bad}))
    with pytest.raises(InputError, match=r"a.weight is on the meta device"):
        TreeTarget.of(nn.ModuleDict({"a": nn.Linear(2, 2, device="meta")}))
    with pytest.raises(InputError, match=r"0.weight is a meta"):
        TreeTarget.of(nn.Sequential(nn.LayerNorm(2, device="meta"), nn.Linear(2, 2)))
    graph = Hidden(torch.ones(2, requires_grad=True) * 2)
    with pytest.raises(InputError, match="cannot be copied"):
        TreeTarget.of(graph)
