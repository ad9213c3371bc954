"""The attention construction: optimal sums, the function of the target, torch's masks and modes, its symmetries."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.attention_target import AttentionTarget
from slt.constructions import Attention, QueriesAndOutputs, SmallerSides, TwoLayerSum
from slt.errors import InputError, LimitError, UnreachedError, UnsupportedModuleError
from tests.tickets.attention_targets import CONSTRUCTIONS, TARGETS, grouped, multihead, tokens


def implied(ticket, radius: float) -> float:
    """What the residuals allow at tokens of norm ``radius``: |softmax - softmax'|_1 <= 2 tanh(e / 2) for logits that
    differ by at most e."""
    residuals, merged = ticket.residuals().parts, ticket.target.merged()
    left, right = (np.abs(residuals[n].branches[0].residual) for n in ("query-key", "value-output"))
    bias = np.linalg.norm(residuals["bias"].branches[0].residual) if "bias" in residuals else 0.0
    total = bias + 1e-12
    for a, c, wanted in zip(left, right, merged.value_output, strict=True):
        reach = np.sqrt(radius**2 + merged.query_constant)
        logits = reach * radius * np.linalg.norm(a, 2)
        exact, off = np.linalg.norm(wanted, 2), np.linalg.norm(c, 2)
        total += 2 * radius * np.tanh(logits / 2) * exact + radius * off
    return total


@pytest.mark.parametrize("construction", CONSTRUCTIONS.values(), ids=CONSTRUCTIONS)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_ticket_is_the_target_up_to_what_its_residuals_allow(target, construction):
    ticket = slt.find_ticket(target, width=16, construction=construction)
    x, y, z = tokens(ticket.target)
    mask = np.random.default_rng(2).random((5, 6)) < 0.5
    mask[:, 1] = True
    for hidden in (None, mask):
        off = ticket.collapsed().forward(x, y, hidden, z) - ticket.target.forward(x, y, hidden, z)
        assert np.linalg.norm(off, axis=-1).max() <= implied(ticket, 1.0)


def test_every_entry_is_the_optimum_of_its_own_sum():
    """Against all subsets, from the float weights of the unpruned module; units beyond max_items are left alone."""
    target = grouped(2, 1, (2, 3, 2, 2))
    ticket = slt.find_ticket(target, width=12, seed=5, max_items=10)
    source, merged = ticket.source_network, target.merged()
    state = {n: t.double().numpy() for n, t in ticket.source().state_dict().items()}
    query = np.concatenate([state["query.weight"], state["query.bias"][:, None]], axis=1).reshape(2, 3, 12, 3)
    key = state["key.weight"].reshape(3, 12, 3)
    value = state["value.weight"].reshape(2, 12, 2)
    output = state["output.weight"].reshape(2, 2, 2, 12)
    choices = np.array(list(itertools.product((0, 1), repeat=10)))

    def check(products, wanted, residual):
        assert abs(residual) == pytest.approx(np.abs(choices @ products[:10] - wanted).min(), abs=1e-13)

    residuals = {n: p.branches[0].residual for n, p in ticket.residuals().parts.items()}
    for h in range(2):
        for i, j in np.ndindex(3, 3):
            check(query[h, j, :, i] * key[j, :, j], merged.query_key[h, i, j], residuals["query-key"][h, i, j])
        for j, i in np.ndindex(2, 2):
            products = value[j, :, j] * output[i, h, j]
            check(products, merged.value_output[h, j, i], residuals["value-output"][h, j, i])
    for i in range(2):
        products = state["bias.first.bias"] * state["bias.second.weight"][i]
        check(products, merged.bias[i], residuals["bias"][0, 0, i])
    assert not any(mask.unpack()[..., 10:].any() for mask in ticket.mask.values()) and source.groups == 1


def test_a_tolerance_stops_early_and_uses_all_units():
    target = grouped(2, 2, (4, 4, 4, 4))
    ticket = slt.find_ticket(target, width=40, tolerance=0.003)
    assert ticket.findings.missed == 0 and ticket.unreached(0.003) == []
    needed = ticket.findings.needed_width
    assert needed < 40
    again = slt.find_ticket(target, width=needed, tolerance=0.003)
    assert again.findings.missed == 0 and again.findings.kept == ticket.findings.kept
    fewer = slt.find_ticket(target, width=needed - 1, tolerance=0.003)
    assert len(fewer.unreached(0.003)) == fewer.findings.missed > 0 and fewer.findings.needed_width is None


def test_the_answer_does_not_depend_on_batches(monkeypatch):
    import slt.constructions.attention as module

    target, done = grouped(4, 2, (5, 4, 3, 3)), []
    whole = slt.find_ticket(target, width=13)
    monkeypatch.setattr(module, "BATCH", 1)
    parts = slt.find_ticket(target, width=13, progress=lambda *counts: done.append(counts))
    assert parts.mask == whole.mask
    assert done[-1] == (whole.findings.sums,) * 2 and len(done) == 4 * (5 + 1) + 4 * 3 + 3


def test_keys_and_values_of_one_head_serve_all_heads_of_any_target():
    """A shared random pair approximates full multi-head attention as well, and each head alone gets the same masks."""
    target = grouped(4, 4, (3, 3, 3, 3), biases=False)
    shared = slt.find_ticket(target, width=22, construction=Attention(shared_keys=True))
    own = slt.find_ticket(target, width=22)
    assert shared.source_network.tensor_shapes["key.weight"] == (66, 3)
    assert own.source_network.tensor_shapes["key.weight"] == (4 * 66, 3)
    ratio = np.median(shared.residuals().errors) / np.median(own.residuals().errors)
    assert 0.5 < ratio < 2 and np.median(shared.residuals().errors) < 1e-5
    first = AttentionTarget.from_arrays(target.query[:1], target.key[:1], target.value[:1], target.output[:1])
    alone = slt.find_ticket(first, width=22)
    for name, mask in alone.mask.items():
        assert np.array_equal(mask.unpack()[0], shared.mask[name].unpack()[0])


def test_the_smaller_side_halves_the_random_dimension():
    target = grouped(8, 8, (4, 4, 4, 2), biases=False)
    theorem, smaller = (
        slt.find_ticket(target, width=20, construction=c) for c in (Attention(), Attention(SmallerSides()))
    )
    assert theorem.source_network.tensor_shapes["value.weight"] == (8 * 80, 4)
    assert smaller.source_network.tensor_shapes["value.weight"] == (8 * 40, 4)
    assert smaller.source_network.tensor_shapes["key.weight"] == (8 * 80, 4)
    errors = [np.median(np.abs(t.residuals().parts["value-output"].branches[0].residual)) for t in (theorem, smaller)]
    assert 1 / 3 < errors[1] / errors[0] < 3
    other = slt.find_ticket(target, width=20, construction=Attention(QueriesAndOutputs()))
    assert other.source_network.products["query-key"].structured.name == "query"


# -- torch ---------------------------------------------------------------------------------------------------------


def pair(**options):
    """A model and its ticket's module, both in float64, close to each other."""
    model = multihead(**options)
    ticket = slt.find_ticket(model, width=24)
    assert ticket.residuals().errors.max() < 1e-3
    return model.double(), ticket.module(torch.float64)


