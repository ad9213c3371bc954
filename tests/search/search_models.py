"""Small models of every kind that a search takes, with data for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from slt.search import (
    BernoulliSupermask,
    Biprop,
    ConcreteTicketSearch,
    EdgePopup,
    FrozenSource,
    GemMiner,
    IteRand,
    LayerWise,
    MagnitudeAtStart,
    Multicoated,
    Preset,
    RandomMask,
    SignedSupermask,
    WeightRecycling,
)

PRESETS: dict[str, Preset] = {
    "edge-popup": EdgePopup(0.4),
    "biprop": Biprop(0.4),
    "iterand": IteRand(0.4, rate=0.3, every=2),
    "recycling": WeightRecycling(0.4, rate=0.2, every=1),
    "signed": SignedSupermask(),
    "signed-exact": SignedSupermask(density=0.4, budget=LayerWise()),
    "concrete": ConcreteTicketSearch(0.4),
    "gem-miner": GemMiner(0.4),
    "bernoulli": BernoulliSupermask(rate=10.0),
    "frozen": FrozenSource(0.5),
    "multicoated": Multicoated((0.4, 0.2, 0.1)),
    "random": RandomMask(0.4),
    "magnitude": MagnitudeAtStart(0.4),
}
LAYER_WISE = ("edge-popup", "biprop", "iterand", "recycling", "signed-exact", "multicoated", "random", "magnitude")
TOGETHER = {"concrete": 0.4, "frozen": 0.5}


@final
class Encoder(nn.Module):
    """A transformer layer with its packed in_proj, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x).mean(1))  # type: ignore[no-any-return]


@final
class Bag(nn.Module):
    """Token numbers in, classes out."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(11, 6), nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.table(tokens).mean(1).relu())  # type: ignore[no-any-return]


@final
class Tied(nn.Module):
    """One weight under two names, and one module under two."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.second.weight = self.first.weight
        self.again = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.again(self.second(self.first(x).relu()).relu()).relu())  # type: ignore[no-any-return]


@final
class Pair(nn.Module):
    """Two inputs, and dropout as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 6), nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        hidden = functional.dropout(self.left(x) + self.right(y), 0.2, self.training)
        return self.head(hidden.relu())  # type: ignore[no-any-return]


def mlp() -> nn.Module:
    # two layers of one shape
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4, 3)
    )


def signals() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, groups=2), nn.ReLU(), nn.ConvTranspose1d(4, 6, 2), nn.GroupNorm(2, 6), nn.Flatten(),
        nn.Linear(6 * 5, 3),
    )  # fmt: skip


@final
@dataclass(frozen=True)
class Kind:
    """A model and the inputs of its batches."""

    make: Any
    inputs: Any

    def model(self) -> nn.Module:
        """With its initialisation fixed."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.make()  # type: ignore[no-any-return]

    def batches(self, count: int = 2, rows: int = 8) -> list[tuple[Any, Tensor]]:
        """Always the same ones."""
        generator = torch.Generator().manual_seed(1)
        return [(self.inputs(generator, rows), torch.arange(rows) % 3) for _ in range(count)]


def _normal(*shape: int) -> Any:
    return lambda g, rows: torch.randn(rows, *shape, generator=g)


KINDS = {
    "mlp": Kind(mlp, _normal(8)),
    "conv": Kind(conv, _normal(2, 4, 4)),
    "encoder": Kind(Encoder, _normal(4, 8)),
    "embedding": Kind(Bag, lambda g, rows: torch.randint(0, 11, (rows, 5), generator=g)),
    "signals": Kind(signals, _normal(2, 6)),
    "tied": Kind(Tied, _normal(8)),
    "pair": Kind(Pair, lambda g, rows: (torch.randn(rows, 4, generator=g), torch.randn(rows, 5, generator=g))),
}
