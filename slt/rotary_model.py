"""Self-attention with rotary positions as a torch module: for targets, and for the tickets made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from slt.errors import InputError
from slt.module_masks import check_mask, check_tokens, refuse_hidden_queries
from slt.pairings import Interleaved, Pairing, default_frequencies, pairing_of


class RotaryAttention(nn.Module):
    """Four Linear without biases, ``query``, ``key``, ``value`` and ``output``; ``heads`` query heads over ``groups``
    of keys and values.

    size          coordinates of a token
    head_size     d_K, even: the dimensions of a head, values included
    frequencies   radians a position, one a plane, or fewer that divide them: each is then that of as many planes in a
                  row; RoFormer's by default
    pairing       which dimensions are a plane: ``Interleaved()`` or ``Halves()``
    causal        a token attends to itself and those before it
    """

    frequencies: torch.Tensor

    def __init__(
        self,
        size: int,
        heads: int,
        head_size: int,
        groups: int | None = None,
        frequencies: Any = None,
        pairing: Pairing | str = Interleaved(),  # noqa: B008  frozen, without state
        causal: bool = True,
        outputs: int | None = None,
        maps: Mapping[str, nn.Linear] | None = None,
        factor: float | None = None,
    ) -> None:
        super().__init__()
        groups = heads if groups is None else groups
        theta = torch.as_tensor(
            default_frequencies(head_size // 2) if frequencies is None else frequencies, dtype=torch.float64
        )
        if head_size % 2 or heads % groups or theta.dim() != 1 or not len(theta) or (head_size // 2) % len(theta):
            raise InputError(
                f"rotary attention: {heads} heads of {head_size} dimensions over {groups} groups with frequencies of "
                f"shape {tuple(theta.shape)} were given; dimensions must be even, groups divide the heads, and one "
                "frequency for each plane, or for as many planes each, is needed"
            )
        self.size = size
        self.heads, self.groups, self.head_size, self.causal = heads, groups, head_size, causal
        self.pairing = pairing_of(pairing)
        # double: angles of long sequences need it
        self.register_buffer("frequencies", theta.clone())
        made = maps or {
            "query": nn.Linear(size, heads * head_size, bias=False),
            "key": nn.Linear(size, groups * head_size, bias=False),
            "value": nn.Linear(size, groups * head_size, bias=False),
            "output": nn.Linear(heads * head_size, size if outputs is None else outputs, bias=False),
        }
        self.query, self.key, self.value, self.output = (made[n] for n in ("query", "key", "value", "output"))
        self.factor = 1 / math.sqrt(head_size) if factor is None else factor
        self.logit_scale: nn.Module = nn.Identity()
        self.output_scale: nn.Module = nn.Identity()

    def forward(
        self,
        x: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        key_padding_mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs (count, T, outputs) for tokens (count, T, size).

        Masks bool, True where a token may not attend (T, T), is padding (count, T). ``positions`` (T,), 0 .. T - 1 by
        default. Raises InputError for tokens or masks of another shape, masks that are not bool, and masks that hide
        every key from a query.
        """
        check_tokens("rotary attention", x, self.size)
        count, length, _ = x.shape
        check_mask("rotary attention", "attn_mask", attn_mask, [(length, length)])
        check_mask("rotary attention", "key_padding_mask", key_padding_mask, [(count, length)])
        at = torch.arange(length, device=x.device) if positions is None else positions
        q, k = (self._turned(self._split(m(x), n), at) for m, n in ((self.query, self.heads), (self.key, self.groups)))
        v = self._split(self.value(x), self.groups)
        share = self.heads // self.groups
        k, v = (t.repeat_interleave(share, dim=1) for t in (k, v))
        logits = self.logit_scale(q @ k.mT * self.factor)
        hidden = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1) if self.causal else None
        for more in (attn_mask, None if key_padding_mask is None else key_padding_mask[:, None, None]):
            if more is not None:
                hidden = more if hidden is None else hidden | more
        if hidden is not None:
            if attn_mask is not None or key_padding_mask is not None:
                refuse_hidden_queries(hidden.expand(count, 1, length, length).all(dim=-1)[:, 0])
            logits = logits.masked_fill(hidden, -torch.inf)
        heads = logits.softmax(dim=-1) @ v
        y: torch.Tensor = self.output_scale(self.output(heads.transpose(1, 2).flatten(2)))
        return y

    def _split(self, hidden: torch.Tensor, sets: int) -> torch.Tensor:
        """(N, T, sets * units) to (N, sets, T, units)."""
        n, length, _ = hidden.shape
        return hidden.reshape(n, length, sets, -1).transpose(1, 2)

    def _turned(self, hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Every plane of (N, sets, T, head_size) turned by its angle."""
        planes = self.head_size // 2
        theta = self.frequencies.to(torch.float64).repeat_interleave(planes // len(self.frequencies))
        angle = positions.to(theta)[:, None] * theta
        cos, sin = (f(angle).to(hidden.dtype) for f in (torch.cos, torch.sin))
        first, second = torch.from_numpy(self.pairing.dimensions(planes).T.copy()).to(hidden.device)
        a, b = hidden[..., first], hidden[..., second]
        turned = torch.empty_like(hidden)
        turned[..., first], turned[..., second] = a * cos - b * sin, a * sin + b * cos
        return turned
