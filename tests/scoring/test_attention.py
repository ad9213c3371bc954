"""Scores of attention tickets: lower bounds against 60-digit arithmetic, upper bounds against hostile sequences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import slt
from slt.attention_target import AttentionTarget
from slt.errors import InputError, UnsupportedModuleError
from slt.merged_attention import MergedAttention
from slt.scoring import Kind, attention_bounds, attention_sampled, certified, sampled
from slt.scoring.attention import _by_entries, _by_norms, _Reach
from slt.scoring.attention_pair import AttentionPair
from slt.scoring.rounding import UNIT


@dataclass
class Ticket:
    """What scoring sees of a ticket."""

    merged: MergedAttention

    def collapsed(self) -> MergedAttention:
        return self.merged


def random_pair(rng, d=3, heads=2, outputs=2, error=0.1, size=1.0, constants=(False, False), keys=None, values=None):
    """A ticket and a target whose entries differ by about ``error``, as merged matrices."""
    p, q, r = d + constants[0], (keys or d) + constants[1], (values or keys or d) + constants[1]
    shapes = ((heads, p, q), (heads, r, outputs), (outputs,))
    arrays = [size * rng.uniform(-1, 1, shape) for shape in shapes]
    moved = [a + error * rng.uniform(-1, 1, a.shape) for a in arrays]
    return MergedAttention(*moved, *constants), MergedAttention(*arrays, *constants)


def random_mask(rng, kind, T, S):
    if kind == "none":
        return None
    if kind == "causal":
        return np.arange(S) <= np.arange(T)[:, None]
    mask = rng.random((T, S)) < (0.5 if kind == "random" else 0.1)
    mask[np.arange(T), rng.integers(0, S, T)] = True
    return mask


def hostile_sequences(ticket, target, alpha, rng, count=12, T=5):
    """Sequences in the ball: half of them two clusters of tokens along directions that the residuals amplify most."""
    d = ticket.queries
    x = slt.Ball(alpha).sample(d, count * T, rng).reshape(count, T, d)
    for i in range(count // 2):
        h = int(rng.integers(ticket.heads))
        E = (ticket.query_key - target.query_key)[h][:d, :d]
        F = (ticket.value_output - target.value_output)[h][:d]
        matrix = (E, F, target.value_output[h][:d])[int(rng.integers(3))]
        u, _, v = np.linalg.svd(matrix)
        along = v[0] if matrix is E else u[:, 0]
        x[i] = alpha * rng.choice([-1.0, 1.0], T)[:, None] * along
        x[i, 0] = alpha * np.linalg.svd(E)[0][:, 0]
    return slt.Ball(alpha).project(x.reshape(-1, d)).reshape(x.shape)


# -- lower bounds ------------------------------------------------------------------------------------------------------


def real_difference(ticket, target, x, y, z, allowed):
    """The difference of the outputs of one sequence, (T, outputs) Decimals of 60 digits."""
    outputs = [real_outputs(a, x, y, z, allowed) for a in (ticket, target)]
    return [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(*outputs, strict=True)]


def real_outputs(attention, x, y, z, allowed):
    def exact(array):
        return [exact(a) for a in array] if np.ndim(array) else Decimal(float(array))

    def product(row, matrix):
        return [sum((a * b for a, b in zip(row, column, strict=True)), Decimal(0)) for column in zip(*matrix)]  # noqa: B905

    def extended(tokens, constant):
        return [[*token, Decimal(1)] if constant else token for token in exact(tokens)]

    x, y, z = (
        extended(tokens, constant)
        for tokens, constant in (
            (x, attention.query_constant), (y, attention.key_constant), (z, attention.key_constant),
        )
    )  # fmt: skip
    rows = []
    for token, may in zip(x, allowed, strict=True):
        row = exact(attention.bias)
        for A, C in zip(exact(attention.query_key), exact(attention.value_output), strict=True):
            inner = product(token, A)
            logits = [sum((a * b for a, b in zip(inner, key, strict=True)), Decimal(0)) for key in y]
            weights = [logit.exp() if ok else Decimal(0) for logit, ok in zip(logits, may, strict=True)]
            mean = [v / sum(weights) for v in product(weights, z)]
            row = [a + b for a, b in zip(row, product(mean, C), strict=True)]
        rows.append(row)
    return rows


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(*[st.integers(1, 3)] * 5),
    tokens=st.tuples(st.integers(1, 5), st.integers(1, 6)),
    size=st.sampled_from([1e-3, 1.0, 12.0]),
    error=st.sampled_from([0.0, 1e-14, 1e-3, 1.0]),
    constants=st.tuples(st.booleans(), st.booleans()),
    kind=st.sampled_from(["none", "random", "sparse"]),
)
def test_sampled_is_not_above_the_real_error_of_the_same_sequences(seed, shape, tokens, size, error, constants, kind):
    rng = np.random.default_rng(seed)
    d, heads, outputs, keys, values = shape
    T, S = tokens
    ticket, target = random_pair(rng, d, heads, outputs, error, size, constants, keys, values)
    x, y, z = (rng.standard_normal((2, n, k)) * 2 for n, k in ((T, d), (S, keys), (S, values)))
    mask = random_mask(rng, kind, T, S)
    allowed = np.ones((T, S), dtype=bool) if mask is None else mask
    with localcontext() as context:
        context.prec = 60
        gaps = [real_difference(ticket, target, *sequence, allowed) for sequence in zip(x, y, z, strict=True)]
        largest = max(abs(v) for gap in gaps for row in gap for v in row)
        length = max(sum((v * v for v in row), Decimal(0)).sqrt() for gap in gaps for row in gap)
        score = sampled(Ticket(ticket), target, x, keys=y, values=z, mask=mask)
        assert Decimal(score.value) <= largest
        assert largest <= Decimal(score.value) * Decimal(1 + 1e-12) + 2 * Decimal(score.rounding) + Decimal("1e-300")
        assert score.rounding < 1e-9
        assert score.kind is Kind.SAMPLED_LOWER
        euclidean = sampled(Ticket(ticket), target, x, keys=y, values=z, mask=mask, order=2)
        assert Decimal(euclidean.value) <= length
        assert euclidean.value >= score.value * (1 - 1e-12)


def test_entries_known_up_to_a_rounding_only():
    """One token attends to itself: the output is z C, whose entries may be off by the rounding each."""
    target = MergedAttention(np.zeros((1, 1, 1)), np.ones((1, 1, 1)), np.zeros(1))
    ticket = MergedAttention(np.zeros((1, 1, 1)), np.full((1, 1, 1), 1.5), np.zeros(1), rounding=0.125)
    x = np.ones((1, 1, 1))
    # 0.5 seen, 0.125 each for C and the bias; one key, so that logits do not matter, but the analysis does not see that
    assert sampled(ticket, target, x).value <= 0.25
    assert certified(ticket, target, slt.Ball(1.0)).value >= 0.75
    assert sampled(replace(ticket, rounding=0.5), target, x).value == 0


def test_equal_attentions_differ_by_nothing_and_chunks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    ticket, target = random_pair(rng, error=1e-3)
    x, mask = rng.standard_normal((7, 9, 3)), random_mask(rng, "random", 9, 9)
    assert sampled(target, target, x, mask=mask).value == 0
    whole = sampled(ticket, target, x, mask=np.stack([mask] * 7))
    monkeypatch.setattr(attention_sampled, "LOGITS", 30)
    parts = sampled(ticket, target, torch.tensor(x), mask=torch.tensor(mask), batch=2)
    assert parts.value == pytest.approx(whole.value, rel=1e-12)
    assert "7 sequences of 9 tokens" in parts.text
    gap = ticket.forward(x, mask=mask) - target.forward(x, mask=mask)
    assert whole.value == pytest.approx(np.abs(gap).max(), rel=1e-9)
    assert sampled(ticket, target, x, mask=mask, order=2).value == pytest.approx(
        np.linalg.norm(gap, axis=-1).max(), rel=1e-9
    )


def test_overflowing_logits_vouch_for_nothing():
    ticket, target = random_pair(np.random.default_rng(1), error=1e200, size=1e200)
    score = sampled(ticket, target, np.full((1, 2, 3), 1e120))
    assert score.value == 0
    assert attention_bounds(ticket, target, slt.Ball(1e120)).paper.value == np.inf


# -- upper bounds ------------------------------------------------------------------------------------------------------

KINDS = ("none", "causal", "random", "sparse")


def test_sampled_certified_and_the_paper_in_order():
    """216 random pairs: dimensions, heads, masks, constants, errors from 1e-6 to 1."""
    rng = np.random.default_rng(11)
    slack = []
    for trial in range(216):
        d, heads, outputs = (int(rng.integers(1, top)) for top in (6, 5, 5))
        error, size, alpha = 10 ** rng.uniform(-6, 0), rng.uniform(0.1, 1), rng.uniform(0.5, 3)
        constants = (trial % 3 == 0, trial % 5 == 0)
        ticket, target = random_pair(rng, d, heads, outputs, error, size, constants)
        x = hostile_sequences(ticket, target, alpha, rng)
        mask = random_mask(rng, KINDS[trial % 4], 5, 5)
        low, low_2 = (sampled(ticket, target, x, mask=mask, order=order).value for order in (np.inf, 2))
        high = attention_bounds(ticket, target, slt.Ball(alpha))
        high_2 = attention_bounds(ticket, target, slt.Ball(alpha), order=2)
        assert low <= high.certified.value <= high.entrywise.value <= high.paper.value
        assert low_2 <= high_2.certified.value <= high_2.entrywise.value <= high_2.paper.value
        assert high.certified.value <= high_2.certified.value
        # in order also before the smaller of two bounds is taken
        pair = AttentionPair.of(ticket, target)
        reach = _Reach.of(pair, slt.Ball(alpha))
        paper, entries = _by_entries(pair, reach)
        assert _by_norms(pair, reach, 2) <= entries * (1 + 1e-12) <= paper * (1 + 1e-11)
        assert high.certified.kind is Kind.CERTIFIED_UPPER
        if trial % 20 == 0:
            assert certified(Ticket(ticket), target, slt.Ball(alpha)).value == high.certified.value
        slack.append((high_2.certified.value / low_2, high_2.entrywise.value / low_2, high_2.paper.value / low_2))
    tight, entries, paper = np.median(slack, axis=0)
    # measured: 3.3, 6.3, 25
    assert tight < 4 < entries < paper


def test_tickets_are_scored_in_order():
    """320 tickets: dimensions 1 to 4, 1 to 4 heads, widths 2 to 20, four kinds of masks, with and without biases."""
    rng = np.random.default_rng(12)
    for trial in range(320):
        d, heads, width = int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(2, 21))
        arrays = [rng.uniform(-1, 1, (heads, d, d)) for _ in range(4)]
        biases = {"query_bias": rng.uniform(-0.5, 0.5, (heads, d)), "output_bias": rng.uniform(-0.5, 0.5, d)}
        target = AttentionTarget.from_arrays(*arrays, **(biases if trial % 4 == 0 else {}))
        alpha = float(rng.uniform(0.5, 2))
        ticket = slt.find_ticket(target, width=width, seed=trial, inputs=slt.Ball(alpha))
        x = hostile_sequences(ticket.collapsed(), target.merged(), alpha, rng, count=8)
        mask = random_mask(rng, KINDS[trial // 4 % 4], 5, 5)
        for order in (np.inf, 2):
            low = slt.sampled(ticket, target, x, mask=mask, order=order).value
            high = attention_bounds(ticket.collapsed(), target, slt.Ball(alpha), order)
            assert 0 < low <= high.certified.value <= high.entrywise.value <= high.paper.value
            if trial % 20 == 0:
                assert slt.certified(ticket, target, slt.Ball(alpha), order).value == high.certified.value


@pytest.mark.parametrize("d", [1, 2, 8, 64])
@pytest.mark.parametrize("error", [1e-6, 1e-2, 1.0, 5.0, 40.0])
def test_the_extremal_case_of_lemma_8_is_attained(d, error):
    """Two clusters of keys, +alpha v with weight sigmoid(-e) and -alpha v with the rest: the ticket's logits swap the
    two, and the output moves by 2 alpha tanh(e / 2), to 1e-6."""
    rng = np.random.default_rng(d)
    alpha = 1.5
    u, v = (np.linalg.qr(rng.standard_normal((d, d)))[0][:, 0] for _ in range(2))
    # logits of the two clusters are -e/2 and e/2 for the target, e/2 and -e/2 for the ticket
    A = error / (2 * alpha**2) * np.outer(u, v)
    C = np.eye(d)[None]
    ticket, target = (MergedAttention(sign * A[None], C, np.zeros(d)) for sign in (1.0, -1.0))
    queries, keys = alpha * u[None, None], alpha * np.stack([v, -v])[None]
    wanted = 2 * alpha * np.tanh(error / 2)
    upper = certified(ticket, target, slt.Ball(alpha), order=2).value
    lower = sampled(ticket, target, queries, keys=keys, order=2).value
    assert lower <= upper
    assert lower == pytest.approx(wanted, rel=1e-6, abs=1e-14)
    assert upper == pytest.approx(wanted, rel=1e-6)
    far = attention_bounds(ticket, target, slt.Ball(alpha), order=2)
    assert far.paper.value >= 2 * alpha * error * (1 - 1e-9)


def test_no_weights_move_farther_than_lemma_8_allows():
    """2,000 random rows of logits and errors: sum |p' - p| <= 2 tanh(e / 2)."""
    rng = np.random.default_rng(3)
    for _ in range(2000):
        T = int(rng.integers(2, 9))
        logits, e = rng.normal(0, 3, T), 10 ** rng.uniform(-3, 1)
        moved = logits + e * rng.choice([-1, 1, rng.uniform(-1, 1)], T)
        p, q = (np.exp(a - a.max()) / np.exp(a - a.max()).sum() for a in (logits, moved))
        assert np.abs(p - q).sum() <= 2 * np.tanh(e / 2) * (1 + 1e-12)


