"""The circle task planted in a random network: answers of the planted mask, and of masks that leave weights out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np

from slt.weights import Key

DEPTH, WIDTH, POINTS = 4, 40, 1000


@final
@dataclass(frozen=True, eq=False)
class PlantedCircle:
    """One planting: ``module`` in float64, which holds every weight exactly; ``points`` (POINTS, 2) without noise,
    their ``labels`` and the classes that the target gives them."""

    module: Any
    points: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray

    @staticmethod
    def of(own_scales: bool, seed: int, key: Key) -> PlantedCircle:
        import torch

        from slt.constructions.planted_targets import CircleTask
        from slt.search import CommonScale, OwnScales, plant

        task = CircleTask()
        target = task.target(DEPTH)
        points, labels = task.sample(POINTS, key / "points" / str(seed), noise=False)
        planting = plant(target, WIDTH, seed, scales=OwnScales() if own_scales else CommonScale())
        module = planting.found().ticket.module(dtype=torch.float64)
        return PlantedCircle(module, points, np.asarray(labels), target.forward(points).argmax(axis=1))

    @property
    def _weights(self) -> list[Any]:
        return [p for p in self.module.parameters() if p.ndim == 2]

    @property
    def places(self) -> list[tuple[int, int, int]]:
        """What a rival can leave out: single planted weights (layer, row, column), and with column -1 the weights of
        all outputs but the row's."""
        import torch

        found = [(i, r, c) for i, w in enumerate(self._weights) for r, c in torch.nonzero(w).tolist()]
        last = len(self._weights) - 1
        return found + [(last, row, -1) for row in range(self._weights[last].shape[0])]

    def classes(self, left_out: tuple[int, int, int] | None = None) -> np.ndarray:
        """The class that the planted mask, or the mask without what is left out, gives each point."""
        import torch

        with torch.no_grad():
            if left_out is None:
                return np.asarray(self.module(torch.from_numpy(self.points)).argmax(dim=1))
            layer, row, column = left_out
            weight = self._weights[layer]
            kept = weight.detach().clone()
            if column < 0:
                weight.zero_()
                weight[row] = kept[row]
            else:
                weight[row, column] = 0.0
            found = np.asarray(self.module(torch.from_numpy(self.points)).argmax(dim=1))
            weight.copy_(kept)
            return found

    def accuracy(self, left_out: tuple[int, int, int] | None = None) -> Fraction:
        """The share of the points whose class is right."""
        return Fraction(int((self.classes(left_out) == self.labels).sum()), POINTS)
