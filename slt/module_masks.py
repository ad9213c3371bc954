"""Checks of the inputs and masks that attention modules are called with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from slt.errors import InputError
from slt.merged_attention import refuse_hidden


def refuse_hidden_queries(hidden: torch.Tensor) -> None:
    """InputError that names the queries for which ``hidden`` (..., T) bool is True: masks hide every key from them."""
    if bool(hidden.any()):
        refuse_hidden(np.argwhere(hidden.cpu().numpy()))


def check_tokens(doing: str, tokens: torch.Tensor, size: int | None, dimensions: Sequence[int] = (3,)) -> None:
    """InputError unless tokens are (count, T, size), none of them 0; with 2 among ``dimensions`` also (T, size)."""
    wrong = size is not None and tokens.shape[-1:] != (size,)
    if tokens.dim() not in dimensions or wrong or not tokens.numel():
        last = "size" if size is None else size
        shapes = " or ".join(f"({'count, ' if n == 3 else ''}tokens, {last})" for n in sorted(dimensions, reverse=True))
        raise InputError(f"{doing}: tokens of shape {tuple(tokens.shape)} were given; {shapes} is needed")


def check_mask(doing: str, name: str, mask: torch.Tensor | None, shapes: Sequence[tuple[int, ...]]) -> None:
    """InputError unless a mask is None, or bool and of one of the shapes."""
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) not in shapes):
        needed = " or ".join(map(str, shapes))
        raise InputError(
            f"{doing}: {name} of shape {tuple(mask.shape)} and dtype {mask.dtype} was given; a bool mask of shape "
            f"{needed} is needed, True to hide"
        )
