"""Attention targets: read exactly, merged within the rounding they state, the same function as torch's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from slt.attention_target import AttentionTarget
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from tests.tickets.attention_targets import TARGETS, grouped, multihead, tokens


@pytest.mark.parametrize("name", TARGETS)
def test_merged_matrices_are_within_the_rounding_they_state(name):
    target = AttentionTarget.of(TARGETS[name])
    merged = target.merged()
    exact = np.vectorize(Fraction, otypes=[object])
    share = target.heads // target.groups
    query = target.query
    if target.query_bias is not None:
        query = np.concatenate([query, target.query_bias[:, None]], axis=1)
    bias = exact(np.zeros(target.outputs) if target.output_bias is None else target.output_bias)
    assert 0 < merged.rounding < 1e-12
    for h in range(target.heads):
        key, value = exact(target.key[h // share]), exact(target.value[h // share])
        squared = exact(merged.query_key[h]) * abs(exact(merged.query_key[h])) * query.shape[2]
        product = exact(query[h]) @ key.T
        # |a - p / sqrt(d)| <= r, by its squares: the root is irrational
        root = product * abs(product)
        slack = 2 * merged.rounding * np.sqrt(query.shape[2]) * np.abs(product.astype(float)).max() * 2
        assert np.abs((squared - root).astype(float)).max() <= slack + 1e-28
        assert abs(value @ exact(target.output[h]) - exact(merged.value_output[h])).max() <= merged.rounding
        if target.value_bias is not None:
            bias = bias + exact(target.value_bias[h // share]) @ exact(target.output[h])
    assert abs(bias - exact(merged.bias)).max() <= merged.rounding


@pytest.mark.parametrize("name", TARGETS)
def test_merging_changes_nothing(name):
    target = AttentionTarget.of(TARGETS[name])
    x, y, z = tokens(target)
    mask = np.random.default_rng(0).random((2, 5, 6)) < 0.5
    mask[:, :, 0] = True
    for hidden in (None, mask, mask[0]):
        a, b = target.forward(x, y, hidden, z), target.merged().forward(x, y, hidden, z)
        assert a.shape == (2, 5, target.outputs) and np.abs(a - b).max() < 1e-12


@pytest.mark.parametrize("options", [{}, {"kdim": 3, "vdim": 2}, {"bias": False}, {"batch_first": True}], ids=str)
def test_it_is_what_torch_computes(options):
    model = multihead(**options)
    target = AttentionTarget.of(model)
    x, y, z = tokens(target)
    mask = np.random.default_rng(0).random((5, 6)) < 0.5
    mask[:, 0] = True
    inputs = [torch.tensor(t if target.batch_first else t.swapaxes(0, 1)) for t in (x, y, z)]
    found = model.double()(*inputs, attn_mask=torch.from_numpy(~mask))[0].numpy()
    found = found if target.batch_first else found.swapaxes(0, 1)
    assert np.abs(target.forward(x, y, mask, z) - found).max() < 1e-14
    assert target.weights == sum(p.numel() for p in model.parameters())
    assert AttentionTarget.of(target) is target


def test_a_key_bias_may_be_a_constant_coordinate_too_and_changes_nothing():
    t = grouped(2, 2, (2, 3, 3, 2))
    merged = t.merged()
    rows = np.concatenate([merged.query_key, np.full((2, 3, 1), 7.0)], axis=2)
    values = np.concatenate([merged.value_output, np.ones((2, 1, 2))], axis=1)
    longer = MergedAttention(rows, values, merged.bias - 2, query_constant=True, key_constant=True)
    assert (longer.queries, longer.keys, longer.values, longer.outputs, longer.heads) == (2, 3, 3, 2, 2)
    x, y, _ = tokens(t)
    assert np.abs(longer.forward(x, y) - merged.forward(x, y)).max() < 1e-13


def test_shapes_that_do_not_fit_are_refused():
    for arrays in [
        (np.ones((2, 3, 3)), np.ones((1, 3, 2)), np.ones(2)),
        (np.ones((1, 3, 3)), np.ones((1, 3, 2)), np.ones(3)),
        (np.ones((3, 3)), np.ones((1, 3, 2)), np.ones(2)),
    ]:
        with pytest.raises(InputError, match="merged attention"):
            MergedAttention(*arrays)
