"""Transformer tickets: one random transformer, pruned block by block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.collapsed_transformer import CollapsedTransformer
from slt.errors import InputError, MaskError, UnsupportedModuleError
from slt.transformer_model import PlainBlock, PlainTransformer
from slt.transformer_target import BlockTarget, TransformerTarget


def random_target(
    rng: np.random.Generator,
    d: int,
    heads: int,
    blocks: int,
    biases: bool = False,
    causal: bool = False,
    scale: float = 0.4,
) -> TransformerTarget:
    def draw(*shape: int) -> Any:
        return rng.uniform(-scale, scale, shape)

    attentions, feeds = [], []
    for _ in range(blocks):
        matrices = draw(heads, d, 3), draw(heads, d, 3), draw(heads, d, 2), draw(heads, 2, d)
        more = (draw(heads, 3), draw(heads, 3), draw(heads, 2), draw(d)) if biases else ()
        attentions.append(slt.AttentionTarget.from_arrays(*matrices, *more))
        feeds.append(slt.Target.from_arrays([draw(5, d), draw(d, 5)], [draw(5), draw(d)] if biases else None))
    return TransformerTarget.from_parts(attentions, feeds, causal)


def torch_model(
    d: int = 4, heads: int = 2, blocks: int = 2, causal: bool = False, bias: bool = True
) -> PlainTransformer:
    torch.manual_seed(1)
    made = [
        PlainBlock(
            nn.MultiheadAttention(d, heads, bias=bias, batch_first=True),
            nn.Sequential(nn.Linear(d, 6, bias=bias), nn.ReLU(), nn.Linear(6, d, bias=bias)),
        )
        for _ in range(blocks)
    ]
    model = PlainTransformer(made, causal).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.4, 0.4)
    return model


@pytest.fixture(scope="module")
def ticket() -> slt.Ticket:
    return slt.find_ticket(torch_model(causal=True), width=30, seed=5)


@pytest.mark.parametrize("causal", [False, True])
def test_a_target_is_the_function_of_its_model(causal: bool) -> None:
    model = torch_model(causal=causal)
    target = TransformerTarget.of(model)
    x = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hidden = torch.zeros(5, 5, dtype=torch.bool)
    hidden[2, 0] = hidden[4, 1] = True
    with torch.no_grad():
        for given, allowed in ((None, None), (hidden, (~hidden).numpy())):
            np.testing.assert_allclose(target.forward(x.numpy(), allowed), model(x, given).numpy(), atol=1e-12)
        np.testing.assert_allclose(target.forward(x[0].numpy()), model(x[0]).numpy(), atol=1e-12)
    assert target.weights == sum(p.numel() for p in model.parameters())


def test_the_module_the_collapsed_map_and_the_collapsed_module_agree(ticket: slt.Ticket) -> None:
    x = torch.randn(3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    padding = torch.zeros(3, 6, dtype=torch.bool)
    padding[1, 4:] = padding[2, 2:] = True
    allowed = np.broadcast_to(~padding.numpy()[:, None], (3, 6, 6))
    for mode in (True, False):
        for made in (ticket.module(torch.float64), ticket.collapsed_module(torch.float64)):
            made.train(mode)
            np.testing.assert_allclose(made(x).numpy(), ticket.collapsed().forward(x.numpy()), atol=1e-12)
            found = made(x, key_padding_mask=padding).numpy()
            np.testing.assert_allclose(found, ticket.collapsed().forward(x.numpy(), allowed), atol=1e-12)


def test_every_weight_is_the_sources_where_kept_and_nothing_is_carried(ticket: slt.Ticket) -> None:
    report = ticket.verify()
    assert report.weights == ticket.source_network.weights and report.kept == ticket.kept
    assert ticket.carried_count == 0
    state, source = ticket.module().state_dict(), ticket.source().state_dict()
    assert set(state) == set(source) == set(ticket.source_network.tensor_shapes)
    for name, weight in state.items():
        kept = torch.from_numpy(ticket.source_network.dense_mask(name, ticket.mask))
        assert torch.equal(weight, torch.where(kept, source[name], torch.zeros_like(weight)))


def test_parts_are_the_tickets_that_their_constructions_find_alone(ticket: slt.Ticket) -> None:
    target = ticket.target
    for b, block in enumerate(target.blocks):
        key = slt.Key(5) / f"block {b}"
        attention = slt.find_ticket(block.attention, width=30, seed=key / "attention")
        feed = slt.find_ticket(block.feed_forward, width=30, seed=key / "feed-forward")
        for name, part in (("attention", attention), ("feed-forward", feed)):
            assert {n: ticket.mask[f"block {b}/{name}/{n}"] for n in part.mask} == dict(part.mask)
    whole = ticket.residuals()
    assert whole.sums == ticket.findings.sums
    assert np.median(whole.errors) < 1e-4


def test_a_ticket_is_the_same_after_its_file(ticket: slt.Ticket, tmp_path: Path) -> None:
    loaded = slt.load(ticket.save(tmp_path / "ticket.slt"))
    assert loaded.source_network == ticket.source_network and dict(loaded.mask) == dict(ticket.mask)
    loaded.verify()
    model = torch_model(causal=True)
    np.testing.assert_array_equal(loaded.residuals(model).errors, ticket.residuals().errors)
    with pytest.raises(InputError, match="causal=False"):
        loaded.residuals(torch_model(causal=False))
    with pytest.raises(InputError, match="1 with causal"):
        loaded.residuals(torch_model(blocks=1, causal=True))


def test_narrower_sources_are_part_of_wider_ones() -> None:
    target = random_target(np.random.default_rng(0), 2, 2, 1)
    narrow, wide = (slt.find_ticket(target, width=w, tolerance=0.5).source_network for w in (6, 9))
    attention, feed = (n.blocks[0] for n in (narrow, wide))
    product = attention[0].products["query-key"]
    np.testing.assert_array_equal(product.first(1), feed[0].products["query-key"].first(1)[:, :6])
    part = next(iter(attention[1].distinct_parts.values()))
    np.testing.assert_array_equal(attention[1].first(part), feed[1].first(part)[:, :6])


def test_widths_may_differ_from_block_to_block() -> None:
    target = random_target(np.random.default_rng(0), 2, 1, 2)
    construction = slt.Transformer(attention_widths=(12, 8), feed_forward_widths=(20, 18))
    ticket = slt.find_ticket(target, construction=construction)
    assert [(a.width, f.width) for a, f in ticket.source_network.blocks] == [(12, 20), (8, 18)]
    assert slt.find_ticket(target, width=12).source_network.blocks[0][0] == ticket.source_network.blocks[0][0]
    with pytest.raises(InputError, match="1 attention widths were given for 2 blocks"):
        slt.find_ticket(target, construction=slt.Transformer(attention_widths=(12,)))


def test_large_weights_are_scaled_and_the_scales_are_carried_by_name() -> None:
    target = random_target(np.random.default_rng(3), 2, 1, 2, biases=True, scale=3.0)
    ticket = slt.find_ticket(target, width=20)
    names = {c.name for c in ticket.carried}
    assert "blocks.0.attention.output_scale.factor" in names and "blocks.1.feed_forward.block0.scale.factor" in names
    ticket.verify()
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4, 2))
    found = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, ticket.collapsed().forward(x), rtol=1e-9)


def test_progress_counts_all_sums_and_a_requirement_names_the_part() -> None:
    target = random_target(np.random.default_rng(0), 2, 1, 2)
    seen: list[tuple[int, int]] = []
    ticket = slt.find_ticket(target, width=12, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (ticket.findings.sums, ticket.findings.sums)
    assert {total for _, total in seen} == {ticket.findings.sums}
    with pytest.raises(slt.errors.UnreachedError, match=r"block \d/.*about \d+ should"):
        slt.find_ticket(target, width=4, require=1e-3, tolerance=1e-3)


@pytest.mark.parametrize("order", [2, np.inf])
def test_sampled_errors_are_below_the_certified_one(order: float) -> None:
    """60 random stacks each, 120 in all: every sampled error of 8 sequences is at most the certified one over the
    ball, and the plain difference lies between."""
    rng = np.random.default_rng(int(order == 2))
    for seed in range(60):
        d, heads, blocks = (int(rng.integers(1, top)) for top in (4, 3, 4))
        target = random_target(rng, d, heads, blocks, seed % 2 == 0, seed % 3 == 0, float(rng.uniform(0.1, 0.8)))
        ticket = slt.find_ticket(target, width=int(rng.integers(12, 26)), seed=seed).collapsed()
        radius = float(rng.uniform(0.2, 2))
        tokens = rng.standard_normal((8, 5, d))
        tokens *= radius * (1 - 1e-9) / np.linalg.norm(tokens, axis=2, keepdims=True)
        mask = rng.random((5, 5)) < 0.7
        np.fill_diagonal(mask, True)
        below = slt.sampled(ticket, target, tokens, mask=mask, order=order)
        above = slt.certified(ticket, target, slt.Ball(radius), order=order)
        plain = np.linalg.norm(ticket.forward(tokens, mask) - target.forward(tokens, mask), axis=2, ord=order).max()
        assert below.value <= plain * (1 + 1e-9) and plain - below.value <= 2 * below.rounding + 1e-9 * plain
        assert below.value <= above.value
        assert below.rounding < 1e-9


def test_the_certified_error_is_sharp_for_one_linear_block() -> None:
    """Without attention and ReLU a block is linear, and the bound is its norm."""
    zero = np.zeros((1, 2, 2))
    attention = slt.AttentionTarget.from_arrays(zero, zero, zero, zero)
    target = TransformerTarget.from_parts([attention], [slt.Target.from_arrays([[[0.5, 0.25], [0.0, 0.5]]])])
    ticket = slt.find_ticket(target, width=14, inputs=slt.Ball(2.0))
    collapsed = ticket.collapsed()
    (layer,) = collapsed.blocks[0][1].layers
    bound = slt.certified(ticket, target, slt.Ball(2.0), order=2).value
    least = 2 * max(
        np.abs(m - target.blocks[0].feed_forward.layers[0].weight).max() for m in (layer.positive, layer.negative)
    )
    assert least <= bound <= 4 * least


def test_a_target_laid_out_as_a_ticket_has_no_sampled_error() -> None:
    """What is left of the difference in a stack of four blocks is rounding, and is paid for."""
    target = random_target(np.random.default_rng(2), 3, 2, 4, biases=True, scale=0.3)
    blocks = [
        (
            b.attention.merged(),
            CollapsedNetwork(
                tuple(CollapsedLayer(a.weight, a.weight, np.array(a.bias), a.relu) for a in b.feed_forward.layers)
            ),
        )
        for b in target.blocks
    ]
    same = CollapsedTransformer(tuple(blocks))
    tokens = np.random.default_rng(0).uniform(-1, 1, (4, 7, 3))
    assert np.any(same.forward(tokens) != target.forward(tokens))
    assert slt.sampled(same, target, tokens).value == 0
    assert 0 < slt.certified(same, target, slt.Ball(1.0)).value < 1e-9


@pytest.mark.parametrize("causal", [False, True])
def test_unfit_tokens_and_masks_are_refused(causal: bool) -> None:
    model = torch_model(causal=causal)
    pruned = slt.find_ticket(model, width=6)
    x = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square, padding = torch.zeros(5, 5, dtype=torch.bool), torch.zeros(3, 5, dtype=torch.bool)
    row, whole = square.clone(), padding.clone()
    row[2] = whole[1] = True
    wrong: list[tuple[torch.Tensor, dict[str, torch.Tensor], str]] = [
        (x[..., :3], {}, r"tokens of shape \(3, 5, 3\)"),
        (x[None], {}, "tokens of shape"),
        (x[0, 0], {}, "tokens of shape"),
        (x[:, :0], {}, "tokens of shape"),
        (x, {"attn_mask": torch.zeros(5, 5, dtype=torch.float64)}, "a bool mask"),
        (x, {"key_padding_mask": torch.zeros(3, 5)}, "a bool mask"),
        (x, {"attn_mask": square[:4]}, "attn_mask of shape"),
        (x, {"key_padding_mask": padding[:2]}, "key_padding_mask of shape"),
        (x, {"attn_mask": row}, r"from 3 queries \(index \(0, 2\), \(1, 2\), \(2, 2\)\)"),
        (x, {"attn_mask": row.repeat(6, 1, 1) & (torch.arange(6) == 3)[:, None, None]}, r"index \(1, 2\)\)"),
        (x, {"key_padding_mask": whole}, r"from 5 queries \(index \(1, 0\)"),
        (x[0], {"key_padding_mask": whole[1]}, "from 5 queries"),
    ]
    first = padding.clone()
    first[2, 0] = True
    for made in (model, pruned.module(torch.float64), pruned.collapsed_module(torch.float64)):
        for tokens, masks, text in wrong:
            with pytest.raises(InputError, match=text):
                made(tokens, **masks)
        assert made(x[0], key_padding_mask=first[2] & ~first[2]).isfinite().all()
        assert made(x, attn_mask=square.repeat(6, 1, 1)).isfinite().all()
        if causal:
            with pytest.raises(InputError, match=r"from 1 queries \(index \(2, 0\)\)"):
                made(x, key_padding_mask=first)
        else:
            assert made(x, key_padding_mask=first).isfinite().all()


def test_unfit_models_and_scores_are_refused(ticket: slt.Ticket) -> None:
    target = ticket.target
    with pytest.raises(UnsupportedModuleError, match="PlainTransformer or a TransformerTarget"):
        TransformerTarget.of(nn.Linear(2, 2))
    with pytest.raises(InputError, match="one dimension throughout"):
        BlockTarget(target.blocks[0].attention, slt.Target.from_arrays([np.eye(3)]))
    with pytest.raises(InputError, match="one block at least"):
        TransformerTarget(())
    with pytest.raises(InputError, match="2 attentions were given with 1"):
        TransformerTarget.from_parts([target.blocks[0].attention] * 2, [target.blocks[0].feed_forward])
    with pytest.raises(InputError, match="batch_first"):
        PlainBlock(nn.MultiheadAttention(4, 2), nn.Linear(4, 4))
    model = torch_model()
    model.blocks[1].attention.register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModuleError, match="hooks"):
        slt.find_ticket(model)
    with pytest.raises(InputError, match="no transformer"):
        slt.certified(ticket, target.blocks[0].attention, slt.Ball(1.0))
    with pytest.raises(InputError, match="TransformerTarget was given"):
        slt.certified(ticket.collapsed().blocks[0][0], target, slt.Ball(1.0))
    with pytest.raises(InputError, match="sequences"):
        slt.sampled(ticket, target, np.zeros((3, 4)))
    with pytest.raises(InputError, match="mask has shape"):
        slt.sampled(ticket, target, np.zeros((3, 4, 4)), mask=np.ones((2, 4, 4), dtype=bool))
    with pytest.raises(InputError, match="keys and values"):
        slt.sampled(ticket, target, np.zeros((3, 4, 4)), keys=np.zeros((3, 4, 4)))
    with pytest.raises(InputError, match="Transformer: attention must be"):
        slt.Transformer(attention=3)  # type: ignore[arg-type]
    with pytest.raises(MaskError):
        slt.Ticket(ticket.source_network, {})


def test_files_with_parts_that_do_not_fit_are_refused(ticket: slt.Ticket) -> None:
    source = ticket.source_network
    header = source.header()
    assert type(source).from_header(header) == source
    for change in ({"blocks": []}, {"causal": 1}, {"seed": 6}, {"law": "uniform/20"}, {"path": "a"}):
        with pytest.raises(InputError):
            type(source).from_header({**header, **change})
    with pytest.raises(InputError, match="lies at"):
        type(source).from_header({**header, "blocks": header["blocks"][::-1]})
