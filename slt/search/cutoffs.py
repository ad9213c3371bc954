"""Which scores are the largest: a cutoff, exact to the last tie, the same on every device.

Entry i of the flat (C) order is kept iff its magnitude a[i] exceeds the cutoff's value, or equals it and i is at most
the cutoff's index. Exactly as many are kept as were asked for; ties go to the lower index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from slt.errors import InputError
from slt.search.traced import has_memory

_FIRST = 2.0**-8  # what the value is taken to have changed by before there was any change, in values


@final
@dataclass(frozen=True, eq=False)
class Cutoff:
    """``value`` () of the scores' dtype, ``index`` () int64.

    Nothing kept: (+inf, -1). Everything: (-inf, n - 1). NaN among the scores: (NaN, -1), which keeps nothing.
    """

    value: Tensor
    index: Tensor

    def keeps(self, scores: Tensor, absolute: bool) -> Tensor:
        """The mask (boolean, of the shape of ``scores``)."""
        a = scores.abs() if absolute else scores
        place = torch.arange(scores.numel(), device=scores.device).reshape(scores.shape)
        return (a > self.value) | ((a == self.value) & (place <= self.index))


def top_cutoff(scores: Tensor, count: int, absolute: bool, bracket: Tensor | None = None) -> Cutoff:
    """The cutoff that keeps the ``count`` largest of ``scores`` (any shape), of their magnitudes if ``absolute``.

    ``bracket`` (3,) is what ``next_bracket`` made of the values in the steps before; it changes the time this takes and
    never the result. Works under ``torch.compile`` and ``vmap``; there is no gradient.

    Raises:
        InputError: ``count`` is not between 0 and the number of scores, or these are no floating-point numbers.
    """
    _check(scores, count)
    scores = scores.detach()
    if scores.device.type != "cpu" or scores.dtype != torch.float32:
        return top_cutoff_plain(scores, count, absolute)
    if has_memory(scores) and (bracket is None or has_memory(bracket)):
        return Cutoff(*_cutoff_in_memory(scores, count, absolute, bracket))
    if bracket is not None:
        bracket = bracket.detach().reshape(1, 3)
    value, index = torch.ops.slt.cutoff_rows(scores.reshape(1, -1), count, absolute, bracket)
    return Cutoff(value[0], index[0])


def top_cutoff_plain(scores: Tensor, count: int, absolute: bool) -> Cutoff:
    """The same by one stable sort, on any device."""
    _check(scores, count)
    flat = scores.detach().reshape(-1)
    if absolute:
        flat = flat.abs()
    n = flat.numel()
    if n == 0:
        return Cutoff(flat.new_full((), torch.inf), torch.full((), -1, dtype=torch.int64, device=flat.device))
    if 0 < count < n:
        ordered, places = torch.sort(flat, descending=True, stable=True)
        largest, value, index = ordered[0], ordered[count - 1] + 0.0, places[count - 1]  # -0.0 becomes +0.0
    else:
        largest = flat.amax()  # NaN if there is any
        value = torch.full_like(largest, -torch.inf if count else torch.inf)
        index = torch.full_like(largest, n - 1 if count else -1, dtype=torch.int64)
    broken = largest.isnan()  # NaN is ordered first
    return Cutoff(torch.where(broken, largest, value), torch.where(broken, -1, index))


def top_cutoff_of_all(
    scores: Sequence[Tensor], count: int, absolute: bool, bracket: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One cutoff for several tensors: its value () and an index (L,) int64 for each, by the same rule.

    Ties go to the tensor that comes first, and in it to the lower index; -1 where a tensor keeps none of its ties.

    Raises:
        InputError: as ``top_cutoff``, or there are no tensors.
    """
    if not scores:
        raise InputError("one cutoff for all tensors: none were given; give at least one")
    flat = torch.cat([s.detach().reshape(-1) for s in scores])
    cutoff = top_cutoff(flat, count, absolute, bracket)
    sizes = torch.tensor([s.numel() for s in scores], device=flat.device)
    first = sizes.cumsum(0) - sizes
    return cutoff.value, torch.minimum((cutoff.index - first).clamp(min=-1), sizes - 1)


def next_bracket(bracket: Tensor | None, value: Tensor) -> Tensor:
    """The bracket (3,) for the next step, from this step's (None at the first) and the ``value`` () then found.

    It is the last three values: the next one is looked for a few changes around the last.
    """
    if bracket is None:
        return torch.stack((value * (1 - _FIRST), value, value))
    return torch.cat((bracket[1:], value.reshape(1)))


def _check(scores: Tensor, count: int) -> None:
    if not scores.is_floating_point():
        raise InputError(f"a cutoff of scores: they are {scores.dtype}; floating-point numbers are needed")
    if not 0 <= count <= scores.numel():
        raise InputError(
            f"a cutoff that keeps {count} of {scores.numel()} scores: the count must be between 0 and their number"
        )


def _cutoff_in_memory(scores: Tensor, count: int, absolute: bool, bracket: Tensor | None) -> tuple[Tensor, Tensor]:
    from slt.search.cutoff_kernel import NO_HISTORY, kth_largest

    # few calls of torch: after a pass over large tensors each takes many microseconds
    value, index = np.empty((), dtype=np.float32), np.empty((), dtype=np.int64)
    history = NO_HISTORY if bracket is None else bracket.numpy()
    kth_largest(scores.numpy().reshape(-1), count, absolute, history, value, index)
    return torch.from_numpy(value), torch.from_numpy(index)


def _cutoff_rows(scores: Tensor, count: int, absolute: bool, bracket: Tensor | None) -> tuple[Tensor, Tensor]:
    """For each row of ``scores`` (R, n) float32; ``bracket`` (R, 3)."""
    brackets = [None] * len(scores) if bracket is None else bracket.contiguous().unbind()
    found = [_cutoff_in_memory(row, count, absolute, b) for row, b in zip(scores.unbind(), brackets, strict=True)]
    values, indices = zip(*found, strict=True)
    return torch.stack(values), torch.stack(indices)


def _fake(scores: Tensor, count: int, absolute: bool, bracket: Tensor | None) -> tuple[Tensor, Tensor]:
    return scores.new_empty(scores.shape[0]), scores.new_empty(scores.shape[0], dtype=torch.int64)


def _vmap(info: Any, in_dims: tuple, scores: Tensor, count: int, absolute: bool, bracket: Tensor | None) -> tuple:
    scores = _rows_of(scores, in_dims[0], info.batch_size)
    if bracket is not None:
        bracket = _rows_of(bracket, in_dims[3], info.batch_size)
    found = torch.ops.slt.cutoff_rows(scores, count, absolute, bracket)
    return tuple(t.reshape(info.batch_size, -1) for t in found), (0, 0)


def _rows_of(tensor: Tensor, dim: int | None, batch: int) -> Tensor:
    """(R, ...) with a further dimension of size ``batch`` at ``dim``, or none: (batch * R, ...), for vmap rules."""
    tensor = tensor.expand(batch, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
    return tensor.flatten(0, 1)


# not custom_op: its operators have an autograd rule of their own, which grad of torch.func does not pass through
torch.library.define(
    "slt::cutoff_rows", "(Tensor scores, int count, bool absolute, Tensor? bracket) -> (Tensor, Tensor)"
)
torch.library.impl("slt::cutoff_rows", "CPU", _cutoff_rows)
torch.library.register_fake("slt::cutoff_rows", _fake)
torch.library.register_vmap("slt::cutoff_rows", _vmap)
