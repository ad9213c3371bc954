"""A small causal transformer over characters, in plain torch: rotary positions, pre-norm with RMSNorm, GELU.

Nothing here knows of slt: this is the network that goes into ``find_ticket`` as it is.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for f in (self.query, self.key, self.value))
        q, k = turned(q, cosine, sine), turned(k, cosine, sine)
        answer = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(answer.transpose(-2, -3).flatten(-2))


def turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions (Su et al. 2021): planes made of the first and the second half of the coordinates."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x), cosine, sine)
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class CharTransformer(nn.Module):
    """Logits of the next character, shape (batch, length, characters), from character numbers (batch, length)."""

    cosine: torch.Tensor
    sine: torch.Tensor

    def __init__(self, characters: int, context: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(characters, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, characters, bias=False)
        planes = width // heads // 2
        angles = torch.arange(context)[:, None] * 10_000.0 ** -(torch.arange(planes) / planes)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, characters: torch.Tensor) -> torch.Tensor:
        length = characters.shape[-1]
        x = self.embedding(characters)
        for block in self.blocks:
            x = block(x, self.cosine[:length], self.sine[:length])
        return self.head(self.norm(x))


def drawn(characters: int, context: int, width: int, heads: int, layers: int, seed: int) -> CharTransformer:
    """A network with Gaussian weights from a generator of its own, those into the residual stream smaller."""
    model = CharTransformer(characters, context, width, heads, layers)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 2:
                inward = name.endswith(("output.weight", "down.weight"))
                parameter.normal_(std=0.02 if not inward else 0.02 / (2 * layers) ** 0.5, generator=generator)
    return model


@torch.no_grad()
def loss_of(model: nn.Module, text: torch.Tensor, context: int, batch: int = 64) -> float:
    """Mean cross-entropy in nats a character, over consecutive windows of the text."""
    windows = text[: (len(text) - 1) // context * context + 1].unfold(0, context + 1, context)
    total = 0.0
    for part in windows.split(batch):
        logits = model(part[:, :-1]).flatten(0, 1)
        total += float(functional.cross_entropy(logits, part[:, 1:].flatten(), reduction="sum"))
    return total / (windows.shape[0] * context)


@torch.no_grad()
def sample(model: nn.Module, start: list[int], count: int, context: int, temperature: float, seed: int) -> list[int]:
    """``count`` characters after ``start``, drawn one by one."""
    generator = torch.Generator().manual_seed(seed)
    found = list(start)
    for _ in range(count):
        logits = model(torch.tensor([found[-context:]]))[0, -1] / temperature
        found.append(int(torch.multinomial(logits.softmax(-1), 1, generator=generator)))
    return found[len(start) :]


def train(
    model: nn.Module,
    text: torch.Tensor,
    held: torch.Tensor,
    context: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
) -> list[list[float]]:
    """Trains in place with AdamW, warm-up and cosine decay; rows of (step, loss on the batch, held-out loss)."""
    generator = torch.Generator().manual_seed(seed + 1)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.99)
    )
    warm = min(100, max(1, steps // 10))
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimiser,
        [
            torch.optim.lr_scheduler.LinearLR(optimiser, 1 / warm, 1.0, total_iters=warm),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps - warm), rate / 20),
        ],
        [warm],
    )
    curve, some = [], held[: 64 * context + 1]
    every = max(1, steps // 40)
    for step in range(steps):
        starts = torch.randint(0, len(text) - context, (batch,), generator=generator)
        rows = text[starts[:, None] + torch.arange(context + 1)]
        loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % every == 0 or step in (0, steps - 1):
            curve.append([step + 1, float(loss.detach()), loss_of(model, some, context)])
    return curve
