"""The circle task planted in a random network: the accuracy of the planted mask and of its rivals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from slt.weights import Key

DEPTH, WIDTH, POINTS = 4, 40, 1000


def accuracies(own_scales: bool, seed: int, key: Key, removals: int) -> tuple[Fraction, Fraction, list[int], Fraction]:
    """(planted mask's accuracy, best rival's, the rival as [layer, row, column] of the weights it leaves out, the
    target's). Rivals: the planted mask without one of its weights (``removals`` of them, evenly spread), and with the
    weights of one output alone, whose place is [last layer, row, -1]. Points are without noise, the same for all."""
    import torch

    from slt.constructions.planted_targets import CircleTask
    from slt.search import CommonScale, OwnScales, plant

    task = CircleTask()
    target = task.target(DEPTH)
    points, labels = task.sample(POINTS, key / "points", noise=False)
    planting = plant(target, WIDTH, seed, scales=OwnScales() if own_scales else CommonScale())
    module = planting.found().module()
    x, y = torch.from_numpy(points).float(), torch.from_numpy(np.asarray(labels))
    weights = [p for p in module.parameters() if p.ndim == 2]

    def accuracy() -> Fraction:
        with torch.no_grad():
            return Fraction(int((module(x).argmax(dim=1) == y).sum()), POINTS)

    planted = accuracy()
    places = [(layer, *place) for layer, w in enumerate(weights) for place in torch.nonzero(w).tolist()]
    chosen = [list(places[i]) for i in np.unique(np.linspace(0, len(places) - 1, removals).astype(int))]
    last = len(weights) - 1
    best, rival = Fraction(0), chosen[0]
    for layer, row, column in [*chosen, *([last, r, -1] for r in range(target.outputs))]:
        w = weights[layer]
        kept = w.detach().clone()
        with torch.no_grad():
            if column < 0:
                w.zero_()
                w[row] = kept[row]
            else:
                w[row, column] = 0.0
            found = accuracy()
            w.copy_(kept)
        if found > best:
            best, rival = found, [layer, row, column]
    own = Fraction(int((target.forward(points).argmax(axis=1) == np.asarray(labels)).sum()), POINTS)
    return planted, best, rival, own
