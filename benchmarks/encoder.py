"""A 6-layer encoder of width 384, feed-forward 1536, pruned layer by layer: 10.6 million weights, two sums each."""

from __future__ import annotations

import math
import resource
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import slt

TOKENS, LENGTH, WIDTH, HEADS, HIDDEN, LAYERS = 1000, 64, 384, 6, 1536, 6
UNITS, TOLERANCE = 64, 1e-5
DEVIATION = 0.05


class Block(nn.Module):
    """Pre-norm: separate query, key, value and output maps, GELU."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm1(x)
        q, k, v = (f(h).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for f in (self.query, self.key, self.value))
        x = x + self.output(functional.scaled_dot_product_attention(q, k, v).transpose(-2, -3).flatten(-2))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    """Token and position embeddings, blocks, a final norm. All Linear weights and biases are Gaussian."""

    def __init__(
        self, tokens: int, length: int, width: int, heads: int, hidden: int, layers: int, deviation: float
    ) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.Embedding)):
                    std = deviation if isinstance(module, nn.Linear) else 1.0
                    for parameter in module.parameters():
                        parameter.normal_(std=std, generator=generator)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[-1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def run() -> list[str]:
    return measure(Encoder(TOKENS, LENGTH, WIDTH, HEADS, HIDDEN, LAYERS, DEVIATION), UNITS, TOLERANCE)


def measure(model: Encoder, units: int, tolerance: float) -> list[str]:
    """The lines of the report for one encoder."""
    slt.find_ticket(nn.Sequential(nn.Linear(20, 20), nn.GELU()), width=units, tolerance=tolerance)  # warm-up
    before = _peak()
    start, spent = time.perf_counter(), time.process_time()
    ticket = slt.find_ticket(model, width=units, tolerance=tolerance)
    seconds, processor = time.perf_counter() - start, time.process_time() - spent
    after_search = _peak()
    start = time.perf_counter()
    pruned = ticket.collapsed_module()
    collapsing = time.perf_counter() - start
    shape = (64, len(model.positions.weight))
    tokens = torch.randint(0, len(model.tokens.weight), shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = model(tokens).double(), pruned(tokens).double()
    cosine = functional.cosine_similarity(wanted.mean(1), found.mean(1))
    errors = ticket.residuals().errors
    quantiles = np.quantile(errors, [0.5, 0.99, 0.999, 1.0])
    target = ticket.target
    return [
        f"target: {len(target.places)} linear maps, {target.weights:,} weights and biases, "
        f"{ticket.findings.sums:,} subset sums; source: {ticket.source_network.weights:,} random weights "
        f"({units} units a coordinate, tolerance {tolerance:g})",
        f"ticket in {seconds:.0f} s ({processor:.0f} s of processor time); peak memory {after_search / 2**30:.2f} GiB, "
        f"{before / 2**30:.2f} before it",
        f"collapsing in {collapsing:.0f} s; peak memory after all this, residuals included, {_peak() / 2**30:.2f} GiB",
        "weight error 50/99/99.9/100%: " + ", ".join(f"{q:.2e}" for q in quantiles) + f"; {ticket.findings.missed:,} "
        f"sums ({ticket.findings.missed / ticket.findings.sums:.2%}) beyond the tolerance",
        f"cosine similarity of pooled outputs on 64 random sequences: smallest 1 - {1 - float(cosine.min()):.1e}; "
        f"largest difference of an output {float((wanted - found).abs().max()):.1e}",
        f"random: {target.replaced_fraction:.2%} of the target's numbers; {ticket.carried_count:,} are carried "
        f"({math.ceil(ticket.entropy_bits / 8 / 2**20)} MiB is the entropy bound of the masks, density "
        f"{ticket.density:.3f})",
    ]


def _peak() -> int:
    """The largest memory this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
