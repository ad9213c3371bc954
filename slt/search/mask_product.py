"""Weights times mask, with gradients that pass the mask straight through to the scores.

On the processor in float32 one compiled pass forward and one back; elsewhere the same products in torch. Both give the
same bits, work under ``torch.compile`` and under ``grad`` and ``vmap`` of ``torch.func``.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from slt.errors import InputError
from slt.search.cutoffs import Cutoff, rows_of


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
    found: Tensor = _MaskProduct.apply(  # type: ignore[no-untyped-call]
        scores, values, _other(slopes, values), cutoff_value, cutoff_index, scale, absolute
    )
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
        if _compiled(scores):
            found = torch.ops.slt.masked_rows(
                scores.reshape(1, -1),
                values.reshape(1, -1),
                cutoff_value.reshape(1),
                cutoff_index.reshape(1),
                scale.reshape(1),
                absolute,
            )
            shaped: Tensor = found.reshape(scores.shape)
            return shaped
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
        gradient = gradients[0]
        if _compiled(scores):
            found = torch.ops.slt.score_gradient_rows(
                gradient.reshape(1, -1),
                scores.reshape(1, -1),
                slopes.reshape(1, -1),
                scale.reshape(1),
                ctx.absolute,
            ).reshape(scores.shape)
        else:
            found = gradient * slopes * scale
            if ctx.absolute:
                found = found * scores.sign()
        return found, None, None, None, None, None, None


def _other(slopes: Tensor, values: Tensor) -> Tensor:
    """Another view where both are one tensor, which torch.compile does not pass twice to a function."""
    return slopes.detach() if slopes is values else slopes


def _compiled(scores: Tensor) -> bool:
    return scores.device.type == "cpu" and scores.dtype == torch.float32


def _check(scores: Tensor, **others: Tensor) -> None:
    for name, other in others.items():
        if other.shape != scores.shape or other.dtype != scores.dtype:
            raise InputError(
                f"scores times weights: {name} are {other.dtype} of {tuple(other.shape)}, "
                f"the scores {scores.dtype} of {tuple(scores.shape)}; one shape and dtype are needed"
            )


# not custom_op: its operators have an autograd rule of their own, which grad of torch.func does not pass through
torch.library.define(
    "slt::masked_rows",
    "(Tensor scores, Tensor values, Tensor cutoff_value, Tensor cutoff_index, Tensor scale, bool absolute) -> Tensor",
)
torch.library.define(
    "slt::score_gradient_rows", "(Tensor gradient, Tensor scores, Tensor slopes, Tensor scale, bool absolute) -> Tensor"
)


@torch.library.impl("slt::masked_rows", "CPU")
def _masked_rows_on_cpu(
    scores: Tensor, values: Tensor, cutoff_value: Tensor, cutoff_index: Tensor, scale: Tensor, absolute: bool
) -> Tensor:
    """For each row of ``scores`` (R, n); ``values`` (R, n) or (1, n), the others (R,)."""
    from slt.search.mask_product_kernel import masked

    out = torch.empty(scores.shape)
    arrays, sources = scores.contiguous().numpy(), values.contiguous().numpy()
    numbers = cutoff_value.numpy(), cutoff_index.numpy(), scale.numpy()
    for row, (result, value, index, factor) in enumerate(zip(out.numpy(), *numbers, strict=True)):
        masked(arrays[row], sources[row % len(sources)], value, index, factor, absolute, result)
    return out


def _masked_fake(
    scores: Tensor, values: Tensor, cutoff_value: Tensor, cutoff_index: Tensor, scale: Tensor, absolute: bool
) -> Tensor:
    return scores.new_empty(scores.shape)


def _masked_vmap(
    info: Any,
    in_dims: tuple,
    scores: Tensor,
    values: Tensor,
    cutoff_value: Tensor,
    cutoff_index: Tensor,
    scale: Tensor,
    absolute: bool,
) -> tuple:
    shared = in_dims[1] is None and values.shape[0] == 1
    tensors = (scores, values, cutoff_value, cutoff_index, scale)
    flat = [
        t if t is values and shared else rows_of(t, dim, info.batch_size)
        for t, dim in zip(tensors, in_dims, strict=False)
    ]
    found = torch.ops.slt.masked_rows(*flat, absolute)
    return found.unflatten(0, (info.batch_size, -1)), 0


@torch.library.impl("slt::score_gradient_rows", "CPU")
def _score_gradient_rows_on_cpu(
    gradient: Tensor, scores: Tensor, slopes: Tensor, scale: Tensor, absolute: bool
) -> Tensor:
    """For each row of ``gradient`` (R, n); ``scores`` and ``slopes`` (R, n) or (1, n), ``scale`` (R,)."""
    from slt.search.mask_product_kernel import absolute_score_gradient, score_gradient

    out = torch.empty(gradient.shape)
    gradients, weights = gradient.contiguous().numpy(), slopes.contiguous().numpy()
    arrays = scores.contiguous().numpy()
    for row, (result, factor) in enumerate(zip(out.numpy(), scale.numpy(), strict=True)):
        slope = weights[row % len(weights)]
        if absolute:
            absolute_score_gradient(gradients[row], arrays[row % len(arrays)], slope, factor, result)
        else:
            score_gradient(gradients[row], slope, factor, result)
    return out


def _gradient_fake(gradient: Tensor, scores: Tensor, slopes: Tensor, scale: Tensor, absolute: bool) -> Tensor:
    return gradient.new_empty(gradient.shape)


def _gradient_vmap(
    info: Any, in_dims: tuple, gradient: Tensor, scores: Tensor, slopes: Tensor, scale: Tensor, absolute: bool
) -> tuple:
    def rows(tensor: Tensor, dim: int | None) -> Tensor:
        return tensor if dim is None and tensor.shape[0] == 1 else rows_of(tensor, dim, info.batch_size)

    flat = rows_of(gradient, in_dims[0], info.batch_size), rows(scores, in_dims[1]), rows(slopes, in_dims[2])
    found = torch.ops.slt.score_gradient_rows(*flat, rows_of(scale, in_dims[3], info.batch_size), absolute)
    return found.unflatten(0, (info.batch_size, -1)), 0


for _name, _fake, _vmap in (
    ("slt::masked_rows", _masked_fake, _masked_vmap),
    ("slt::score_gradient_rows", _gradient_fake, _gradient_vmap),
):
    torch.library.register_fake(_name, _fake)
    torch.library.register_vmap(_name, _vmap)
