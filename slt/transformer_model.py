"""The transformer without normalisation as a torch module: for targets, and for the tickets made of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from slt.errors import InputError
from slt.module_masks import check_mask, check_tokens, refuse_hidden_queries


class PlainBlock(nn.Module):
    """x -> F(y) + y with y = Attn(x) + x.

    ``attention`` is called as a batch-first ``nn.MultiheadAttention``, ``feed_forward`` on every token.
    """

    attention: nn.Module
    feed_forward: nn.Module

    def __init__(self, attention: nn.Module, feed_forward: nn.Module) -> None:
        super().__init__()
        if not getattr(attention, "batch_first", True):
            raise InputError("a transformer block needs its attention with batch_first=True")
        self.attention = attention
        self.feed_forward = feed_forward

    def forward(
        self, x: torch.Tensor, attn_mask: torch.Tensor | None = None, key_padding_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        found, _ = self.attention(x, x, x, key_padding_mask=key_padding_mask, need_weights=False, attn_mask=attn_mask)
        y = found + x
        z: torch.Tensor = self.feed_forward(y.reshape(-1, y.shape[-1])).reshape(y.shape) + y
        return z


class PlainTransformer(nn.Module):
    """A stack of blocks. ``causal``: a token attends to itself and those before it."""

    def __init__(self, blocks: Iterable[PlainBlock], causal: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.causal = causal

    @property
    def stack(self) -> list[PlainBlock]:
        return [block for block in self.blocks if isinstance(block, PlainBlock)]

    def forward(
        self, x: torch.Tensor, attn_mask: torch.Tensor | None = None, key_padding_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Outputs (count, T, size) for tokens (count, T, size), or (T, size) for (T, size).

        Masks as in ``nn.MultiheadAttention``, bool: True where a token may not attend (T, T), is padding (count, T).
        Raises InputError for tokens or masks of another shape, masks that are not bool, and masks that hide every key
        from a query.
        """
        stack = self.stack
        check_tokens("transformer", x, getattr(stack[0].attention, "embed_dim", None) if stack else None, (2, 3))
        count, length = x.shape[0] if x.dim() == 3 else 1, x.shape[-2]
        # as in torch, also one for each head
        heads = sorted({getattr(block.attention, "num_heads", 1) for block in stack})
        shapes = [(length, length), *((count * h, length, length) for h in heads)]
        check_mask("transformer", "attn_mask", attn_mask, shapes)
        paddings = [(count, length)] if x.dim() == 3 else [(length,)]
        check_mask("transformer", "key_padding_mask", key_padding_mask, paddings)
        hidden = attn_mask
        if self.causal:
            later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
            hidden = later if attn_mask is None else attn_mask | later
        if attn_mask is not None or key_padding_mask is not None:
            total = torch.zeros(count, 1, length, length, dtype=torch.bool, device=x.device)
            if hidden is not None:
                total = total | (hidden if hidden.dim() == 2 else hidden.reshape(count, -1, length, length))
            if key_padding_mask is not None:
                total = total | key_padding_mask.reshape(count, 1, 1, length)
            refuse_hidden_queries(total.all(dim=-1).any(dim=1))
        for block in self.blocks:
            x = block(x, hidden, key_padding_mask)
        return x
