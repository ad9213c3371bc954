"""The attention source: what it draws, which weights a ticket keeps of it, and what the masked network computes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

import slt
from slt.attention_target import AttentionTarget
from slt.errors import InputError, TicketFileError
from slt.tickets import AttentionSource
from slt.tickets.verification import source_digest
from slt.weights import Key, Normal, Uniform
from tests.tickets.attention_targets import CONSTRUCTIONS, TARGETS, grouped, tokens
from tests.tickets.ticket_files import rewritten


@pytest.fixture(params=[(t, c) for t in TARGETS for c in CONSTRUCTIONS], ids=" / ".join, scope="module")
def ticket(request):
    target, construction = request.param
    return slt.find_ticket(TARGETS[target], width=7, seed=Key(3) / "run", construction=CONSTRUCTIONS[construction])


def units(source, side, tensor):
    """A tensor by (set, coordinate of the structured side, unit), the side's own coordinate last."""
    product = next(p for p in source.products.values() if side in (p.summed.name, p.structured.name))
    own = product.summed if product.summed.name == side else product.structured
    tensor = tensor.T if own.outputs else tensor
    return tensor.reshape(product.sets(own), product.structured.rows, source.width, *tensor.shape[1:])


def test_weights_are_the_source_where_kept_and_zero_elsewhere(ticket):
    report = ticket.verify()
    assert report.kept == ticket.kept and report.carried == len(ticket.carried)
    source, state = ticket.source_network, ticket.module().state_dict()
    random = ticket.source().state_dict()
    assert set(state) == set(random) == set(source.tensor_shapes) | {c.name for c in ticket.carried}
    for name, shape in source.tensor_shapes.items():
        mask = source.dense_mask(name, ticket.mask)
        assert mask.shape == shape == tuple(state[name].shape)
        assert mask.sum() == source.kept(name, ticket.mask)
        assert np.array_equal(source.masked(name, ticket.mask), np.where(mask, source.draw(name), 0))
        expected = torch.where(torch.from_numpy(mask), random[name], torch.zeros(()))
        assert torch.equal(state[name].view(torch.int32), expected.view(torch.int32))


