"""The target that is farthest from all subset sums: half of the widest gap between these."""

from __future__ import annotations

import numpy as np

from ._rows import Sample
from ._samples import UNIT, Whole


def farthest(items: Whole) -> Sample:
    """For every row the largest distance from a target in [-1/2, 1/2] to the nearest subset sum; all 2**n of them."""
    part = max(1, 2**20 >> items.shape[1])  # rows at once
    if len(items) > part:
        return np.concatenate([farthest(items[i : i + part]) for i in range(0, len(items), part)])
    sums = np.zeros((len(items), 1), dtype=np.int64)
    for item in items.T:
        sums = np.concatenate([sums, sums + item[:, None]], axis=1)
    sums.sort(axis=1)
    half = UNIT // 2
    middles, gaps = (sums[:, 1:] + sums[:, :-1]) / 2, np.diff(sums, axis=1) / 2
    widest = np.where(np.abs(middles) <= half, gaps, 0).max(axis=1)
    ends = [np.abs(sums - end).min(axis=1) for end in (-half, half)]
    return np.asarray(np.maximum(widest, np.maximum(*ends)) / UNIT, np.float64)
