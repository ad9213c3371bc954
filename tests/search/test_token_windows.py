from __future__ import annotations

from typing import Any

import pytest
import torch

from slt.errors import InputError
from slt.search.batches import Batches
from slt.search.token_windows import TokenWindows, consecutive

TOKENS = torch.arange(100, dtype=torch.uint8)


def test_windows_are_a_function_of_the_epoch() -> None:
    loader = TokenWindows(TOKENS, context=8, batch=4, steps=3, seed=2)
    first, second = list(loader), list(loader)
    assert len(loader) == len(first) == 3
    assert loader.epoch == 2
    for x, y in first + second:
        assert x.shape == y.shape == (4, 8) and x.dtype == y.dtype == torch.int64
        assert torch.equal(y, x + 1) and torch.equal(x - x[:, :1], torch.arange(8).expand(4, 8))
    assert not torch.equal(first[0][0], second[0][0])
    again = TokenWindows(TOKENS, 8, 4, 3, seed=2)
    again.epoch = 1
    assert all(torch.equal(a, b) for a, b in zip(sum(again, ()), sum(second, ()), strict=True))


def test_every_start_occurs_and_no_other() -> None:
    # 12 starts, 4800 draws: the chance that one is missing is 12 * (11/12)**4800 < 1e-180
    loader = TokenWindows(TOKENS[:20], context=8, batch=1200, steps=4)
    assert {int(s) for x, _ in loader for s in x[:, 0]} == set(range(12))


def test_the_shortest_text() -> None:
    x, y = next(iter(TokenWindows(TOKENS[:9], context=8, batch=1, steps=1)))
    assert x.tolist() == [list(range(8))] and y.tolist() == [list(range(1, 9))]


def test_consecutive_windows() -> None:
    x, y = consecutive(TOKENS, 8)
    assert x.tolist() == [list(range(8 * i, 8 * i + 8)) for i in range(12)]
    assert torch.equal(y, x + 1)
    assert [len(a) for a, _ in Batches(x, y, batch=5, shuffle=False)] == [5, 5, 2]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: TokenWindows(TOKENS[:8], 8, 1, 1), "need 9 tokens; 8 were given"),
        (lambda: TokenWindows(TOKENS.float(), 8, 1, 1), "torch.float32 of shape"),
        (lambda: TokenWindows(TOKENS.reshape(2, 50), 8, 1, 1), r"\(2, 50\)"),
        (lambda: TokenWindows([1, 2], 1, 1, 1), "a list was given"),  # type: ignore[arg-type]
        (lambda: TokenWindows(TOKENS > 3, 8, 1, 1), "torch.bool"),
        (lambda: TokenWindows(TOKENS, 0, 1, 1), "the context must be"),
        (lambda: TokenWindows(TOKENS, 8, 0, 1), "the batch size must be"),
        (lambda: TokenWindows(TOKENS, 8, 1, 0), "the number of steps must be"),
        (lambda: consecutive(TOKENS, 100), "need 101 tokens"),
    ],
)
def test_wrong_inputs(make: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make()
