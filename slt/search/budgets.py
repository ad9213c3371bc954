"""How a density is shared among layers."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from slt.errors import InputError
from slt.search.maskable import Maskable
from slt.search.schedules import check_density


class Budget(ABC):
    """Exact counts of groups to keep. ``together``: the counts are one number for all layers at once."""

    together: ClassVar[bool] = False

    @abstractmethod
    def densities(self, layers: Sequence[Maskable], density: float) -> list[float]:
        """The fraction each layer keeps, in (0, 1]; their weighted mean is ``density`` unless overridden."""

    def counts(self, layers: Sequence[Maskable], sizes: Sequence[int], density: float) -> list[int]:
        """How many of the ``sizes[i]`` groups layer i keeps: the nearest integer, half to even.

        InputError where a layer would keep none.
        """
        counts = []
        for layer, size, share in zip(layers, sizes, self.densities(layers, density), strict=True):
            count = round(share * size)
            if not count:
                raise InputError(
                    f"searching a mask: the budget keeps {share:.4g} of the {size} scores of {layer.name}: none, "
                    f"and nothing passes an empty layer; ask for a density above {0.5 / size:.2g} there, or use "
                    "ErdosRenyi() or Global()"
                )
            counts.append(count)
        return counts


@final
@dataclass(frozen=True)
class LayerWise(Budget):
    """The same density in every layer, except where a pattern (as in file names) of ``overrides`` fits its name."""

    overrides: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for pattern, density in self.overrides:
            check_density(density, f"the density of {pattern!r}")

    def densities(self, layers: Sequence[Maskable], density: float) -> list[float]:
        found = [density] * len(layers)
        for pattern, other in self.overrides:
            found = [other if fnmatch.fnmatchcase(x.name, pattern) else d for x, d in zip(layers, found, strict=True)]
        return found


@final
@dataclass(frozen=True)
class ErdosRenyi(Budget):
    """Densities proportional to (sum of the dimensions) / (their product), cut at 1: thin layers stay dense (the
    ERK rule of Evci et al. 2020, which for a Linear is the Erdos-Renyi one of Mocanu et al. 2018)."""

    def densities(self, layers: Sequence[Maskable], density: float) -> list[float]:
        weights = [sum(layer.shape) / layer.size for layer in layers]
        return _shared(weights, [layer.size for layer in layers], density)


@final
@dataclass(frozen=True)
class EqualPerLayer(Budget):
    """The same number of weights in every layer, as far as they have so many."""

    def densities(self, layers: Sequence[Maskable], density: float) -> list[float]:
        return _shared([1 / layer.size for layer in layers], [layer.size for layer in layers], density)


@final
@dataclass(frozen=True)
class Global(Budget):
    """One count for all layers together: the scores decide which layer keeps how many, some perhaps none."""

    together: ClassVar[bool] = True

    def densities(self, layers: Sequence[Maskable], density: float) -> list[float]:
        return [density] * len(layers)

    def counts(self, layers: Sequence[Maskable], sizes: Sequence[int], density: float) -> list[int]:
        count = round(density * sum(sizes))
        if not count:
            raise InputError(
                f"searching a mask: a density of {density!r} keeps none of {sum(sizes)} scores; ask for more"
            )
        return [count]


def _shared(weights: Sequence[float], sizes: Sequence[int], density: float) -> list[float]:
    """Densities proportional to ``weights``, each at most 1, that keep ``density`` of all."""
    full: set[int] = set()
    while True:
        open_ = [i for i in range(len(sizes)) if i not in full]
        left = density * sum(sizes) - sum(sizes[i] for i in full)
        if not open_:
            return [1.0] * len(sizes)
        factor = left / sum(weights[i] * sizes[i] for i in open_)
        over = {i for i in open_ if factor * weights[i] > 1}
        if not over:
            return [1.0 if i in full else factor * weights[i] for i in range(len(sizes))]
        full |= over