def test_constant_coordinates_that_softmax_does_not_see_cost_nothing():
    """A constant column of the keys shifts all logits of a query; constant rows of the values are one output shift."""
    rng = np.random.default_rng(4)
    _, target = random_pair(rng, constants=(True, True))
    moved = target.query_key.copy()
    moved[:, :, -1] += 5.0
    shifted = replace(target, query_key=moved)
    assert certified(shifted, target, slt.Ball(2.0)).value < 1e-14
    values = target.value_output.copy()
    values[0, -1] += 1.0
    values[1, -1] -= 1.0
    assert certified(replace(target, value_output=values), target, slt.Ball(2.0)).value < 1e-13
    values[1, -1] += 1.0
    assert certified(replace(target, value_output=values), target, slt.Ball(2.0)).value == pytest.approx(1.0)


def test_values_alone_are_certified_to_the_last_digits():
    """Equal logits, one head: the largest error is that of one token, alpha ||F||, plus the shift of the bias."""
    rng = np.random.default_rng(5)
    target = MergedAttention(rng.normal(size=(1, 3, 3)), rng.normal(size=(1, 3, 2)), np.zeros(2))
    F = rng.normal(size=(1, 3, 2)) * 0.01
    ticket = replace(target, value_output=target.value_output + F)
    u, s, _ = np.linalg.svd(F[0])
    upper = certified(ticket, target, slt.Ball(2.0), order=2).value
    assert sampled(ticket, target, 2 * u[:, :1].T[None], order=2).value <= upper
    assert upper == pytest.approx(2 * s[0], rel=1e-12)
    column = np.linalg.norm(F[0], axis=0)
    assert certified(ticket, target, slt.Ball(2.0)).value == pytest.approx(2 * column.max(), rel=1e-9)
    shifted = replace(ticket, bias=np.array([0.0, 0.5]))
    both = certified(shifted, target, slt.Ball(2.0)).value
    assert both == pytest.approx(max(2 * column[0], 2 * column[1] + 0.5), rel=1e-9)