def test_the_generator_has_a_plain_twin_row_by_row(ticket):
    source = ticket.source_network
    for name, shape in source.tensor_shapes.items():
        whole = source.draw(name)
        for rows in (slice(0, 2), slice(shape[0] // 3, 2 * shape[0] // 3 + 1), slice(shape[0] - 1, shape[0])):
            assert np.array_equal(source.draw_plain(name, rows), whole[rows])


def test_structured_masks_keep_one_weight_a_unit_and_know_no_target(ticket):
    source = ticket.source_network
    for product in source.products.values():
        side = product.structured
        kept = [source.dense_mask(n, ticket.mask) for n, (s, _) in product.tensors.items() if s is side]
        kept = [k.T if side.outputs else k for k in kept]
        total = sum(k.reshape(len(k), -1).sum(axis=1) for k in kept)
        assert np.array_equal(total, np.ones(product.sets(side) * product.units))


def test_the_masked_sums_are_what_the_matrices_say(ticket):
    """From the float weights of the pruned module, as fractions."""
    source = ticket.source_network
    state = {n: t.numpy() for n, t in ticket.module(torch.float64).state_dict().items()}
    merged = ticket.collapsed()
    for name, product in source.products.items():
        sides = [product.summed, product.structured]
        found = []
        for side in sides:
            parts = [units(source, side.name, state[f"{side.name}.weight"])] if side.size else []
            if side.constant:
                parts.append(units(source, side.name, state[f"{side.name}.bias"][:, None]))
            whole = np.concatenate(parts, axis=-1)
            found.append(whole.reshape(len(whole), -1, whole.shape[-1]))
        matrix = {"query-key": merged.query_key, "value-output": merged.value_output}.get(name, merged.bias[None, None])
        if source.turned(name):
            matrix = matrix.swapaxes(1, 2)
        for h in range(product.heads):
            left, right = found[0][h], found[1][product.group(h)]
            for r, j in np.ndindex(matrix.shape[1:]):
                a, b = left[:, r], right[:, j]
                terms = np.flatnonzero((a != 0) & (b != 0))
                exact = sum(Fraction(float(a[k])) * Fraction(float(b[k])) for k in terms) * 2**product.scale
                assert exact == Fraction(float(matrix[h, r, j]))


def test_the_module_computes_the_collapsed_maps(ticket):
    target = ticket.target
    x, y, z = tokens(target)
    mask = np.random.default_rng(1).random((5, 6)) < 0.6
    mask[:, 2] = True
    expected = ticket.collapsed().forward(x, y, mask, z)
    inputs = [torch.tensor(t if target.batch_first else t.swapaxes(0, 1)) for t in (x, y, z)]
    hidden = torch.from_numpy(~mask)
    for module in (ticket.module(torch.float64), ticket.collapsed_module(torch.float64)):
        for mode in (module.train(), module.eval()):
            out = mode(*inputs, attn_mask=hidden, need_weights=False)[0].numpy()
            out = out if target.batch_first else out.swapaxes(0, 1)
            assert np.abs(out - expected).max() < 1e-12 * max(1, np.abs(expected).max())


def test_residuals_are_collapsed_minus_target(ticket):
    residuals, merged, wanted = ticket.residuals(), ticket.collapsed(), ticket.target.merged()
    parts = {
        "query-key": (merged.query_key, wanted.query_key),
        "value-output": (merged.value_output, wanted.value_output),
    }
    if "bias" in residuals.parts:
        parts["bias"] = (merged.bias[None, None], wanted.bias[None, None])
    assert set(parts) == set(residuals.parts) == set(ticket.mask)
    for name, (got, should) in parts.items():
        (branch,) = residuals.parts[name].branches
        # residuals are exact, the difference of the two matrices is not
        assert np.allclose(branch.residual, got - should, rtol=0, atol=1e-14 * max(1, np.abs(should).max()))
    assert residuals.sums == sum(m.size for m, _ in parts.values()) == ticket.findings.sums
    worst = ticket.unreached(1e-9)[0]
    assert worst.error == residuals.errors.max()
    assert parts[worst.part][1][worst.index] == worst.wanted


def test_tickets_survive_their_files(ticket, tmp_path):
    again = slt.load(ticket.save(tmp_path / "a.slt"))
    assert again.mask == ticket.mask and again.source_network == ticket.source_network
    assert again.verify() == ticket.verify()
    assert np.array_equal(again.residuals(ticket.target).errors, ticket.residuals().errors)
    assert str(again) == str(ticket) and "attention source" in str(again)


def test_sources_are_nested_in_width_and_in_heads():
    target = grouped(4, 2, (3, 4, 3, 2))
    narrow, wide = (slt.find_ticket(target, width=w).source_network for w in (5, 8))
    for side in ("query", "key", "value", "output", "bias.first", "bias.second"):
        for tensor in ("weight", "bias"):
            if f"{side}.{tensor}" in narrow.tensor_shapes:
                a, b = (units(s, side, s.draw(f"{side}.{tensor}")) for s in (narrow, wide))
                assert np.array_equal(a, b[:, :, :5])
    fewer = slt.find_ticket(grouped(2, 1, (3, 4, 3, 2)), width=5).source_network
    for side in ("query", "key", "value", "output"):
        a, b = (units(s, side, s.draw(f"{side}.weight")) for s in (fewer, narrow))
        assert np.array_equal(a, b[: len(a)])


def test_the_source_knows_nothing_of_the_target():
    a, b = (slt.find_ticket(grouped(2, 2, (3, 3, 3, 3), seed=s), width=9) for s in (1, 2))
    assert source_digest(a.source_network) == source_digest(b.source_network)
    assert a.mask != b.mask and a.carried == b.carried == ()


def test_the_scale_of_the_theorem_cancels():
    """U[-n**(1/4), n**(1/4)] with logits over sqrt(n) are the weights on (-1, 1) with logits times 1."""
    ticket = slt.find_ticket(grouped(1, 1, (3, 3, 2, 2), biases=False), width=16)
    state = {n: t.numpy() for n, t in ticket.module(torch.float64).state_dict().items()}
    q, k = state["query.weight"], state["key.weight"]
    n = len(q)
    theorem = (n**0.25 * q).T @ (n**0.25 * k) / np.sqrt(n)
    assert n == 3 * 16 and np.abs(theorem - ticket.collapsed().query_key[0]).max() < 1e-15 * n


def test_other_weight_laws_do_too():
    ticket = slt.find_ticket(grouped(2, 1, (2, 2, 2, 2)), width=12, law=Normal())
    ticket.verify()
    assert ticket.residuals().errors.max() < 0.1


def source(**changes) -> AttentionSource:
    sizes = {"heads": 4, "groups": 2, "queries": 2, "keys": 2, "values": 2, "outputs": 2}
    fields = {"key": Key(0), "law": Uniform(), "width": 3, **sizes, "query_constant": True, "bias": True}
    return AttentionSource(**fields | changes)


def test_sources_that_make_no_sense_are_refused():
    wrong = [
        ({"groups": 3}, "evenly"),
        ({"heads": 0}, "whole number >= 1 of heads"),
        ({"width": 2.5}, "whole number >= 1 of width"),
        ({"width": 2**15 + 1}, "64 bits"),
        ({"law": Uniform(30)}, "smaller exponent"),
        ({"bias": 1}, "true or false"),
        ({"bias_scale": -1}, "scale of a product"),
        ({"query_key_scale": 128}, "scale of a product"),
    ]
    for changes, text in wrong:
        with pytest.raises(InputError, match=text):
            source(**changes)
    with pytest.raises(InputError, match="float32"):
        source(law=Normal(23))
    assert source(width=np.int64(3)).header()["width"] == 3


def test_a_file_with_another_architecture_is_refused(tmp_path):
    path = slt.find_ticket(grouped(2, 2, (2, 2, 2, 2)), width=5).save(tmp_path / "a.slt")
    content = path.read_bytes()
    for changes in ({"width": 6}, {"heads": 3}, {"batch_first": 1}, {"path": "x"}, {"surplus": 1, "heads": None}):
        path.write_bytes(content)
        with pytest.raises(TicketFileError, match="makes no ticket"):
            slt.load(rewritten(path, lambda h, b, changes=changes: h["source"].update(changes)))


def test_residuals_need_the_model_that_the_ticket_was_made_for():
    ticket = slt.find_ticket(grouped(2, 2, (2, 2, 2, 2)), width=5)
    for other in (grouped(4, 2, (2, 2, 2, 2)), grouped(2, 2, (2, 3, 2, 2)), grouped(2, 2, (2, 2, 2, 2), biases=False)):
        with pytest.raises(InputError, match="the model that the ticket was made"):
            ticket.residuals(other)
    without = slt.find_ticket(grouped(2, 2, (2, 2, 2, 2), biases=False), width=5)
    arrays = grouped(2, 2, (2, 2, 2, 2), biases=False)
    biased = AttentionTarget.from_arrays(arrays.query, arrays.key, arrays.value, arrays.output, output_bias=[1, 0])
    with pytest.raises(InputError, match="no bias"):
        without.residuals(biased)
