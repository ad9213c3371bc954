"""Cutoffs against sorting by hand, and every path against the plain one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.search import cutoff_kernel
from slt.search.cutoffs import Cutoff, next_bracket, top_cutoff, top_cutoff_of_all, top_cutoff_plain

LARGE = 9000  # beyond what is partitioned at once


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kept_by_hand(scores: list[float], count: int, absolute: bool) -> set[int]:
    magnitudes = [abs(x) if absolute else x for x in scores]
    return set(sorted(range(len(scores)), key=lambda i: (-magnitudes[i], i))[:count])


def kept(cutoff: Cutoff, scores: torch.Tensor, absolute: bool) -> set[int]:
    return set(cutoff.keeps(scores, absolute).flatten().nonzero().flatten().tolist())


def same(a: Cutoff, b: Cutoff) -> bool:
    """To the bit, NaN and the sign of zero too."""
    return (
        a.value.dtype == b.value.dtype
        and a.index.dtype == b.index.dtype == torch.int64
        and a.value.numpy().tobytes() == b.value.numpy().tobytes()
        and bool(a.index == b.index)
    )


numbers = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, math.inf, -math.inf, 1e-45, -1e-45])


@given(st.lists(numbers, min_size=0, max_size=12), st.data(), st.booleans())
def test_exactly_the_largest_are_kept_and_ties_go_to_the_lower_index(values, data, absolute):
    count = data.draw(st.integers(0, len(values)))
    scores = torch.tensor(values, dtype=torch.float32)
    expected = kept_by_hand(values, count, absolute)
    for cutoff in top_cutoff(scores, count, absolute), top_cutoff_plain(scores, count, absolute):
        assert kept(cutoff, scores, absolute) == expected
    assert same(top_cutoff(scores, count, absolute), top_cutoff_plain(scores, count, absolute))


def shaped_scores() -> dict[str, torch.Tensor]:
    normal = torch.randn(LARGE, generator=random(0))
    periodic = torch.zeros(LARGE)
    periodic[:: cutoff_kernel._SAMPLED + 1] = 1.0  # the sample sees nothing but ones
    broken = periodic.clone()
    broken[1::3] = torch.randn(LARGE, generator=random(1))[1::3]
    return {
        "normal": normal,
        "few values": (normal * 2).round() / 2,
        "one value": torch.full((LARGE,), -2.0),
        "zeros of both signs": torch.where(normal > 0, 0.0, -0.0),
        "rising": torch.arange(LARGE) - LARGE / 2,
        "a misleading sample": periodic,
        "another": broken,
        "infinities": torch.where(normal > 1, torch.inf, torch.where(normal < -1, -torch.inf, normal)),
        "subnormal": normal * 1e-40,
    }


@pytest.mark.parametrize("name", shaped_scores())
@pytest.mark.parametrize("absolute", [True, False])
def test_large_arrays_with_right_wrong_and_no_brackets(name, absolute):
    scores = shaped_scores()[name]
    n = scores.numel()
    for count in 0, 1, n // 10, n // 2, n - 1, n:
        plain = top_cutoff_plain(scores, count, absolute)
        assert int(plain.keeps(scores, absolute).sum()) == count
        near = next_bracket(next_bracket(None, plain.value * 1.001), plain.value)
        guesses = [[0.0] * 3, [9.0, 9.0, 9.0], [-9.0, 1.0, 2.0], [torch.nan] * 3, [1.0, torch.nan, 1.0]]
        guesses += [[torch.inf] * 3, [-torch.inf, torch.inf, 0.0], [3e38, -3e38, 0.0]]
        for bracket in [None, near, next_bracket(None, plain.value), *map(torch.tensor, guesses)]:
            assert same(top_cutoff(scores, count, absolute, bracket), plain), (count, bracket)


@pytest.mark.parametrize("n", [1, 5, LARGE])
@pytest.mark.parametrize("absolute", [True, False])
def test_nan_anywhere_is_reported_and_keeps_nothing(n, absolute):
    for place in {0, n // 2, n - 1}:
        scores = torch.randn(n, generator=random(0))
        bracket = next_bracket(None, top_cutoff(scores, (n + 1) // 2, absolute).value)
        scores[place] = torch.nan
        for count in {0, 1, n // 2, n}:
            for cutoff in (
                top_cutoff(scores, count, absolute),
                top_cutoff(scores, count, absolute, bracket),
                top_cutoff_plain(scores, count, absolute),
            ):
                assert cutoff.value.isnan() and cutoff.index == -1
                assert not cutoff.keeps(scores, absolute).any()


def test_nothing_and_everything_have_one_form():
    scores = torch.tensor([1.0, -torch.inf, 0.0])
    assert same(top_cutoff(scores, 0, False), Cutoff(torch.tensor(torch.inf), torch.tensor(-1)))
    assert same(top_cutoff(scores, 3, False), Cutoff(torch.tensor(-torch.inf), torch.tensor(2)))
    assert same(top_cutoff(torch.empty(0), 0, True), Cutoff(torch.tensor(torch.inf), torch.tensor(-1)))


def test_the_order_is_that_of_indices_not_of_memory():
    scores = torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    scores[0, 2, 1, 3] = 2.0
    for tensor in scores, scores.permute(3, 1, 0, 2), scores[:, ::2]:
        cutoff = top_cutoff(tensor, 7, True)
        assert same(cutoff, top_cutoff(tensor.clone(memory_format=torch.contiguous_format), 7, True))
        assert int(cutoff.keeps(tensor, True).sum()) == 7


def test_scores_that_require_gradients_and_other_dtypes():
    scores = torch.randn(50, generator=random(0))
    expected = top_cutoff(scores, 20, True)
    assert same(top_cutoff(torch.nn.Parameter(scores), 20, True), expected)
    assert not top_cutoff(torch.nn.Parameter(scores), 20, True).value.requires_grad
    double = top_cutoff(scores.double(), 20, True)
    assert double.value.dtype == torch.float64 and double.value == expected.value and double.index == expected.index


def test_brackets_follow_moving_values_and_never_change_them():
    scores, change = torch.randn(LARGE, generator=random(0)), torch.randn(LARGE, generator=random(1)) * 0.01
    bracket = None
    for step in range(12):
        cutoff = top_cutoff(scores, LARGE // 3, True, bracket)
        assert same(cutoff, top_cutoff_plain(scores, LARGE // 3, True))
        bracket = next_bracket(bracket, cutoff.value)
        assert bracket.shape == (3,) and bracket[2] == cutoff.value
        scores = scores + change * (1 + 10 * (step == 6))


def test_after_a_right_guess_only_the_bracket_is_looked_at(monkeypatch):
    scores = torch.randn(LARGE, generator=random(0))
    expected = top_cutoff(scores, LARGE // 2, True)
    monkeypatch.setattr(cutoff_kernel, "_without_history", None)  # would fail if called
    assert same(top_cutoff(scores, LARGE // 2, True, next_bracket(None, expected.value)), expected)


def test_a_sample_is_enough_where_nothing_is_known(monkeypatch):
    scores = torch.randn(LARGE, generator=random(0))
    monkeypatch.setattr(cutoff_kernel, "_by_partition", None)
    assert int(top_cutoff(scores, LARGE // 2, True).keeps(scores, True).sum()) == LARGE // 2


@given(
    st.lists(st.lists(numbers, min_size=0, max_size=5), min_size=1, max_size=4).filter(any),
    st.data(),
    st.booleans(),
)
def test_one_cutoff_for_several_tensors(lists, data, absolute):
    flat = [x for values in lists for x in values]
    count = data.draw(st.integers(0, len(flat)))
    tensors = [torch.tensor(values, dtype=torch.float32) for values in lists]
    value, indices = top_cutoff_of_all(tensors, count, absolute)
    assert value.shape == () and indices.shape == (len(lists),) and indices.dtype == torch.int64
    found, first = set(), 0
    for tensor, index in zip(tensors, indices, strict=True):
        assert -1 <= index < max(len(tensor), 1)
        found |= {first + i for i in kept(Cutoff(value, index), tensor, absolute)}
        first += len(tensor)
    assert found == kept_by_hand(flat, count, absolute)


def test_under_vmap_each_row_is_cut_by_itself():
    scores = torch.randn(3, 4, LARGE // 4, generator=random(0)).round(decimals=2)
    values, indices = torch.vmap(lambda s: tuple(vars(top_cutoff(s, LARGE // 3, True)).values()))(scores)
    alone = [top_cutoff(s, LARGE // 3, True) for s in scores]
    assert values.tolist() == [c.value.item() for c in alone] and indices.tolist() == [c.index.item() for c in alone]

    brackets = torch.stack([next_bracket(None, c.value) for c in alone])
    for dims, bracket in (0, brackets), (1, brackets.T), (None, brackets[0]):
        again = torch.vmap(lambda s, b: top_cutoff(s, LARGE // 3, True, b).index, (0, dims))(scores, bracket)
        assert torch.equal(again, indices)
    assert torch.vmap(lambda b: top_cutoff(scores[1], LARGE // 3, True, b).index)(brackets).tolist() == [indices[1]] * 3

    pairs = torch.stack((scores, -scores), 1)
    nested = torch.vmap(torch.vmap(lambda s: top_cutoff(s, 100, False).value))(pairs)
    assert nested.shape == (3, 2) and nested[1, 1] == top_cutoff(-scores[1], 100, False).value


@pytest.mark.parametrize("dynamic", [False, True])
def test_traced_whole_by_the_compiler(dynamic):
    @torch.compile(backend="aot_eager", fullgraph=True, dynamic=dynamic)
    def step(scores, bracket):
        cutoff = top_cutoff(scores, 40, True, bracket)
        value, indices = top_cutoff_of_all([scores, -scores], 100, False)
        return cutoff.value, cutoff.index, next_bracket(bracket, cutoff.value), value, indices

    scores = torch.randn(10, 9, generator=random(0))
    bracket = next_bracket(None, torch.tensor(0.7))
    value, index, after, value_of_all, indices = step(scores, bracket)
    assert same(Cutoff(value, index), top_cutoff(scores, 40, True))
    assert torch.equal(after, next_bracket(bracket, value))
    assert all(
        torch.equal(a, b)
        for a, b in zip((value_of_all, indices), top_cutoff_of_all([scores, -scores], 100, False), strict=True)
    )


def test_the_operator_keeps_what_torch_asks_of_one():
    scores = torch.randn(3, 20, generator=random(0))
    brackets = torch.randn(3, 3, generator=random(1))
    torch.library.opcheck(
        torch.ops.slt.cutoff_rows, (scores, 7, True, brackets), test_utils=("test_schema", "test_faketensor")
    )


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match="keeps 5 of 4 scores"):
        top_cutoff(torch.ones(4), 5, True)
    with pytest.raises(InputError, match="keeps -1 of 4"):
        top_cutoff_plain(torch.ones(4), -1, True)
    with pytest.raises(InputError, match=r"torch\.int64"):
        top_cutoff(torch.ones(4, dtype=torch.int64), 1, True)
    with pytest.raises(InputError, match="none were given"):
        top_cutoff_of_all([], 0, True)
    with pytest.raises(InputError, match="keeps 9 of 8"):
        top_cutoff_of_all([torch.ones(4), torch.ones(4)], 9, True)


def test_scores_are_left_as_they_were():
    scores = torch.randn(LARGE, generator=random(0))
    before = scores.clone()
    top_cutoff(scores, 10, True)
    top_cutoff(scores, LARGE // 2, False)
    assert np.array_equal(scores.numpy(), before.numpy())