def test_boxes_count_by_their_largest_norm():
    ticket, target = random_pair(np.random.default_rng(6))
    box = certified(ticket, target, slt.Box(-1.0, (0.5, 1.0, 1.0))).value
    assert box == pytest.approx(certified(ticket, target, slt.Ball(np.sqrt(3))).value, rel=1e-12)


def test_modules_are_read_and_constants_need_not_agree():
    """nn.MultiheadAttention with biases against a ticket that has another layout of the same function."""
    torch.manual_seed(0)
    model = nn.MultiheadAttention(4, 2, batch_first=True)
    nn.init.normal_(model.in_proj_bias)
    target = AttentionTarget.of(model).merged()
    assert target.query_constant
    bare = MergedAttention(target.query_key[:, :4], target.value_output, target.bias)
    x = np.random.default_rng(7).standard_normal((3, 6, 4))
    gap = np.abs(bare.forward(x) - target.forward(x)).max()
    assert 0 < sampled(bare, model, x).value == pytest.approx(gap, rel=1e-9)
    assert certified(bare, model, slt.Ball(5.0)).value >= gap
    assert certified(target, model, slt.Ball(5.0)).value < 1e-12
    padded = MergedAttention(
        np.pad(target.query_key, ((0, 0), (0, 0), (0, 1))),
        np.pad(target.value_output, ((0, 0), (0, 1), (0, 0))),
        target.bias,
        True,
        True,
    )
    assert certified(padded, model, slt.Ball(5.0)).value < 1e-12
    assert sampled(padded, model, x).value == 0


