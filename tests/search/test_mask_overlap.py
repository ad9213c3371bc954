"""Masks of two searches beside chance."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from slt.architectures import lenet
from slt.errors import InputError
from slt.search import EdgePopup, FrozenSource, MagnitudeAtStart, MaskOverlap, RandomMask, Rows, fit
from slt.search.found import Found
from slt.search.method import Method, Preset

DATA = [(torch.randn(4, 12, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 0]))]


def searched(method: Method | Preset, score_seed: int | None = None, seed: int = 2, hidden: int = 20) -> Found:
    return fit(lenet(hidden, inputs=12, classes=3), DATA, method, 2, seed, score_seed=score_seed)


def test_it_counts_as_by_hand() -> None:
    first, second = searched(EdgePopup(0.4)), searched(EdgePopup(0.4), 9)
    overlap = MaskOverlap.of(first, second)
    a, b = (torch.cat([m.reshape(-1) for m in f.last.masks.values()]) != 0 for f in (first, second))
    assert overlap.shared == int((a & b).sum())
    assert overlap.jaccard == pytest.approx(float((a & b).sum() / (a | b).sum()))
    assert overlap.hamming == pytest.approx(float((a != b).double().mean()))
    assert overlap.cosine == pytest.approx(float((a & b).sum() / (a.sum() * b.sum()).double().sqrt()))
    assert overlap.chance.sizes == tuple(m.numel() for m in first.last.masks.values())
    assert overlap.chance.first == tuple(int((m != 0).sum()) for m in first.last.masks.values())
    assert overlap.score_seeds == (2, 9)
    assert "chance" in str(overlap)


def test_masks_alike_are_more_than_chance() -> None:
    overlap = MaskOverlap.of(searched(MagnitudeAtStart(0.3)), searched(MagnitudeAtStart(0.3), 9))
    assert overlap.jaccard == 1 > overlap.band[1]
    assert overlap.verdict.startswith("more in common")


def test_random_masks_are_within_the_band() -> None:
    """40 pairs of random masks; beyond 99 % bands fall at most 4, more than which has probability 1e-4."""
    found = [searched(RandomMask(0.4), score_seed) for score_seed in range(80)]
    beyond = 0
    for first, second in zip(found[::2], found[1::2], strict=True):
        overlap = MaskOverlap.of(first, second)
        low, high = overlap.band
        beyond += not low <= overlap.jaccard <= high
        assert (overlap.verdict == "no more in common than independent masks") == (low <= overlap.jaccard <= high)
    assert beyond <= 4


def test_frozen_places_do_not_count() -> None:
    first, second = searched(FrozenSource(0.5)), searched(FrozenSource(0.5), 9)
    overlap = MaskOverlap.of(first, second)
    for layer, size, kept in zip(first.network.layers, overlap.chance.sizes, overlap.chance.first, strict=True):
        assert layer.frozen is not None
        assert size == int((layer.frozen == 0).sum())
        assert kept == int(first.last.masks[layer.name][layer.frozen == 0].sum())


def test_groups_count_once() -> None:
    method = replace(EdgePopup(0.5).method(), granularity=Rows())
    assert MaskOverlap.of(searched(method), searched(method, 9)).chance.sizes == (20, 3)


def test_masks_that_do_not_compare_are_refused() -> None:
    first = searched(EdgePopup(0.4))
    for other in (
        searched(EdgePopup(0.4), 9, seed=3),
        searched(EdgePopup(0.4), 9, hidden=21),
        searched(MagnitudeAtStart(0.4), 9),
    ):
        with pytest.raises(InputError, match="different random networks"):
            MaskOverlap.of(first, other)
    with pytest.raises(InputError, match="scores of seed 2"):
        MaskOverlap.of(first, searched(EdgePopup(0.4)))
    frozen = FrozenSource(0.5)
    with pytest.raises(InputError, match="frozen"):
        MaskOverlap.of(searched(frozen), searched(replace(frozen, removed=0.1), 9))
