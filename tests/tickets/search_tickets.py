"""Networks whose own parameters are random, between them of every kind that a search source declares."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import slt
from slt.carried import CarriedTensor
from slt.masks import Mask
from slt.tickets import Constant, SearchSource, SearchTensor, Ticket
from slt.tickets.search_module import ties_of
from slt.tree_checks import outline


class Words(nn.Module):
    """An embedding tied to the head, a convolution, a norm, and a table that ``state_dict`` leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.mix = nn.Conv1d(6, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.back = nn.Linear(8, 6)
        self.head = nn.Linear(6, 11)
        self.head.weight = self.embedding.weight
        self.register_buffer("table", torch.linspace(-1, 1, 8)[:, None], persistent=False)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.mix(self.embedding(words).transpose(1, 2))) + self.table
        return self.head(self.back(torch.relu(x).transpose(1, 2)))


TENSORS = {
    "plain": (
        SearchTensor("embedding.weight", (11, 6), 0.3),
        SearchTensor("mix.weight", (8, 6, 3), 0.1 * 3),
        SearchTensor("back.weight", (6, 8), 1.0),
    ),
    "ternary, scaled": (
        SearchTensor("embedding.weight", (11, 6), 0.3, multiplier=3**0.5, signed=True),
        SearchTensor("mix.weight", (8, 6, 3), 0.7, signed=True),
        SearchTensor("back.weight", (6, 8), 0.7, multiplier=1.7, signed=True),
    ),
    "binarised, coated": (
        SearchTensor("embedding.weight", (11, 6), 0.3, binarised=True),
        SearchTensor("mix.weight", (8, 6, 3), 0.7, binarised=True, levels=3),
        SearchTensor("back.weight", (6, 8), 0.7, multiplier=1.7, levels=2, signed=True),
    ),
}


def source_of(kind: str = "plain", law=None, patches=()) -> SearchSource:
    with torch.random.fork_rng():
        model = Words()
    tensors = TENSORS[kind]
    free = {t.name for t in tensors} | {"mix.bias"}
    return SearchSource(
        slt.Key(5) / "search",
        slt.Uniform() if law is None else law,
        tensors,
        constants=tuple(
            Constant(n, tuple(p.shape), "float32", 1.0 if n == "norm.weight" else 0.0)
            for n, p in model.named_parameters()
            if n not in free
        ),
        state=(
            CarriedTensor.of("mix.bias", model.mix.bias),
            *(CarriedTensor.of(n, b) for n, b in model.named_buffers()),
        ),
        patches=patches,
        outline=outline(model),
        method="top 40 % of a layer",
        ties=ties_of(model),
        skeleton=model,
    )


def masks_of(source: SearchSource, seed: int = 0) -> dict[str, Mask]:
    rng = np.random.default_rng(seed)
    masks: dict[str, Mask] = {}
    for tensor in source.tensors:
        for name, superset in tensor.supersets.items():
            bits = rng.random(tensor.shape) < (0.4 if superset is None else 0.6)
            masks[name] = Mask.of(bits if superset is None else bits & masks[superset].unpack())
    return masks


def ticket_of(kind: str = "plain", law=None) -> Ticket:
    source = source_of(kind, law)
    return Ticket(source, masks_of(source), domain=None)
