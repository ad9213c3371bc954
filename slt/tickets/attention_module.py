"""Attention tickets as torch modules: the signature and the masks of ``torch.nn.MultiheadAttention``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import nn

from slt.errors import InputError
from slt.merged_attention import MergedAttention, refuse_hidden
from slt.tickets.two_layer_module import Scale, frozen_linear

if TYPE_CHECKING:
    from slt.tickets.attention_source import AttentionSource


class _NoTensor:
    """In the place of torch's packed weights. The fast paths of torch's encoders, which read those weights instead of
    calling the module, leave alone whatever has ``__torch_function__``."""

    weight = bias = None

    @classmethod
    def __torch_function__(cls, *_: Any, **__: Any) -> Any:
        return NotImplemented


class _Attention(nn.Module, ABC):
    """Layout of inputs and masks; subclasses know the logits and what is done with the values.

    It can stand where torch has a MultiheadAttention, such as ``TransformerEncoderLayer.self_attn``.
    """

    in_proj_weight = _NoTensor()
    in_proj_bias = None
    out_proj = _NoTensor()
    _qkv_same_embed_dim = False

    def __init__(
        self, sizes: tuple[int, int, int], outputs: int, heads: int, batch_first: bool, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.sizes, self.embed_dim, self.num_heads, self.batch_first = sizes, outputs, heads, batch_first

    @abstractmethod
    def logits(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """(N, T, d_q) and (N, S, d_k) to (N, H, T, S)."""

    @abstractmethod
    def mixed(self, weights: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """(N, H, T, S) and (N, S, d_v) to (N, T, d_out)."""

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As ``torch.nn.MultiheadAttention.forward``; masks hide where they are True, or are added to the logits.

        In train mode attention weights are dropped as torch drops them, with the same draws. What is left sums to 1
        in the mean alone, and a value bias, which is in the bias behind the heads, is not dropped with it. Raises
        InputError for shapes that do not fit, for ``is_causal`` without ``attn_mask``, and for masks that hide every
        key from a query, where torch returns NaN.
        """
        batched = query.dim() == 3
        given = zip(("queries", "keys", "values"), (query, key, value), self.sizes, strict=True)
        x, y, z = (self._batch(name, tokens, size, batched) for name, tokens, size in given)
        if len(x) != len(y) or y.shape[:2] != z.shape[:2]:
            raise InputError(
                f"attention: queries {tuple(query.shape)}, keys {tuple(key.shape)} and values {tuple(value.shape)} "
                "differ in their batch, or keys and values in their number"
            )
        if is_causal and attn_mask is None:
            raise InputError(
                "attention: is_causal was given without attn_mask; it is a hint beside a mask, as in torch: pass the "
                "causal attn_mask too, such as nn.Transformer.generate_square_subsequent_mask makes"
            )
        logits = self.logits(x, y)
        mask = self._mask(attn_mask, key_padding_mask, logits)
        weights = (logits if mask is None else logits + mask).softmax(dim=-1)
        weights = nn.functional.dropout(weights, self.dropout, self.training)
        output = self.mixed(weights, z)
        if not batched:
            output = output[0]
        elif not self.batch_first:
            output = output.transpose(0, 1)
        if not need_weights:
            return output, None
        shown = weights.mean(dim=1) if average_attn_weights else weights
        return output, shown if batched else shown[0]

    def _batch(self, name: str, tokens: torch.Tensor, size: int, batched: bool) -> torch.Tensor:
        if tokens.dim() != (3 if batched else 2) or tokens.shape[-1] != size or not tokens.numel():
            order = "(batch, tokens, " if self.batch_first else "(tokens, batch, "
            raise InputError(
                f"attention: {name} of shape {tuple(tokens.shape)} were given; {order}{size}) is needed, or "
                f"(tokens, {size}) for all three"
            )
        if not batched:
            return tokens[None]
        return tokens if self.batch_first else tokens.transpose(0, 1)

    def _mask(
        self, attn_mask: torch.Tensor | None, padding: torch.Tensor | None, logits: torch.Tensor
    ) -> torch.Tensor | None:
        """What is added to the logits, broadcasting to (N, H, T, S)."""
        n, h, t, s = logits.shape
        total = None
        if attn_mask is not None:
            if attn_mask.shape not in ((t, s), (n * h, t, s)):
                raise InputError(
                    f"attention: attn_mask has shape {tuple(attn_mask.shape)}; ({t}, {s}) or ({n * h}, {t}, {s}), one "
                    "for each head, is needed"
                )
            total = _added(attn_mask, logits).reshape(-1, h if attn_mask.dim() == 3 else 1, t, s)
        if padding is not None:
            if padding.shape != (n, s) and not (n == 1 and padding.shape == (s,)):
                raise InputError(f"attention: key_padding_mask has shape {tuple(padding.shape)}; ({n}, {s}) is needed")
            hidden = _added(padding, logits).reshape(n, 1, 1, s)
            total = hidden if total is None else total + hidden
        if total is not None:
            rows = total.isneginf().all(dim=-1).any(dim=1)  # (N or 1, T or 1)
            if bool(rows.any()):
                refuse_hidden(np.argwhere(rows.expand(n, t).cpu().numpy()))
        return total


