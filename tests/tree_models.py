"""Networks as other people write them: they know nothing of slt."""

from __future__ import annotations

import math

import torch
from torch import nn


class RMSNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.gain


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for f in (self.query, self.key, self.value))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if mask is not None:
            logits = logits.masked_fill(~mask[..., None, None, :], -torch.inf)
        return self.output((logits.softmax(-1) @ v).transpose(-2, -3).flatten(-2))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norms = nn.ModuleDict({"before": nn.LayerNorm(width), "between": RMSNorm(width)})
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0.2), nn.Linear(hidden, width)
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        x = x + self.attention(self.norms["before"](x), mask)
        return x + self.feed_forward(self.norms["between"](x))


class Encoder(nn.Module):
    """Embeddings, a block used twice, a position table as a buffer that is not saved, a constant as plain attribute, an
    output layer tied to the embedding, one linear layer tied to another."""

    positions: torch.Tensor

    def __init__(self, tokens: int = 11, width: int = 8, heads: int = 2, hidden: int = 12, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(tokens, width)
            self.register_buffer("positions", torch.randn(16, width) / 4, persistent=False)
            self.temperature = torch.tensor(0.7)
            self.blocks = nn.ModuleList([Block(width, heads, hidden), Block(width, heads, hidden)])
            self.blocks.append(self.blocks[0])
            self.head = nn.Linear(width, tokens, bias=False)
            self.pooler = nn.Linear(width, width)
            self.blocks[1].attention.key.weight = self.pooler.weight
            nn.init.normal_(self.embedding.weight, std=0.3)
            self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None, *, pooled: bool = False) -> torch.Tensor:
        x = self.embedding(tokens) + self.positions[: tokens.shape[-1]]
        for block in self.blocks:
            x = block(x, mask)
        if pooled:
            return torch.tanh(self.pooler(x.mean(-2)))
        return self.head(x) / self.temperature
