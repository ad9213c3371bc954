"""Sources made of sources: each part keeps its own key, tensors and masks, under a prefix."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slt.carried import CarriedTensor
from slt.domains import Domain
from slt.masks import Mask
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source


class CompositeSource(Source):
    """Masks are named ``<part>/<mask of the part>``, tensors ``<prefix of the part>.<tensor of the part>``."""

    @property
    @abstractmethod
    def parts(self) -> dict[str, Source]:
        """By name, in the order of the network; one weight law for all."""

    @abstractmethod
    def prefix(self, part: str) -> str:
        """Where the module of a part is in the whole module, such as ``blocks.0.attention``."""

    @abstractmethod
    def targets(self, target: Any) -> dict[str, Any]:
        """What each part is to match, by name. InputError for a target of another architecture."""

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"{self.prefix(p)}.{n}": s for p, part in self.parts.items() for n, s in part.tensor_shapes.items()}

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"{p}/{n}": s for p, part in self.parts.items() for n, s in part.mask_shapes.items()}

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return tuple(
            replace(c, name=f"{self.prefix(p)}.{c.name}") for p, part in self.parts.items() for c in part.carried
        )

    def _locate(self, tensor: str) -> tuple[str, Source, str]:
        """The part of a tensor, by name and itself, and the tensor's name there."""
        for name, part in self.parts.items():
            prefix = self.prefix(name) + "."
            if tensor.startswith(prefix):
                return name, part, tensor.removeprefix(prefix)
        raise KeyError(tensor)

    def masks_of(self, part: str, masks: Mapping[str, Mask]) -> dict[str, Mask]:
        """The masks of one part, as it names them."""
        return {name: masks[f"{part}/{name}"] for name in self.parts[part].mask_shapes}

    def draw(self, name: str) -> IntArray:
        _, part, tensor = self._locate(name)
        return part.draw(tensor)

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        _, part, tensor = self._locate(name)
        return part.draw_plain(tensor, rows)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        where, part, tensor = self._locate(name)
        return part.dense_mask(tensor, self.masks_of(where, masks))

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        where, part, tensor = self._locate(name)
        return part.kept(tensor, self.masks_of(where, masks))

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        where, part, tensor = self._locate(name)
        return part.masked(tensor, self.masks_of(where, masks))

    def modules(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """The torch module of every part, by name, from the tensors of the whole."""
        return {
            name: part.module({n: weights[f"{self.prefix(name)}.{n}"] for n in part.tensor_shapes})
            for name, part in self.parts.items()
        }

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Any) -> Residuals:
        wanted = self.targets(target)
        found: dict[str, PartResiduals] = {}
        for name, part in self.parts.items():
            here = part.residuals(self.masks_of(name, masks), self.domain(name, domain), wanted[name])
            found |= {f"{name}/{n}": residuals for n, residuals in here.parts.items()}
        return Residuals(found)

    @abstractmethod
    def domain(self, part: str, domain: Domain) -> Domain:
        """The inputs of a part, as far as their signs go, where ``domain`` are those of the whole."""
