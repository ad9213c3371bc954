"""Weights times mask, with gradients that pass the mask straight through to the scores.

On the processor in float32 one compiled pass forward and one back; elsewhere the same products in torch. Both give the
same bits, work under ``torch.compile`` and under ``grad`` and ``vmap`` of ``torch.func``.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from slt.errors import InputError
from slt.search.cutoffs import Cutoff
from slt.search.traced import has_memory


def mask_product(
    scores: Tensor,
    values: Tensor,
    slopes: Tensor,
    cutoff_value: Tensor,
    cutoff_index: Tensor,
    scale: Tensor,
    absolute: bool,
) -> Tensor:
    """``values * scale`` where the cutoff keeps the score, +0.0 elsewhere.

    ``scores``, ``values``, ``slopes`` and the result have one shape and dtype; ``cutoff_value`` (), ``cutoff_index`` ()
    as ``top_cutoff`` gives them for these scores and ``absolute``; ``scale`` ().

    The gradient goes to the scores alone, as if the mask were the score (its magnitude if ``absolute``):
    ``gradient * slopes * scale``, times the score's sign if ``absolute``, with no regard to the mask. Edge-popup
    (Ramanujan et al. 2020, arXiv 1911.13299) has slopes = values; biprop (Diffenderfer & Kailkhura 2021,
    arXiv 2103.09377) has values = sign(w), slopes = w.

    Raises:
        InputError: shapes or dtypes differ.
    """
    _check(scores, values=values, slopes=slopes)
    inputs = (cutoff_value, cutoff_index, scale, absolute)
    found: Tensor
    if has_memory(scores) and has_memory(values) and has_memory(slopes):
        found = _CompiledMaskProduct.apply(scores, values, slopes, *inputs)  # type: ignore[no-untyped-call]
    else:
        found = _MaskProduct.apply(scores, values, _other(slopes, values), *inputs)  # type: ignore[no-untyped-call]
    return found


def mask_product_plain(
    scores: Tensor,
    values: Tensor,
    slopes: Tensor,
    cutoff_value: Tensor,
    cutoff_index: Tensor,
    scale: Tensor,
    absolute: bool,
) -> Tensor:
    """The same by tensor operations, one after the other."""
    kept = Cutoff(cutoff_value, cutoff_index).keeps(scores, absolute).to(scores.dtype)
    soft = scores.abs() if absolute else scores
    return straight_through_product(soft, kept, values, slopes, scale)


def straight_through_product(soft: Tensor, hard: Tensor, values: Tensor, slopes: Tensor, scale: Tensor) -> Tensor:
    """``(hard * values) * scale`` where ``hard`` is not 0, +0.0 elsewhere.

    ``soft`` is what the gradient goes to, as ``(gradient * slopes) * scale``; ``hard`` the mask: 0 and 1, or -1, 0 and
    1, or levels. All but ``scale`` () have one shape and dtype.

    Raises:
        InputError: shapes or dtypes differ.
    """
    _check(soft, hard=hard, values=values, slopes=slopes)
    found: Tensor = StraightThroughProduct.apply(  # type: ignore[no-untyped-call]
        soft, hard, values, _other(slopes, values), scale
    )
    return found


@final
class StraightThroughProduct(torch.autograd.Function):
    """``straight_through_product``, unchecked."""

    generate_vmap_rule = True

    @staticmethod
    def forward(soft: Tensor, hard: Tensor, values: Tensor, slopes: Tensor, scale: Tensor) -> Tensor:
        # the choice, not the product, makes the zeros: -1 * 0 would be -0.0
        return torch.where(hard != 0, hard * values * scale, 0.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        _, _, _, slopes, scale = inputs
        ctx.save_for_backward(slopes, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        slopes, scale = ctx.saved_tensors
        return gradients[0] * slopes * scale, None, None, None, None


@final
class _MaskProduct(torch.autograd.Function):
    """In torch, on any device and under any transform."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        scores: Tensor,
        values: Tensor,
        slopes: Tensor,
        cutoff_value: Tensor,
        cutoff_index: Tensor,
        scale: Tensor,
        absolute: bool,
    ) -> Tensor:
        kept = Cutoff(cutoff_value, cutoff_index).keeps(scores, absolute)
        return torch.where(kept, values * scale, 0.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        scores, _, slopes, _, _, scale, absolute = inputs
        ctx.save_for_backward(scores, slopes, scale)
        ctx.absolute = absolute

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        scores, slopes, scale = ctx.saved_tensors
        return _score_gradient(gradients[0], scores, slopes, scale, ctx.absolute), *[None] * 6


@final
class _CompiledMaskProduct(torch.autograd.Function):
    """The same where there is memory to read. In the form without ``setup_context``, which costs a fifth."""

    @staticmethod
    def forward(
        ctx: Any,
        scores: Tensor,
        values: Tensor,
        slopes: Tensor,
        cutoff_value: Tensor,
        cutoff_index: Tensor,
        scale: Tensor,
        absolute: bool,
    ) -> Tensor:
        from slt.search.mask_product_kernel import masked

        ctx.save_for_backward(scores, slopes, scale)
        ctx.absolute = absolute
        out = torch.empty(scores.shape)
        masked(
            scores.detach().numpy().reshape(-1),
            values.detach().numpy().reshape(-1),
            cutoff_value.detach().numpy(),
            cutoff_index.numpy(),
            scale.detach().numpy(),
            absolute,
            out.numpy().reshape(-1),
        )
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        from slt.search.mask_product_kernel import score_gradient

        scores, slopes, scale = ctx.saved_tensors
        gradient = gradients[0]
        if torch.is_grad_enabled() or not has_memory(gradient):  # to be differentiated again
            return _score_gradient(gradient, scores, slopes, scale, ctx.absolute), *[None] * 6
        out = torch.empty(scores.shape)
        score_gradient(
            gradient.detach().numpy().reshape(-1),
            scores.detach().numpy().reshape(-1),
            slopes.detach().numpy().reshape(-1),
            scale.detach().numpy(),
            ctx.absolute,
            out.numpy().reshape(-1),
        )
        return out, None, None, None, None, None, None


def _score_gradient(gradient: Tensor, scores: Tensor, slopes: Tensor, scale: Tensor, absolute: bool) -> Tensor:
    found = gradient * slopes * scale
    return found * scores.sign() if absolute else found


def _other(slopes: Tensor, values: Tensor) -> Tensor:
    """Another view where both are one tensor, which torch.compile does not pass twice to a function."""
    return slopes.detach() if slopes is values else slopes


def _check(scores: Tensor, **others: Tensor) -> None:
    for name, other in others.items():
        if other.shape != scores.shape or other.dtype != scores.dtype:
            raise InputError(
                f"scores times weights: {name} are {other.dtype} of {tuple(other.shape)}, "
                f"the scores {scores.dtype} of {tuple(scores.shape)}; one shape and dtype are needed"
            )