def test_rounding_of_entries_enters_every_bound():
    ticket, target = random_pair(np.random.default_rng(8), error=0.0)
    rough = replace(ticket, rounding=1e-3)
    exact, known = (attention_bounds(t, target, slt.Ball(2.0)) for t in (ticket, rough))
    assert exact.certified.value <= 100 * UNIT
    # 3 x 2 entries, each off by 1e-3 at most: two heads' values and the bias alone
    assert known.certified.value >= 2e-3 * 2 * np.sqrt(3) + 1e-3
    assert known.certified.value <= known.entrywise.value <= known.paper.value


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"heads": 3}, "3 heads, the model has 2"),
        ({"d": 4}, "4 coordinates of queries, the model has 3"),
        ({"outputs": 5}, "5 outputs, the model has 2"),
        ({"size": np.nan}, "NaN or infinite"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(change, text):
    rng = np.random.default_rng(9)
    ticket, _ = random_pair(rng, **change)
    _, target = random_pair(rng)
    with pytest.raises(InputError, match=text):
        certified(ticket, target, slt.Ball(1.0))


def test_bad_inputs_are_refused():
    rng = np.random.default_rng(10)
    ticket, target = random_pair(rng)
    x = rng.standard_normal((2, 4, 3))
    hidden = np.ones((4, 4), dtype=bool)
    hidden[2] = False
    for arguments, text in (
        ({"inputs": x[0]}, r"\(count, tokens, 3\)"),
        ({"inputs": np.full((1, 1, 3), np.nan)}, "NaN or infinite"),
        ({"inputs": x, "keys": x[:1]}, "as many sequences"),
        ({"inputs": x, "mask": hidden}, "hide every key from 1 queries"),
        ({"inputs": x, "mask": np.ones((3, 4, 4), dtype=bool)}, "mask has shape"),
        ({"inputs": x, "mask": np.ones((4, 4))}, "booleans"),
        ({"inputs": x, "batch": 0}, "batch"),
        ({"inputs": x, "device": "nowhere"}, "device"),
    ):
        with pytest.raises(InputError, match=text):
            sampled(ticket, target, **arguments)
    with pytest.raises(InputError, match="domain"):
        certified(ticket, target, 1.0)
    with pytest.raises(InputError, match="chain of layers was given"):
        certified(ticket, slt.Target.from_arrays([np.eye(3)]), slt.Ball(1.0))
    with pytest.raises(UnsupportedModuleError, match="Linear"):
        sampled(ticket, nn.Linear(3, 2), x)
    layers = slt.find_ticket(nn.Linear(2, 1, bias=False), width=12)
    with pytest.raises(InputError, match="are of attention"):
        sampled(layers, nn.Linear(2, 1, bias=False), np.zeros((1, 2)), mask=hidden)
    with pytest.raises(InputError, match="the model is a MergedAttention, the ticket a chain"):
        certified(layers, target, slt.Ball(1.0))
    with pytest.raises(InputError, match="chain of layers is needed"):
        slt.ascend(ticket, nn.Linear(3, 2), slt.Ball(1.0), np.zeros((1, 3)))
