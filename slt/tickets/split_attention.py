"""Multi-head attention with its packed projections taken apart, for tickets of module trees."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

# how torch itself reads masks: boolean ones, True = hidden, become 0 and -inf
from torch.nn.functional import _canonical_mask, _none_or_dtype

from slt.errors import InputError
from slt.module_masks import refuse_hidden_queries


class SplitAttention(nn.Module):
    """Computes what ``nn.MultiheadAttention`` does, with the same arguments, by four linear maps that are modules.

    ``_qkv_same_embed_dim`` and ``in_proj_bias`` say to ``nn.TransformerEncoderLayer`` that there is no packed matrix
    for its fast path.
    """

    bias_k: torch.Tensor | None
    bias_v: torch.Tensor | None

    def __init__(
        self, original: nn.MultiheadAttention, query: nn.Module, key: nn.Module, value: nn.Module, output: nn.Module
    ) -> None:
        super().__init__()
        self.embed_dim, self.num_heads = original.embed_dim, original.num_heads
        self.head_dim = original.head_dim
        self.kdim, self.vdim = original.kdim, original.vdim
        self.dropout, self.batch_first = original.dropout, original.batch_first
        self.add_zero_attn = original.add_zero_attn
        self._qkv_same_embed_dim, self.in_proj_bias = False, None
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = query, key, value, output
        self.bias_k, self.bias_v = original.bias_k, original.bias_v

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
        """As ``nn.MultiheadAttention.forward``; boolean masks hide where they are True. Raises InputError for a mask
        of another shape, ``is_causal`` without a mask, and masks that hide every key from a query, where torch answers
        NaN."""
        batched = query.dim() == 3
        if not batched:
            query, key, value = query[None], key[None], value[None]
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        mask, causal = self._mask(query, key, key_padding_mask, attn_mask, need_weights, is_causal)
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(len(k), 1, -1)], dim=1)
            v = torch.cat([v, self.bias_v.expand(len(v), 1, -1)], dim=1)
        # (batch, heads, length, head_dim)
        q, k, v = (x.unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2) for x in (q, k, v))
        if self.add_zero_attn:
            k, v = (functional.pad(x, (0, 0, 0, 1)) for x in (k, v))
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            logits = (q * math.sqrt(1.0 / self.head_dim)) @ k.transpose(2, 3)
            weights = functional.softmax(logits if mask is None else logits + mask, dim=-1)
            weights = functional.dropout(weights, dropout) if dropout else weights
            heads = weights @ v
            weights = weights.mean(dim=1) if average_attn_weights else weights
            weights = weights if batched else weights[0]
        else:
            heads = functional.scaled_dot_product_attention(q, k, v, mask, dropout, causal)
        # in memory tokens come first, as in torch, so that a dropout after it draws the same numbers
        output = self.out_proj(heads.permute(2, 0, 1, 3).flatten(2))
        if not batched:
            return output[:, 0], weights
        return output.transpose(0, 1) if self.batch_first else output, weights

    def _mask(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        key_padding_mask: torch.Tensor | None,
        attn_mask: torch.Tensor | None,
        need_weights: bool,
        is_causal: bool,
    ) -> tuple[torch.Tensor | None, bool]:
        """One additive mask that broadcasts to (batch, heads, queries, keys), and whether a causal one is implied."""
        if is_causal and attn_mask is None:
            raise InputError("attention: attn_mask is needed beside the hint is_causal, as in nn.MultiheadAttention")
        batch, targets, sources = len(query), query.shape[1], key.shape[1]
        padding = _canonical_mask(
            key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
        )
        if is_causal and padding is None and not need_weights:
            return None, True  # as torch does: the hint stands for the mask
        mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        if mask is not None:
            if mask.shape not in ((targets, sources), (batch * self.num_heads, targets, sources)):
                raise InputError(
                    f"attention: attn_mask has shape {tuple(mask.shape)}; ({targets}, {sources}) or "
                    f"({batch * self.num_heads}, {targets}, {sources}) is needed"
                )
            mask = mask.view(batch, self.num_heads, targets, sources) if mask.dim() == 3 else mask
        if padding is not None:
            padding = padding[:, None, None, :]
            mask = padding if mask is None else mask + padding
        if mask is not None:
            # keys that the module appends are open to all
            mask = functional.pad(mask, (0, (self.bias_k is not None) + self.add_zero_attn))
            hidden = mask.isneginf().all(dim=-1)
            refuse_hidden_queries(hidden.expand(batch, self.num_heads, targets).any(dim=1))
        return mask, False