def torch_tokens(model, queries=5, keys=5, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    counts = ((queries, model.embed_dim), (keys, model.kdim), (keys, model.vdim))
    drawn = [torch.randn(batch, n, d, generator=generator, dtype=torch.float64) / d**0.5 for n, d in counts]
    return drawn if model.batch_first else [x.transpose(0, 1) for x in drawn]


CALLS = {
    "no mask": {},
    "causal": {"attn_mask": torch.ones(5, 5, dtype=torch.bool).triu(1), "is_causal": True},
    "added to the logits": {"attn_mask": torch.linspace(-2, 2, 25, dtype=torch.float64).reshape(5, 5)},
    "a mask for each head": {"attn_mask": torch.rand(6, 5, 5, generator=torch.Generator().manual_seed(0)) > 0.8},
    "padding": {"key_padding_mask": torch.tensor([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]]).bool()},
    "causal and padding": {
        "attn_mask": torch.ones(5, 5, dtype=torch.bool).triu(1),
        "key_padding_mask": torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]]).bool(),
    },
    "each head's weights": {"average_attn_weights": False},
    "no weights": {"need_weights": False},
}


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"kdim": 3, "vdim": 2}, {"bias": False}], ids=str)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
def test_the_module_is_called_like_torch_and_answers_like_it(options, call):
    model, module = pair(**options)
    inputs = torch_tokens(model)
    for mode in (True, False):
        wanted, wanted_weights = model.train(mode)(*inputs, **call)
        found, found_weights = module.train(mode)(*inputs, **call)
        assert found.shape == wanted.shape and (found - wanted).abs().max() < 5e-3
        if wanted_weights is None:
            assert found_weights is None
        else:
            assert found_weights.shape == wanted_weights.shape and (found_weights - wanted_weights).abs().max() < 5e-3