def _added(mask: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=logits.dtype).masked_fill(mask, -torch.inf)
    if not mask.is_floating_point():
        raise InputError(f"attention: a mask is boolean, True to hide, or floating; {mask.dtype} was given")
    return mask.to(logits.dtype)


@final
class RandomAttention(_Attention):
    """Four random linear maps, frozen: logits are query times key, times 1; see ``AttentionSource``."""

    def __init__(self, source: AttentionSource, weights: Mapping[str, torch.Tensor]) -> None:
        sizes = source.queries, source.keys, source.values
        super().__init__(sizes, source.outputs, source.heads, source.batch_first, source.dropout)
        left, right, *bias = source.products.values()
        self.groups = source.groups
        self.query = _linear("query", weights)
        self.key = _linear("key", weights)
        self.value = _linear("value", weights)
        self.output = _linear("output", weights)
        dtype = self.query.weight.dtype
        self.logit_scale = Scale(2.0**left.scale, dtype) if left.scale else nn.Identity()
        self.output_scale = Scale(2.0**right.scale, dtype) if right.scale else nn.Identity()
        self.bias = Constant(weights, bias[0].scale) if bias else None
        self.shared_output = right.structured.name == "output" and source.groups < source.heads

    def _split(self, hidden: torch.Tensor, units: int) -> torch.Tensor:
        """(N, T, sets * units) to (N, groups, sets / groups, T, units)."""
        n, t, _ = hidden.shape
        return hidden.reshape(n, t, self.groups, -1, units).permute(0, 2, 3, 1, 4)

    def logits(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        q, k = self.query(query), self.key(key)
        units = max(q.shape[2], k.shape[2]) // self.num_heads  # the summed side has one set a head
        products = self._split(q, units) @ self._split(k, units).transpose(-1, -2)
        logits: torch.Tensor = self.logit_scale(products.flatten(1, 2))
        return logits

    def mixed(self, weights: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        v = self.value(value)
        units = max(v.shape[2], self.output.in_features) // self.num_heads
        n, _, t, s = weights.shape
        heads = weights.reshape(n, self.groups, -1, t, s) @ self._split(v, units)
        if self.shared_output:
            heads = heads.sum(dim=2, keepdim=True)
        output: torch.Tensor = self.output_scale(self.output(heads.permute(0, 3, 1, 2, 4).reshape(n, t, -1)))
        return output if self.bias is None else output + self.bias()


@final
class Constant(nn.Module):
    """Two random layers on a coordinate that is always 1."""

    def __init__(self, weights: Mapping[str, torch.Tensor], scale: int) -> None:
        super().__init__()
        second = weights["bias.second.weight"]
        self.first = nn.Module()
        self.first.bias = nn.Parameter(weights["bias.first.bias"], requires_grad=False)
        self.second = _linear("bias.second", weights)
        self.scale = Scale(2.0**scale, second.dtype) if scale else nn.Identity()

    def forward(self) -> torch.Tensor:
        output: torch.Tensor = self.scale(self.second(self.first.bias))
        return output


@final
class CollapsedAttention(_Attention):
    """The merged matrices in the place of the random ones: what the ticket computes, small and fast."""

    query_key: torch.Tensor
    value_output: torch.Tensor
    bias: torch.Tensor

    def __init__(self, merged: MergedAttention, batch_first: bool, dtype: torch.dtype, dropout: float = 0.0) -> None:
        sizes = merged.queries, merged.keys, merged.values
        super().__init__(sizes, merged.outputs, merged.heads, batch_first, dropout)
        for name in ("query_key", "value_output", "bias"):
            self.register_buffer(name, torch.tensor(getattr(merged, name), dtype=dtype))
        self.query_constant = merged.query_constant

    def logits(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        rows = self.query_key[:, : self.sizes[0]]
        left = query[:, None] @ rows
        if self.query_constant:
            left = left + self.query_key[:, -1:]
        return left @ key[:, None].transpose(-1, -2)

    def mixed(self, weights: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return (weights @ value[:, None] @ self.value_output).sum(dim=1) + self.bias


def _linear(name: str, weights: Mapping[str, torch.Tensor]) -> nn.Linear:
    return frozen_linear(weights[f"{name}.weight"], weights.get(f"{name}.bias"))
