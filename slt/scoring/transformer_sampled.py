"""Lower bounds of the error of a transformer ticket, from sequences, with a running error analysis.

As in ``attention_sampled`` and ``evaluation``, with one thing more: the tokens of a block are themselves known up to
the error of the blocks before. A logit x A y of tokens that are off by at most e, entry by entry, is off by at most
|x| |A| e + e |A| (|y| + e) more, a value by e |C|, and a shortcut adds the two errors and the rounding of the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slt.collapsed_transformer import CollapsedTransformer, causal_mask
from slt.errors import InputError
from slt.scoring.attention_pair import AttentionPair, Heads, Model
from slt.scoring.evaluation import Network, device_of, points_of
from slt.scoring.rounding import UNDERFLOW, UNIT, gamma
from slt.scoring.score import Kind, Score, shown
from slt.scoring.sure import Sure, sure_difference
from slt.scoring.transformer import checked_transformers

if TYPE_CHECKING:
    import torch
    from torch import nn

    Known = tuple[torch.Tensor, torch.Tensor]  # values (count, T, .), and at least their distances to the real ones

FloatArray = npt.NDArray[np.float64]
LOGITS = 2**20  # logits evaluated at a time, 8 MiB; about a dozen arrays of that size are held


def sampled_transformer(
    ticket: CollapsedTransformer,
    model: nn.Module | Model,
    inputs: Any,
    mask: Any,
    device: Any,
    batch: int,
    order: float,
) -> Score:
    """``slt.sampled`` for transformers; ``inputs``: sequences of tokens, (count, T, size)."""
    import torch

    target = checked_transformers(ticket, model)
    x = _sequences(inputs, target.size)
    length = x.shape[1]
    place = device_of(device)
    allowed = causal_mask(ticket.causal, length, mask)
    if allowed is not None and allowed.ndim > 2 and allowed.shape != (len(x), length, length):
        raise InputError(
            f"sampling the error: the mask has shape {allowed.shape}; ({length}, {length}) or "
            f"({len(x)}, {length}, {length}) is needed"
        )
    pairs = [AttentionPair.of(a, b.attention) for (a, _), b in zip(ticket.blocks, target.blocks, strict=True)]
    feeds = [(f, b.feed_forward) for (_, f), b in zip(ticket.blocks, target.blocks, strict=True)]
    constants = [(pair.query_constant, pair.key_constant) for pair in pairs]
    stacks = [
        [(pair.ticket, Network.of(f, place)) for pair, (f, _) in zip(pairs, feeds, strict=True)],
        [(pair.target, Network.of(f, place)) for pair, (_, f) in zip(pairs, feeds, strict=True)],
    ]
    best, step = Sure(0.0, 0.0), max(1, min(batch, LOGITS // length**2))
    for start in range(0, len(x), step):
        tokens = torch.tensor(x[start : start + step], device=place)
        may = None
        if allowed is not None:
            may = torch.tensor(allowed if allowed.ndim == 2 else allowed[start : start + step], device=place)
        (a, a_error), (b, b_error) = (_forward(stack, constants, tokens, may) for stack in stacks)
        flat = [t.reshape(-1, t.shape[-1]) for t in (a, a_error, b, b_error)]
        found = sure_difference(flat[0], flat[1], flat[2], flat[3], order)
        best = found if start == 0 or found.value > best.value else best
    text = (
        f"sampled on {len(x):,} sequences of {length:,} tokens, float64, minus a rounding bound of {shown(best.paid)}"
    )
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)


def _sequences(inputs: Any, size: int) -> FloatArray:
    shape = tuple(np.shape(inputs))
    if len(shape) != 3 or shape[2] != size or 0 in shape:
        raise InputError(
            f"sampling the error: inputs of shape {shape} were given; sequences (count, tokens, {size}) are needed"
        )
    return points_of(inputs, shape[1] * size).reshape(shape)


def _forward(
    stack: list[tuple[Heads, Network]],
    constants: list[tuple[bool, bool]],
    tokens: torch.Tensor,
    allowed: torch.Tensor | None,
) -> Known:
    import torch

    known = tokens, torch.zeros_like(tokens)
    for (heads, network), (query, key) in zip(stack, constants, strict=True):
        known = _added(known, _attended(heads, query, key, known, allowed))
        known = _added(known, _fed_forward(network, known))
    return known


def _added(first: Known, second: Known) -> Known:
    value = first[0] + second[0]
    return value, (first[1] + second[1] + UNIT * value.abs()) * (1 + 8 * UNIT) + UNDERFLOW


def _fed_forward(network: Network, known: Known) -> Known:
    import torch

    shape = known[0].shape
    x, error = (t.reshape(-1, shape[-1]) for t in known)
    x = x.clamp(min=0.0) if network.input_relu else x
    for block in network.blocks:
        y = block.before_relu(x)
        error = torch.where(y.isfinite(), block.error(x, error), torch.inf)
        x = y.clamp(min=0.0) if block.relu else y
    return x.reshape(shape), error.reshape(shape)


def _attended(
    heads: Heads, query_constant: bool, key_constant: bool, known: Known, allowed: torch.Tensor | None
) -> Known:
    import torch

    x, x_error = _extended(known, query_constant)
    y, y_error = _extended(known, key_constant)
    bias = torch.tensor(heads.bias, device=x.device)
    out, size = bias.expand(*x.shape[:2], -1), bias.abs().expand(*x.shape[:2], -1)
    error = torch.zeros_like(out)
    for a, c in zip(heads.query_key, heads.value_output, strict=True):
        A, C = (torch.tensor(m, device=x.device) for m in (a, c))
        part, part_error = _head(A, C, heads.rounding, (x, x_error), (y, y_error), allowed)
        out, size, error = out + part, size + part.abs(), error + part_error
    terms = len(heads.query_key) + 4
    error = (error + gamma(terms) * size + heads.rounding) * (1 + 8 * terms * UNIT)
    return out, torch.where(out.isfinite(), error, torch.inf)


def _head(
    A: torch.Tensor, C: torch.Tensor, rounding: float, queries: Known, keys: Known, allowed: torch.Tensor | None
) -> Known:
    (x, x_error), (y, y_error) = queries, keys
    p, q = A.shape
    x_size, y_size = x.abs() + x_error, y.abs() + y_error
    inner = x @ A
    logits = inner @ y.mT
    ones = x_size.sum(dim=2, keepdim=True) * y_size.sum(dim=2)[:, None]
    off = (gamma(p + 4) * (x.abs() @ A.abs()) + 2 * p * UNDERFLOW) @ y.abs().mT
    off = off + gamma(q + 4) * (inner.abs() @ y.abs().mT) + rounding * ones + 2 * q * UNDERFLOW
    off = off + (x.abs() @ A.abs()) @ y_error.mT + (x_error @ A.abs()) @ y_size.mT + 4 * (p + q) * UNDERFLOW
    off = off * (1 + 8 * (p + q + 16) * UNIT)
    return averaged((logits, off), values_of(C, rounding, keys), allowed)


def values_of(C: torch.Tensor, rounding: float, keys: Known) -> Known:
    """What every key answers."""
    y, y_error = keys
    r = len(C)
    off = gamma(r + 4) * (y.abs() @ C.abs()) + y_error @ C.abs() + 4 * r * UNDERFLOW
    off = off + rounding * (y.abs() + y_error).sum(dim=2, keepdim=True)
    return y @ C, off * (1 + 8 * (r + 16) * UNIT)


def averaged(known_logits: Known, known_values: Known, allowed: torch.Tensor | None) -> Known:
    """The mean of the values (count, S, outputs) under the softmax of the logits (count, T, S)."""
    import torch

    (logits, off), (values, values_off) = known_logits, known_values
    count = values.shape[1]
    if allowed is not None:
        logits = torch.where(allowed, logits, -torch.inf)
        off = torch.where(allowed, off, 0.0)
    below = logits - logits.amax(dim=2, keepdim=True)
    weights = torch.exp(below)
    # the subtraction and exp: relative errors of the weights, so absolute ones of the logits
    off = off + UNIT * torch.where(below.isfinite(), below.abs(), 0.0) + 20 * UNIT
    delta = 2 * off.amax(dim=2, keepdim=True) * (1 + 256 * UNIT)
    mass = weights.sum(dim=2, keepdim=True)  # at least 1: the largest weight is exp(0)
    out = (weights @ values) / mass
    spread = (weights @ (values.abs() + values_off)) / mass
    # weights that underflow are off by less than 2 UNDERFLOW each
    lost = 4 * count * UNDERFLOW * (1 + (values.abs() + values_off).amax(dim=1, keepdim=True))
    error = (torch.expm1(delta) + 3 * gamma(count + 8)) * spread + (weights @ values_off) / mass + lost
    return out, error * (1 + 8 * (count + 32) * UNIT)


def _extended(known: Known, constant: bool) -> Known:
    import torch

    if not constant:
        return known
    pad = torch.nn.functional.pad
    return pad(known[0], (0, 1), value=1.0), pad(known[1], (0, 1), value=0.0)