def test_inputs_without_batch_and_cross_attention():
    model, module = pair()
    x, y, z = torch_tokens(model, queries=4, keys=7, batch=1)
    for call in ({}, {"key_padding_mask": torch.tensor([False] * 6 + [True])}):
        wanted, weights = model(x[:, 0], y[:, 0], z[:, 0], **call)
        found, found_weights = module(x[:, 0], y[:, 0], z[:, 0], **call)
        assert found.shape == wanted.shape == (4, 4) and (found - wanted).abs().max() < 5e-3
        assert (found_weights - weights).abs().max() < 5e-3
    assert torch.equal(module(x, y, z)[0][:, 0], module(x[:, 0], y[:, 0], z[:, 0])[0])


def test_a_causal_flag_alone_is_refused_as_in_torch():
    model, module = pair()
    x = torch_tokens(multihead())[0]
    with pytest.raises(RuntimeError, match="attn_mask"):
        model(x, x, x, is_causal=True)
    with pytest.raises(InputError, match="is_causal was given without attn_mask"):
        module(x, x, x, is_causal=True)


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"kdim": 3, "vdim": 2}], ids=str)
def test_attention_weights_are_dropped_in_train_mode_with_the_draws_of_torch(options, tmp_path):
    model = multihead(dropout=0.4, **options)
    model.in_proj_bias[8:] = 0  # a value bias is merged into the output bias: dropping weights leaves it whole
    ticket = slt.find_ticket(model, width=80, tolerance=1e-6, require=1e-6)
    assert ticket.target.dropout == ticket.source_network.dropout == 0.4
    again = slt.load(ticket.save(tmp_path / "a.slt"))
    assert again.source_network == ticket.source_network
    model = model.double()
    inputs = torch_tokens(model)
    for module in (m(torch.float64) for t in (ticket, again) for m in (t.module, t.collapsed_module)):
        still = module(*inputs)[0]
        assert not module.training and (still - model.eval()(*inputs)[0]).abs().max() < 1e-4
        for call in ({}, {"need_weights": False}, {"average_attn_weights": False}):
            torch.manual_seed(7)
            wanted, weights = model.train()(*inputs, **call)
            torch.manual_seed(7)
            found, found_weights = module.train()(*inputs, **call)
            assert (found - wanted).abs().max() < 1e-4 < (found - still).abs().max()
            assert weights is None or (found_weights - weights).abs().max() < 1e-4
        assert torch.equal(module.eval()(*inputs)[0], still)


