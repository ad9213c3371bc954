"""What two searches of one random network have in common, beside what chance gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import torch

from slt.errors import InputError
from slt.laws.overlap import ChanceOverlap
from slt.search.found import Found
from slt.search.layer import Layer

LEVEL: Final = 0.99


@final
@dataclass(frozen=True)
class MaskOverlap:
    """``shared``: how many weights both masks keep; ``chance``: the law of that number for independent masks of the
    same counts in every layer. Only what the searches decide over counts: places that were removed or locked before
    the search do not, groups of weights count once. ``score_seeds``: those of the two searches."""

    shared: int
    chance: ChanceOverlap
    score_seeds: tuple[int, int]

    @staticmethod
    def of(first: Found, second: Found) -> MaskOverlap:
        """The last masks of both. InputError unless they are searches of one random network from other scores."""
        _check(first, second)
        pairs = [(_kept(first, layer), _kept(second, layer)) for layer in first.network.layers]
        law = ChanceOverlap(
            tuple(a.numel() for a, _ in pairs),
            tuple(int(a.sum()) for a, _ in pairs),
            tuple(int(b.sum()) for _, b in pairs),
        )
        shared = sum(int((a & b).sum()) for a, b in pairs)
        return MaskOverlap(shared, law, (first.network.score_seed, second.network.score_seed))

    @property
    def jaccard(self) -> float:
        """|A and B| / |A or B|."""
        return float(self.chance.jaccard(self.shared))

    @property
    def cosine(self) -> float:
        """|A and B| / sqrt(|A| |B|)."""
        return float(self.chance.cosine(self.shared))

    @property
    def hamming(self) -> float:
        """The share of places where they differ."""
        return float(self.chance.hamming(self.shared))

    @property
    def band(self) -> tuple[float, float]:
        """Jaccard indices of independent masks, exact at level 0.99."""
        low, high = self.chance.band(LEVEL)
        return float(self.chance.jaccard(low)), float(self.chance.jaccard(high))

    @property
    def verdict(self) -> str:
        """In words. Searches that agree no more than chance are no failure: many masks may be as good."""
        low, high = self.band
        if self.jaccard > high:
            return "more in common than chance: both searches favour some weights"
        if self.jaccard < low:
            return "less in common than chance"
        return "no more in common than independent masks"

    def __str__(self) -> str:
        low, high = self.band
        return (
            f"score seeds {self.score_seeds[0]} and {self.score_seeds[1]}: Jaccard {self.jaccard:.4f}, chance "
            f"{self.chance.expected_jaccard:.4f} [{low:.4f}, {high:.4f}]; {self.verdict}"
        )


def _kept(found: Found, layer: Layer) -> torch.Tensor:
    """Which of the places that the search decides over it keeps, flat."""
    mask = found.last.masks[layer.name].float()
    kept = (layer.granularity.reduce(mask.abs()) > 0).reshape(-1)
    return kept if layer.frozen is None else kept[(layer.frozen == 0).cpu().reshape(-1)]


def _check(first: Found, second: Found) -> None:
    a, b = first.network, second.network
    shapes = [[(x.name, x.role.shape, tuple(x.scores.shape)) for x in network.layers] for network in (a, b)]
    if shapes[0] != shapes[1] or first.seed != second.seed or first.method.weights != second.method.weights:
        raise InputError(
            "comparing two masks: they are masks of different random networks, and have nothing to share; give "
            "searches of one architecture, seed and law of weights, the second with fit(..., score_seed=...)"
        )
    if a.score_seed == b.score_seed:
        raise InputError(
            f"comparing two masks: both searches start from the scores of seed {a.score_seed}; search the second "
            "with fit(..., score_seed=...) of another"
        )
    if not all(_same(x.frozen, y.frozen) for x, y in zip(a.layers, b.layers, strict=True)):
        raise InputError("comparing two masks: the sources are partly frozen, in different places; use one method")


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a.cpu(), b.cpu())
