"""Any module tree, layer by layer: other people's encoders, torch's own transformers, in every mode and with masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.constructions import Attention, ModuleTree, Paper, TwoLayerSum, find_ticket
from slt.constructions.construction import default_construction
from slt.errors import InputError, LimitError, NoUsableItemError, UnreachedError
from slt.tree_target import TreeTarget
from tests.tree_models import Encoder

# 60 units a coordinate: residuals of about 1e-8, so that outputs tell a wrong network from a right one
FINE = {"width": 96, "tolerance": 1e-7}


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max())


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_an_encoder_written_by_someone_else_goes_in_unchanged(training):
    """Separate projections, embeddings, two kinds of norm, a block used twice, ties, dropout, its own mask."""
    model = Encoder().train(training)
    ticket = find_ticket(model, **FINE)
    assert ticket.source_network.kind == "module-tree" and ticket.findings.missed == 0
    tokens = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(7) < torch.tensor([[7], [4], [2]])
    for made in (ticket.module(), ticket.collapsed_module()):
        made.train(training)
        for arguments in ({}, {"mask": mask}, {"mask": mask, "pooled": True}):
            answers = []
            for network in (model, made):
                torch.manual_seed(4)  # dropout draws the same
                answers.append(network(tokens, **arguments))
            assert answers[0].shape == answers[1].shape
            assert difference(*answers) < 1e-4
    assert model.training is training and model.head.weight is model.embedding.weight


def test_each_linear_map_is_pruned_as_it_would_be_alone():
    """The two-layer construction on one Linear, at the address of the parameter, gives the same mask."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.GELU(), nn.Linear(4, 2, bias=False), nn.ReLU())
    for split in (TwoLayerSum().split, Paper()):
        ticket = find_ticket(model, width=20, seed=2, construction=ModuleTree(split))
        for place in ("0", "2"):
            key = slt.Key(2) / f"{place}.weight"
            alone = find_ticket(model[int(place)], width=20, seed=key, construction=TwoLayerSum(split))
            assert alone.mask["layer 0/weight"] == ticket.mask[f"{place}.weight"]
            residuals = ticket.residuals().parts[f"{place}.weight"]
            assert np.array_equal(residuals.negative, alone.residuals().parts["layer 0/weight"].negative)


class OwnOrder(nn.Module):
    """Sequentials used as lists: what follows a ReLU there may see negative inputs all the same."""

    def __init__(self, forward):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        self.own = forward

    def forward(self, x):
        return self.own(self.net, x)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: net[2](net[0](x)),
        lambda net, x: net[:1](x) + net[2:](x),
        lambda net, x: net(x) + net[2](x),
        lambda net, x: [x := x + layer(x) for layer in net][-1],
    ],
)
def test_both_signs_are_served_in_whatever_order_modules_are_called(forward):
    torch.manual_seed(0)
    model, x = OwnOrder(forward), torch.randn(5, 4)
    ticket = find_ticket(model, width=100, tolerance=1e-6, require=1e-6)
    assert difference(model(x), ticket.module()(x)) < 1e-4
    hooked = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    hooked[2].register_forward_hook(lambda module, inputs, output: output - 1)
    ticket = find_ticket(hooked, width=100, tolerance=1e-6)
    assert difference(hooked(torch.arange(5)), ticket.module()(torch.arange(5))) < 1e-4


def build_torch() -> dict[str, nn.Module]:
    torch.manual_seed(1)
    common = {"d_model": 8, "nhead": 2, "dim_feedforward": 12, "dropout": 0.1}
    layer = nn.TransformerEncoderLayer
    models: dict[str, nn.Module] = {
        "layer, post, relu": layer(**common, batch_first=True),
        "layer, pre, gelu": layer(**common, batch_first=True, norm_first=True, activation="gelu"),
        "layer, tokens first": layer(**common, bias=False),
        "encoder": nn.TransformerEncoder(layer(**common, batch_first=True), 2),
        "encoder, pre, final norm": nn.TransformerEncoder(
            layer(**common, batch_first=True, norm_first=True), 2, nn.LayerNorm(8), enable_nested_tensor=False
        ),
    }
    for model in models.values():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                nn.init.normal_(parameter, std=0.1)
    return models


TORCH = build_torch()