def test_rates_of_dropout_outside_their_range_are_refused():
    for rate in (1.0, -0.1, float("nan"), "0.1", True):
        with pytest.raises(InputError, match="dropout must be"):
            AttentionTarget.from_arrays(*(np.ones((1, 2, 2)) for _ in range(4)), dropout=rate)
    header = slt.find_ticket(multihead(), width=4).source_network.header()
    for rate in (1.0, True, None):
        with pytest.raises(InputError, match="dropout must be"):
            slt.tickets.AttentionSource.from_header(header | {"dropout": rate})
    del header["dropout"]
    assert slt.tickets.AttentionSource.from_header(header).dropout == 0.0


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:enable_nested_tensor")
def test_it_stands_in_for_the_attention_of_an_encoder(norm_first):
    """torch's fast path reads weights in the place of calling submodules; it must not take this one for its own."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2).double().requires_grad_(False)
    x = torch_tokens(multihead(batch_first=True))[0]
    masks = [
        {},
        {"mask": torch.ones(5, 5, dtype=torch.bool).triu(1), "is_causal": True},
        {"src_key_padding_mask": torch.tensor([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]]).bool()},
    ]
    for child in encoder.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.0
    for one in encoder.layers:
        one.self_attn.dropout = 0.0
    wanted = [[encoder.train(mode)(x, **m) for m in masks] for mode in (True, False)]
    for i, one in enumerate(encoder.layers):
        one.self_attn = slt.find_ticket(one.self_attn, width=24, seed=slt.Key(1) / f"layer {i}").module(torch.float64)
    for mode, results in zip((True, False), wanted, strict=True):
        for call, result in zip(masks, results, strict=True):
            rows = ~call.get("src_key_padding_mask", torch.zeros(3, 5).bool())
            found = encoder.train(mode)(x, **call)
            assert (found - result)[rows].abs().max() < 5e-3 and not torch.equal(found, result)


def test_masks_that_hide_everything_are_refused_by_their_rows():
    model, module = pair(batch_first=True)
    x, y, z = torch_tokens(model)
    hidden = torch.zeros(5, 5, dtype=torch.bool)
    hidden[[1, 4]] = True
    padding = torch.zeros(3, 5, dtype=torch.bool)
    padding[2] = True
    late = torch.ones(5, 5, dtype=torch.bool).triu(1)
    first = torch.zeros(3, 5, dtype=torch.bool)
    first[0, 0] = True
    calls = [
        ({"attn_mask": hidden}, r"from 6 queries \(index \(0, 1\), \(0, 4\), \(1, 1\)"),
        ({"attn_mask": torch.zeros(5, 5).masked_fill(hidden, -torch.inf)}, "from 6 queries"),
        ({"key_padding_mask": padding}, r"from 5 queries \(index \(2, 0\)"),
        ({"attn_mask": late, "key_padding_mask": first}, r"from 1 queries \(index \(0, 0\)\)"),
        ({"attn_mask": hidden.repeat(6, 1, 1) & (torch.arange(6) == 3)[:, None, None]}, r"index \(1, 1\), \(1, 4\)\)"),
    ]
    for call, text in calls:
        with pytest.raises(InputError, match=text):
            module(x, y, z, **call)
    merged = slt.find_ticket(multihead(), width=5).collapsed()
    with pytest.raises(InputError, match=r"from 2 queries \(index 1, 4\)"):
        merged.forward(x[0].numpy(), mask=~hidden.numpy())


def test_inputs_and_masks_that_do_not_fit_are_refused():
    model, module = pair(batch_first=True)
    x, y, z = torch_tokens(model)
    calls = [
        ((x[..., :3], y, z), {}, "queries of shape"),
        ((x, y[0], z), {}, "keys of shape"),
        ((x, y[:, :4], z), {}, "differ in their batch"),
        ((x[:2], y, z), {}, "differ in their batch"),
        ((x[:, :0], y, z), {}, "queries of shape"),
        ((x, y, z), {"attn_mask": torch.zeros(5, 4).bool()}, "attn_mask has shape"),
        ((x, y, z), {"attn_mask": torch.zeros(5, 5).int()}, "boolean"),
        ((x, y, z), {"key_padding_mask": torch.zeros(5, 3).bool()}, "key_padding_mask has shape"),
    ]
    for inputs, call, text in calls:
        with pytest.raises(InputError, match=text):
            module(*inputs, **call)
    merged = slt.find_ticket(model, width=5).collapsed()
    for arguments, text in [
        ((x[..., :3],), "queries of shape"),
        ((x[0], y[0, :3], None, z[0]), "3 keys with 5 values"),
        ((x, None, np.ones((5, 4), dtype=bool)), "mask has shape"),
        ((x, None, np.ones((5, 5))), "dtype float64"),
    ]:
        with pytest.raises(InputError, match=text):
            merged.forward(*arguments)


# -- symmetries (notes on the theorem, gates 4 to 6) ---------------------------------------------------------------


def test_masks_depend_on_merged_matrices_alone():
    """(W_Q G, W_K G^-T) and (W_V G, G^-1 W_O) are the same attention: same masks, same errors."""
    rng = np.random.default_rng(0)
    t = grouped(2, 2, (3, 3, 3, 3))
    G, F = rng.standard_normal((2, 3, 3)), rng.standard_normal((2, 2, 2))
    back, undo = np.linalg.inv(G).swapaxes(1, 2), np.linalg.inv(F)
    turned = AttentionTarget.from_arrays(
        t.query @ G,
        t.key @ back,
        t.value @ F,
        undo @ t.output,
        (t.query_bias[:, None] @ G)[:, 0],
        rng.standard_normal((2, 3)),  # a key bias adds the same to all logits of a query
        (t.value_bias[:, None] @ F)[:, 0],
        t.output_bias,
    )
    x = tokens(t)[0]
    assert np.abs(turned.forward(x) - t.forward(x)).max() < 1e-12
    a, b = slt.find_ticket(t, width=14), slt.find_ticket(turned, width=14)
    assert a.mask == b.mask
    assert np.allclose(a.residuals().errors, b.residuals().errors, rtol=0, atol=1e-13)


def test_value_biases_are_an_output_bias():
    t = grouped(2, 1, (2, 2, 2, 2))
    total = t.output_bias + sum(t.value_bias[0] @ t.output[h] for h in range(2))
    moved = AttentionTarget.from_arrays(t.query, t.key, t.value, t.output, t.query_bias, None, None, total)
    assert slt.find_ticket(t, width=12).mask == slt.find_ticket(moved, width=12).mask


def test_about_half_of_the_summed_side_is_kept():
    """A little less, as the targets are small: 0.468 here, at 2,400 sums of 16, whose standard deviation is 0.0026 if
    units were independent."""
    target = grouped(6, 6, (20, 20, 2, 2), biases=False)
    density = slt.find_ticket(target, width=16).mask["query-key"].density
    assert abs(density - 0.5) < 0.05


# -- what is refused -----------------------------------------------------------------------------------------------


def test_what_cannot_be_reached_is_counted_named_and_given_a_width():
    target = grouped(2, 2, (2, 2, 2, 2))
    with pytest.raises(
        UnreachedError, match=r"of 22 sums are farther than 0\.0001 .* worst is (query-key|value-output|bias)\["
    ) as error:
        slt.find_ticket(target, width=6, require=1e-4)
    enough = int(re.search(r"about (\d+) should reach", str(error.value)).group(1))
    assert 10 < enough < 40
    # the estimate is an even chance: some more units make it safe
    assert slt.find_ticket(target, width=enough + 8, tolerance=1e-4, require=1e-4).findings.missed == 0
    unreached = slt.find_ticket(target, width=6).unreached(1e-4)
    assert unreached[0].error >= unreached[-1].error > 1e-4
    assert {u.part for u in unreached} == {"query-key", "value-output", "bias"}


def test_without_scales_large_entries_are_out_of_reach():
    target = TARGETS["large"]
    scaled, theorem = (slt.find_ticket(target, width=24, construction=Attention(scaled=s)) for s in (True, False))
    assert [c.name for c in scaled.carried] == ["logit_scale.factor", "output_scale.factor", "bias.scale.factor"]
    assert theorem.carried == ()
    assert scaled.residuals().errors.max() < 0.5 < 5 < theorem.residuals().errors.max()


def test_models_that_are_no_plain_attention_are_refused_by_name():
    for options, text in [({"add_bias_kv": True}, "bias_k and bias_v"), ({"add_zero_attn": True}, "add_zero_attn")]:
        with pytest.raises(UnsupportedModuleError, match=text + r".*construction=slt\.ModuleTree\(\)"):
            slt.find_ticket(multihead(**options), width=4)
        slt.find_ticket(multihead(**options), width=16, construction=slt.ModuleTree())

    class Named(nn.MultiheadAttention):
        pass

    class Altered(nn.MultiheadAttention):
        def forward(self, *inputs, **options):
            return super().forward(*inputs, **options)

    with pytest.raises(UnsupportedModuleError, match=r"Named was given.*construction=slt\.ModuleTree\(\)"):
        slt.find_ticket(Named(4, 2), width=4)
    slt.find_ticket(Named(4, 2), width=16, construction=slt.ModuleTree())
    with pytest.raises(UnsupportedModuleError, match="Altered was given") as altered:
        slt.find_ticket(Altered(4, 2), width=4)
    assert "ModuleTree" not in str(altered.value)
    hooked = multihead()
    hooked.register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModuleError, match="hooks"):
        slt.find_ticket(hooked, width=4)
    weights = torch.nn.utils.parametrizations.weight_norm(multihead().requires_grad_(True).out_proj)
    with pytest.raises(UnsupportedModuleError):
        slt.find_ticket(weights, width=4)
    broken = multihead()
    with torch.no_grad():
        broken.in_proj_weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="query has 1 NaN"):
        slt.find_ticket(broken, width=4)
    with pytest.raises(UnsupportedModuleError, match=r"MultiheadAttention or an AttentionTarget"):
        slt.find_ticket(nn.Linear(2, 2), width=4, construction=Attention())
    with pytest.raises((InputError, UnsupportedModuleError)):
        slt.find_ticket(multihead(), width=4, construction=TwoLayerSum())


def test_arrays_that_do_not_fit_are_refused():
    q, k, v, o = np.ones((4, 3, 2)), np.ones((2, 5, 2)), np.ones((2, 6, 7)), np.ones((4, 7, 1))
    assert AttentionTarget.from_arrays(q, k, v, o).merged().query_key.shape == (4, 3, 5)
    wrong = [
        ((q, np.ones((3, 5, 2)), np.ones((3, 6, 7)), o), "evenly"),
        ((q, k[:1], v, o), "key has shape"),
        ((q, np.ones((2, 5, 3)), v, o), "key has shape"),
        ((q, k, v, np.ones((4, 6, 1))), "output has shape"),
        ((q[0], k, v, o), "3 dimensions"),
        ((q[:0], k, v, o), "non-empty"),
        ((q, k, v, o, np.ones(4)), "query_bias has shape"),
        ((q, k, v, o, None, None, None, [1.0, 2.0]), "output_bias has shape"),
        ((q * np.inf, k, v, o), "24 NaN or infinite"),
    ]
    for arrays, text in wrong:
        with pytest.raises(InputError, match=text):
            AttentionTarget.from_arrays(*arrays)


def test_requests_that_make_no_sense_are_refused():
    target = grouped(2, 2, (2, 3, 2, 2))
    with pytest.raises(LimitError, match="44"):
        slt.find_ticket(target, width=50, max_items=45)
    with pytest.raises(InputError, match="the box has 2 coordinates, the inputs have 3"):
        slt.find_ticket(target, width=4, inputs=slt.Box((0, 0), (1, 1)))
    assert slt.find_ticket(target, width=4, inputs=slt.Ball(3.0)).domain == slt.Ball(3.0)
    for options in ({"sides": "keys"}, {"shared_keys": 1}, {"scaled": None}):
        with pytest.raises(InputError, match=next(iter(options))):
            Attention(**options)
