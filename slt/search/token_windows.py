"""Windows of a text: random ones to train on, consecutive ones to measure with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch

from slt.errors import InputError
from slt.search.batches import Batch, EpochLoader, random_bits, whole


@final
class TokenWindows(EpochLoader):
    """``steps`` batches an epoch of random windows: inputs (batch, context), and targets one token further on.

    ``tokens``: a one-dimensional tensor of whole numbers, longer than ``context``; batches are on its device, int64.
    Windows start anywhere with equal probability (up to 2**-52 times their number) and may overlap.
    """

    def __init__(self, tokens: torch.Tensor, context: int, batch: int, steps: int, seed: int = 0) -> None:
        super().__init__(seed)
        self.context, self.batch = whole("the context", context, least=1), whole("the batch size", batch, least=1)
        self.steps = whole("the number of steps", steps, least=1)
        self.tokens = _checked(tokens, self.context)

    def __len__(self) -> int:
        return self.steps

    def batches(self, epoch: int) -> Iterator[Batch]:
        bits = random_bits(self.key / str(epoch) / "windows", self.steps * self.batch)
        starts = (bits % (len(self.tokens) - self.context)).to(self.tokens.device)
        steps = torch.arange(self.context + 1, device=self.tokens.device)
        for some in starts.reshape(self.steps, self.batch):
            windows = self.tokens[some[:, None] + steps].long()
            yield windows[:, :-1], windows[:, 1:]


def consecutive(tokens: torch.Tensor, context: int) -> Batch:
    """All windows side by side, each shape (count, context): inputs, and targets one token further on.

    ``Batches(*consecutive(text, 128), shuffle=False)`` measures a loss. Tokens at the end that fill no window are left
    out.
    """
    context = whole("the context", context, least=1)
    tokens = _checked(tokens, context)
    windows = tokens.long().unfold(0, context + 1, context)
    return windows[:, :-1], windows[:, 1:]


def _checked(tokens: torch.Tensor, context: int) -> torch.Tensor:
    kind = tokens.dtype if isinstance(tokens, torch.Tensor) else None
    if kind is None or tokens.dim() != 1 or kind.is_floating_point or kind.is_complex or kind == torch.bool:
        raise InputError(
            "windows are cut from a one-dimensional tensor of whole numbers; "
            + (f"{kind} of shape {tuple(tokens.shape)}" if kind else f"a {type(tokens).__name__}")
            + " was given"
        )
    if len(tokens) <= context:
        raise InputError(
            f"windows of {context} tokens and one more need {context + 1} tokens; {len(tokens)} were given"
        )
    return tokens