@pytest.mark.parametrize("name", list(TORCH))
@pytest.mark.filterwarnings("ignore")
def test_torch_transformers_in_both_modes_with_masks_and_padding(name):
    """In eval mode without gradients torch takes its fast path in the target, which the ticket must not."""
    model = TORCH[name]
    ticket = find_ticket(model, construction=ModuleTree(), **FINE)
    stacked = isinstance(model, nn.TransformerEncoder)
    x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(2))
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    padding = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1]], dtype=torch.bool)
    mask, hidden = ("mask" if stacked else "src_mask"), "src_key_padding_mask"
    cases = [
        {},
        {mask: causal},
        {mask: causal, "is_causal": True},
        {hidden: padding},
        {mask: causal, hidden: padding},
        {mask: torch.eye(5, dtype=torch.bool)},
    ]
    batch_first = (model.layers[0] if stacked else model).self_attn.batch_first
    given = x if batch_first else x.transpose(0, 1)
    for made in (ticket.module(), ticket.collapsed_module()):
        for training in (False, True):
            for arguments in cases:
                answers = []
                for network in (model, made):
                    torch.manual_seed(4)
                    with torch.no_grad():
                        answers.append(network.train(training)(given, **arguments))
                a, b = answers if batch_first else (y.transpose(0, 1) for y in answers)
                seen = ~padding if hidden in arguments else torch.ones(3, 5, dtype=torch.bool)
                assert difference(a[seen], b[seen]) < 1e-4, (training, arguments)
    ticket.verify()


@pytest.mark.filterwarnings("ignore")
def test_attention_inside_a_tree_and_a_decoder():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Parameter(torch.randn(1, 1, 8))
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=4)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, keys, values):
            answer, weights = self.attention(self.query.expand(len(keys), -1, -1), keys, values)
            return self.norm(answer[:, 0]), weights

    torch.manual_seed(0)
    model = Pooled().eval()
    ticket = find_ticket(model, **FINE)
    keys, values = torch.randn(4, 5, 6), torch.randn(4, 5, 4)
    for wanted, found in zip(model(keys, values), ticket.module()(keys, values), strict=True):
        assert difference(wanted, found) < 1e-5
    assert {c.name for c in ticket.carried} == {"query", *(f"norm.{n}" for n in model.norm.state_dict())}
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, batch_first=True), 1).eval()
    ticket = find_ticket(decoder, **FINE)
    x, memory = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    causal = nn.Transformer.generate_square_subsequent_mask(3)
    for arguments in ({}, {"tgt_mask": causal}, {"tgt_mask": causal, "tgt_is_causal": True}):
        assert difference(decoder(x, memory, **arguments), ticket.module()(x, memory, **arguments)) < 1e-4


def test_a_root_that_is_itself_a_linear_map():
    for model in (nn.Linear(3, 2), nn.MultiheadAttention(4, 2, batch_first=True).eval()):
        ticket = find_ticket(model, construction=ModuleTree(), **FINE)
        x = torch.randn(2, 3, 3) if isinstance(model, nn.Linear) else [torch.randn(2, 3, 4)] * 3
        a, b = (m(x) if isinstance(model, nn.Linear) else m(*x)[0] for m in (model, ticket.module()))
        assert difference(a, b) < 1e-5
        ticket.verify()


def test_find_ticket_chooses_by_type():
    chain = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    for model, construction in (
        (chain, TwoLayerSum()),
        (slt.Target.of(chain), TwoLayerSum()),
        (nn.MultiheadAttention(2, 1), Attention()),
        (nn.Sequential(nn.Linear(2, 2), nn.GELU()), ModuleTree()),
        (Encoder(), ModuleTree()),
        (TreeTarget.of(chain), ModuleTree()),
    ):
        assert default_construction(model) == construction


def test_a_tolerance_counts_misses_and_reports_progress():
    model, seen = Encoder(), []
    ticket = find_ticket(model, width=26, tolerance=1e-4, progress=lambda done, total: seen.append((done, total)))
    assert ticket.findings.missed == len(ticket.unreached(1e-4)) > 0
    assert seen[-1] == (ticket.findings.sums,) * 2 and ticket.residuals().sums == ticket.findings.sums
    with pytest.raises(UnreachedError, match=r"about \d+ should reach all of them"):
        find_ticket(nn.Sequential(nn.Linear(3, 3), nn.GELU()), width=26, tolerance=1e-6, require=1e-6)


def test_bad_requests_are_refused():
    model = nn.Sequential(nn.Linear(3, 3), nn.GELU())
    with pytest.raises(InputError, match="Leave inputs out"):
        find_ticket(model, inputs=slt.Box(0, 1))
    with pytest.raises(LimitError, match="at most 44"):
        find_ticket(model, max_items=45)
    with pytest.raises(NoUsableItemError, match=r"0\.weight needs a random unit"):
        find_ticket(nn.Sequential(nn.Linear(40, 2), nn.GELU()), width=1)
    with pytest.raises(InputError, match="sign_optimal"):
        ModuleTree(split="halves")
    with torch.no_grad():
        model[0].weight[0, 0] = torch.inf
    with pytest.raises(InputError, match=r"0\.weight .* NaN or infinite"):
        find_ticket(model)


def test_a_linear_used_past_its_call_fails_loudly():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return nn.functional.linear(x, self.linear.weight)

    ticket = find_ticket(Functional(), width=20)
    for made in (ticket.module(), ticket.collapsed_module()):
        with pytest.raises(TypeError, match="must be Tensor, not"):
            made(torch.ones(1, 2))
