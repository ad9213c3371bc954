"""Scores of rotary attention tickets: upper bounds over all sequences, and lower bounds from some.

Let E_m and F_m be the residuals of a head's A_m and B_m. At a distance with angles a_m its logits are off by
x (sum_m E_m cos a_m + F_m sin a_m) y, and

    ||E cos a + F sin a|| = ||[E F] [cos a; sin a]|| <= ||[E F]||,   and likewise <= ||[E; F]||,

so by R**2 sum_m min(||[E_m F_m]||, ||[E_m; F_m]||) at most for tokens in a ball of radius R, whatever their positions.
From there on the bound is that of attention (``attention.py``). Derived for this project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slt.collapsed_transformer import causal_mask
from slt.domains import Domain
from slt.errors import InputError
from slt.merged_rotary import MergedRotary, relative_angles
from slt.rotary_target import RotaryTarget
from slt.scoring.attention_pair import Model
from slt.scoring.evaluation import device_of, points_of
from slt.scoring.networks import checked_domain
from slt.scoring.norms import moved_mass, norm_of, product_of, radius_of, root_of, sum_of
from slt.scoring.rounding import UNDERFLOW, UNIT, gamma
from slt.scoring.score import Kind, Score, checked_order, shown
from slt.scoring.sure import Sure, sure_difference
from slt.scoring.transformer_sampled import LOGITS, averaged, values_of

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]


def rotary_bound(ticket: MergedRotary, model: nn.Module | Model, domain: Domain, order: float = np.inf) -> Score:
    """A bound of the largest ||ticket - model|| of one output token, over all sequences of tokens in ``domain``, at any
    positions, under any mask that leaves every token a key.

    ``order``: np.inf or 2; the bound is of the Euclidean norm in either case. Raises InputError.
    """
    order = checked_order(order)
    checked_domain(domain, "certifying a rotary ticket")
    target = _checked(ticket, model)
    R = radius_of(domain, target.size)
    unknown = sum_of(ticket.rounding, target.rounding)
    with np.errstate(all="ignore"):
        cosine, sine = ticket.cosine - target.cosine, ticket.sine - target.sine
        values = ticket.value_output - target.value_output
        slips = []
        for E, F in zip(cosine, sine, strict=True):
            planes = [
                min(norm_of(np.concatenate([e, f], axis=axis), unknown) for axis in (0, 1))
                for e, f in zip(E, F, strict=True)
            ]
            slips.append(product_of(2.0, R, moved_mass(product_of(R, R, sum_of(*planes)))))
        steady = min(
            _spread(values, unknown, [R] * len(values)), product_of(root_of(len(values)), R, _stacked(values, unknown))
        )
        moves = [_spread(m.value_output, m.rounding, slips) for m in (target, ticket)]
        bound = sum_of(min(moves), steady)
    finite = bool(np.isfinite(bound))
    text = f"certified over sequences in {domain}, at any positions" + ("" if finite else ", float64 overflowed")
    return Score(bound if finite else np.inf, Kind.CERTIFIED_UPPER, norm=order, text=text)


def _spread(matrices: FloatArray, unknown: float, sizes: list[float]) -> float:
    """At least ||sum_h w_h M_h|| over all ||w_h|| <= sizes[h]."""
    return sum_of(*(product_of(size, norm_of(m, unknown)) for m, size in zip(matrices, sizes, strict=True)))


def _stacked(matrices: FloatArray, unknown: float) -> float:
    return norm_of(matrices.reshape(-1, matrices.shape[2]), unknown)


def _checked(ticket: MergedRotary, model: nn.Module | Model) -> MergedRotary:
    if isinstance(model, Model) and not isinstance(model, (RotaryTarget, MergedRotary)):
        raise InputError("scoring a rotary ticket: the model has no rotary positions; give the model that it is for")
    target = model if isinstance(model, MergedRotary) else RotaryTarget.of(model).merged()
    same = (
        ticket.cosine.shape == target.cosine.shape
        and ticket.value_output.shape == target.value_output.shape
        and np.array_equal(ticket.frequencies, target.frequencies)
        and ticket.causal == target.causal
    )
    if not same:
        raise InputError(
            f"scoring a rotary ticket: it has matrices of shape {ticket.cosine.shape} and {ticket.value_output.shape}, "
            f"frequencies {ticket.frequencies.tolist()} and causal={ticket.causal}, the model {target.cosine.shape}, "
            f"{target.value_output.shape}, {target.frequencies.tolist()} and causal={target.causal}; give the model "
            "that the ticket is for"
        )
    return target


def sampled_rotary(
    ticket: MergedRotary, model: nn.Module | Model, inputs: Any, mask: Any, device: Any, batch: int, order: float
) -> Score:
    """``slt.sampled`` for rotary attention; ``inputs``: sequences of tokens, (count, T, d), at positions 0 .. T - 1."""
    import torch

    target = _checked(ticket, model)
    shape = tuple(np.shape(inputs))
    if len(shape) != 3 or shape[2] != target.size or 0 in shape:
        raise InputError(
            f"sampling the error: inputs of shape {shape} were given; sequences (count, tokens, {target.size}) are "
            "needed"
        )
    x = points_of(inputs, shape[1] * shape[2]).reshape(shape)
    length, place = shape[1], device_of(device)
    allowed = causal_mask(ticket.causal, length, mask)
    if allowed is not None and allowed.shape not in ((length, length), (len(x), length, length)):
        raise InputError(
            f"sampling the error: the mask has shape {allowed.shape}; ({length}, {length}) or "
            f"({len(x)}, {length}, {length}) is needed"
        )
    angles = torch.tensor(relative_angles(ticket.frequencies, length), device=place)
    best, step = Sure(0.0, 0.0), max(1, min(batch, LOGITS // length**2))
    for start in range(0, len(x), step):
        tokens = torch.tensor(x[start : start + step], device=place)
        may = None
        if allowed is not None:
            may = torch.tensor(allowed if allowed.ndim == 2 else allowed[start : start + step], device=place)
        (a, a_error), (b, b_error) = (_forward(merged, tokens, angles, may) for merged in (ticket, target))
        flat = [t.reshape(-1, t.shape[-1]) for t in (a, a_error, b, b_error)]
        found = sure_difference(flat[0], flat[1], flat[2], flat[3], order)
        best = found if start == 0 or found.value > best.value else best
    text = (
        f"sampled on {len(x):,} sequences of {length:,} tokens, float64, minus a rounding bound of {shown(best.paid)}"
    )
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)


def _forward(
    merged: MergedRotary, x: torch.Tensor, angles: torch.Tensor, allowed: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs, and at least their distances to the real ones."""
    import torch

    waves = torch.stack([angles.cos(), angles.sin()])
    # the angle is rounded once; cos and sin are within 8 units in the last place of 1
    wave_error = UNIT * angles.abs() + 8 * UNIT
    zero = torch.zeros(*x.shape[:2], merged.outputs, dtype=torch.float64, device=x.device)
    out, size, error = zero, zero, zero
    ones = x.abs().sum(dim=2, keepdim=True) * x.abs().sum(dim=2)[:, None]
    for A, B, C in zip(merged.cosine, merged.sine, merged.value_output, strict=True):
        logits, logits_size = torch.zeros_like(ones), torch.zeros_like(ones)
        off = torch.zeros_like(ones)
        for m in range(merged.planes):
            for matrix, wave in zip((A[m], B[m]), waves[:, m], strict=True):
                W = torch.tensor(matrix, device=x.device)
                part = x @ W @ x.mT
                # two products with d terms each
                bound = 2 * gamma(len(W) + 4) * (x.abs() @ W.abs() @ x.abs().mT) + 8 * len(W) * UNDERFLOW
                bound = bound + merged.rounding * ones
                logits, logits_size = logits + part * wave, logits_size + part.abs()
                off = off + bound + part.abs() * wave_error[m]
        off = (off + gamma(2 * merged.planes + 2) * logits_size) * (1 + 8 * (2 * merged.planes + len(C) + 32) * UNIT)
        values = values_of(torch.tensor(C, device=x.device), merged.rounding, (x, torch.zeros_like(x)))
        part, part_error = averaged((logits, off), values, allowed)
        out, size, error = out + part, size + part.abs(), error + part_error
    terms = merged.heads + 4
    error = (error + gamma(terms) * size) * (1 + 8 * terms * UNIT)
    return out, torch.where(out.isfinite(), error, torch.inf)
