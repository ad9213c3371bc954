"""A small causal transformer over tokens, in the manner of GPT-2 (Radford et al. 2019)."""

from __future__ import annotations

from typing import final

import torch
from torch import nn
from torch.nn import functional

from slt.errors import InputError

DEVIATION = 0.02


@final
class CausalAttention(nn.Module):
    """Attention to oneself and to what came before, with a Linear each for queries, keys, values and outputs."""

    def __init__(self, width: int, heads: int, bias: bool, scale: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        answer = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        result: torch.Tensor = self.output(answer.transpose(1, 2).flatten(-2))
        return result


@final
class Block(nn.Module):
    """Attention and a perceptron, each after a norm and beside the stream."""

    def __init__(self, width: int, heads: int, bias: bool, scale: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.attention = CausalAttention(width, heads, bias, scale)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.up, self.down = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        result: torch.Tensor = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return result


@final
class Decoder(nn.Module):
    """Logits of the next token, (batch, length, vocabulary), from tokens (batch, length up to ``context``)."""

    def __init__(
        self,
        vocabulary: int,
        context: int,
        width: int,
        heads: int,
        layers: int,
        bias: bool,
        tied: bool,
        scale: float,
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, bias, scale) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=bias)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[-1]
        if tokens.dim() != 2 or length > self.context:
            raise InputError(
                f"this model reads tokens of shape (batch, length), up to {self.context} of them; "
                f"{tuple(tokens.shape)} was given"
            )
        x = self.tokens(tokens) + self.positions.weight[:length]
        for block in self.blocks:
            x = block(x)
        logits: torch.Tensor = self.head(self.norm(x))
        return logits


@torch.no_grad()
def drawn(model: Decoder, layers: int, seed: int) -> Decoder:
    """Draws all matrices: normal, deviation 0.02, smaller by sqrt(2 * layers) into the stream. Biases become 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif parameter.dim() == 2:
            inward = name.endswith(("output.weight", "down.weight"))
            parameter.normal_(std=DEVIATION / (2 * layers) ** 0.5 if inward else DEVIATION, generator=generator)
    return model
