"""The source of a module tree: two random layers in the place of every linear map, all else as in the target.

Each distinct weight or bias of the linear maps is a unit: a ``TwoLayerSource`` of one block, addressed by the
parameter's name. A bias is a block with one input that is always 1. Tied parameters are one unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.collapsed import CollapsedLayer
from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.tickets.blocks import Block, Part, whole
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.tickets.two_layer_source import TwoLayerSource
from slt.tree_checks import outline_of
from slt.tree_target import LinearPlace, TreeTarget
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class Unit:
    """One distinct parameter: a weight of shape (outputs, inputs), or with ``constant`` a bias, inputs = 1.

    Its map is multiplied by 2**scale, carried, 0 unless needed.
    """

    name: str
    outputs: int
    inputs: int
    constant: bool
    scale: int = 0


@final
@dataclass(frozen=True, eq=False)
class CollapsedTree:
    """What the linear maps of a ticket compute, by their paths; the rest of the tree is the target's own."""

    maps: Mapping[str, CollapsedLayer]


@final
@dataclass(frozen=True)
class TreeSource(Source):
    """Tensors ``<unit>.first`` (hidden, inputs) and ``<unit>.second`` (outputs, hidden), hidden unit
    ``coordinate * width + k``; masks by unit, (outputs, inputs, width).

    ``outline``   digest of the target's modules and settings (``slt.tree_checks.outline``)
    ``modules``   the modules themselves, by path; () in files that were written before they were kept
    ``tensors``   what is carried, by name
    ``skeleton``  the target's architecture, in memory only: a file gives the names and shapes, ``like`` the tree
    """

    kind: ClassVar[str] = "module-tree"
    has_domain: ClassVar[bool] = False

    key: Key
    law: WeightLaw
    width: int
    units: tuple[Unit, ...]
    places: tuple[LinearPlace, ...]
    attentions: tuple[str, ...]
    outline: str = ""
    modules: tuple[tuple[str, str], ...] = ()
    tensors: tuple[CarriedTensor, ...] = ()
    skeleton: nn.Module | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.units or not self.places:
            raise InputError("the source of a module tree needs at least one linear map")
        if not all(isinstance(path, str) for path in (self.outline, *self.attentions, *(p.path for p in self.places))):
            raise InputError("the paths of linear maps and attentions must be text")
        if not all(isinstance(text, str) for pair in self.modules for text in pair):
            raise InputError("the modules of a tree must be pairs of texts")
        if self.modules and outline_of(self.modules) != self.outline:
            raise InputError("the modules of a tree do not have the digest that is its outline")
        by_name = {unit.name: unit for unit in self.units}
        for place in self.places:
            weight, bias = by_name.get(place.weight), None if place.bias is None else by_name.get(place.bias)
            if (
                weight is None
                or weight.constant
                or (place.bias is not None and (bias is None or not bias.constant or bias.outputs != weight.outputs))
            ):
                raise InputError(f"{place!r} has no parameters of fitting shapes among the units")
        used = {name for p in self.places for name in (p.weight, p.bias)}
        if len(by_name) != len(self.units) or set(by_name) - used:
            raise InputError("the units of a module tree must have names of their own and be used")
        for unit in self.units:
            named = isinstance(unit.name, str) and unit.name != ""
            if not named or not whole(unit.inputs, 1) or (unit.constant and unit.inputs != 1):
                raise InputError(f"{unit!r} is no unit of a module tree")
            self.unit_source(unit)  # which checks the rest

    # -- layout ----------------------------------------------------------------------------------------------------

    def unit_source(self, unit: Unit) -> TwoLayerSource:
        """The random network of one parameter."""
        block = Block(unit.inputs, unit.outputs, 0, None, False, unit.scale)
        return TwoLayerSource(self.key / unit.name, self.law, self.width, (block,))

    @cached_property
    def _sources(self) -> dict[str, TwoLayerSource]:
        return {unit.name: self.unit_source(unit) for unit in self.units}

    def part(self, unit: Unit) -> tuple[TwoLayerSource, Part]:
        """The random network of one parameter, and its only part."""
        source = self._sources[unit.name]
        return source, source.parts(source.blocks[0])[0]

    def _locate(self, name: str) -> tuple[TwoLayerSource, str, str]:
        unit, _, tensor = name.rpartition(".")
        return self._sources[unit], f"block0.{tensor}.weight", unit

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            f"{unit.name}.{tensor}": self._sources[unit.name].tensor_shapes[f"block0.{tensor}.weight"]
            for unit in self.units
            for tensor in ("first", "second")
        }

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {unit.name: (unit.outputs, unit.inputs, self.width) for unit in self.units}

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        scales = [Carried(f"{unit.name}.scale", 2.0**unit.scale) for unit in self.units if unit.scale]
        return (*scales, *self.tensors)

    @property
    def target_weights(self) -> int:
        """How many numbers of the target the random weights stand for, each distinct parameter once."""
        return sum(unit.outputs * unit.inputs for unit in self.units)

    @property
    def replaced_fraction(self) -> float:
        """The share of the target's own numbers that the random weights stand for; the rest is carried."""
        return self.target_weights / (self.target_weights + sum(tensor.count for tensor in self.tensors))

    # -- random weights and masks ----------------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        source, tensor, _ = self._locate(name)
        return source.draw(tensor)

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        source, tensor, _ = self._locate(name)
        return source.draw_plain(tensor, rows)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        source, tensor, unit = self._locate(name)
        return source.dense_mask(tensor, {"layer 0/weight": masks[unit]})

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        source, tensor, unit = self._locate(name)
        return source.kept(tensor, {"layer 0/weight": masks[unit]})

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        source, tensor, unit = self._locate(name)
        return source.masked(tensor, {"layer 0/weight": masks[unit]})

    # -- what it computes ------------------------------------------------------------------------------------------

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedTree:
        layers = {unit.name: self._layer(unit, masks[unit.name]) for unit in self.units}
        maps = {}
        for place in self.places:
            weight, bias = layers[place.weight], None if place.bias is None else layers[place.bias]
            maps[place.path] = CollapsedLayer(
                weight.positive,
                weight.negative,
                weight.bias if bias is None else bias.positive[:, 0],
                False,
                max(weight.rounding, 0.0 if bias is None else bias.rounding),
            )
        return CollapsedTree(maps)

    def _layer(self, unit: Unit, mask: Mask) -> CollapsedLayer:
        source = self._sources[unit.name]
        return source.collapsed({"layer 0/weight": mask}).layers[0]

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Any) -> Residuals:
        self._fits(target)
        found = {}
        for unit, parameter in zip(self.units, target.parameters, strict=True):
            source, part = self.part(unit)
            positive, negative = source.sums(part, masks[unit.name])
            branches: dict[str, tuple[npt.NDArray[np.int64], None]] = {"positive": (positive, None)}
            if parameter.negative:
                branches["negative"] = (negative, None)
            matrix, exponent = parameter.matrix, 2 * self.law.exponent - unit.scale
            entries = (np.arange(matrix.size)[:, None], (matrix.size,)) if parameter.constant else None
            found[unit.name] = PartResiduals.of(matrix, exponent, branches, entries)
        return Residuals(found)

    # -- modules ---------------------------------------------------------------------------------------------------

    def target(self, model: Any) -> TreeTarget:
        return TreeTarget.of(model)

    def _fits(self, target: TreeTarget) -> None:
        """InputError unless the target has the names and shapes that the ticket was made for."""
        for what, own, given in (
            (
                "linear parameters",
                {u.name: (u.outputs, u.inputs, u.constant) for u in self.units},
                {p.name: (*p.values.shape, p.constant) for p in target.parameters},
            ),
            (
                "linear maps",
                {p.path: (p.weight, p.bias) for p in self.places},
                {p.path: (p.weight, p.bias) for p in target.places},
            ),
            ("attentions", dict.fromkeys(self.attentions), dict.fromkeys(target.attentions)),
            (
                "carried tensors",
                {c.name: (c.shape, c.dtype) for c in self.tensors},
                {c.name: (c.shape, c.dtype) for c in target.carried},
            ),
        ):
            if own != given or list(own) != list(given):
                differ = sorted(n for n in {*own, *given} if own.get(n, "absent") != given.get(n, "absent"))
                first = differ[0] if differ else next(iter(own))
                raise InputError(
                    f"the model's {what} are not those of the ticket's target; {len(differ)} differ, first "
                    f"{first or '(root)'}: {given.get(first, 'absent')} in the model, {own.get(first, 'absent')} in "
                    "the ticket. Give a model of the architecture that the ticket was made for"
                )

        if self.outline not in target.outlines:
            raise InputError(
                "the model has the parameters of the ticket's target, but other kinds of modules or other settings "
                f"(heads, order of norms, activation): {self._first_difference(target)}. Give a model of the "
                "architecture that the ticket was made for; what its classes are called does not count"
            )

    def _first_difference(self, target: TreeTarget) -> str:
        if not self.modules:
            return (
                "which ones, the file does not say, as it was written by an earlier slt, for which class names counted"
            )
        own, given = dict(self.modules), dict(target.modules)
        paths = [path for path in {**own, **given} if own.get(path) != given.get(path)]
        if not paths:
            return "its modules come in another order"
        first = paths[0]
        return (
            f"{len(paths)} differ, first {first or '(root)'}: {given.get(first, 'absent')} in the model, "
            f"{own.get(first, 'absent')} in the ticket"
        )

    def like(self, model: Any) -> TreeSource:
        target = TreeTarget.of(model)
        self._fits(target)
        return replace(self, skeleton=target.skeleton)

    def with_tensors(self, tensors: tuple[CarriedTensor, ...]) -> TreeSource:
        return replace(self, tensors=tensors)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.tree_module import build

        return build(self, self._architecture(), self._random_maps(weights), next(iter(weights.values())))

    def holder(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.tree_module import hold

        if self.skeleton is not None:
            return self.module(weights)
        return hold(self, self._random_maps(weights), next(iter(weights.values())))

    def _random_maps(self, weights: Mapping[str, Any]) -> dict[str, nn.Module]:
        from slt.tickets.tree_module import RandomMap

        return {
            unit.name: RandomMap(weights[f"{unit.name}.first"], weights[f"{unit.name}.second"], unit.scale)
            for unit in self.units
        }

    def collapsed_module(self, masks: Mapping[str, Mask], dtype: torch.dtype) -> nn.Module:
        import torch

        from slt.tickets.tree_module import CollapsedMap, build

        skeleton = self._architecture()
        maps: dict[str, nn.Module] = {}
        for unit in self.units:
            layer = self._layer(unit, masks[unit.name])
            maps[unit.name] = CollapsedMap(
                torch.from_numpy(layer.positive).to(dtype),
                torch.from_numpy(layer.negative).to(dtype) if layer.negative.any() else None,
            )
        return build(self, skeleton, maps, torch.empty(0, dtype=dtype))

    def _architecture(self) -> nn.Module:
        if self.skeleton is None:
            raise InputError(
                "a loaded ticket of a module tree does not hold the tree's code: pass a model of that architecture, as "
                "in ticket.module(like=model); its weights are not used"
            )
        return self.skeleton

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "width": self.width,
            "units": [[u.name, u.outputs, u.inputs, u.constant, u.scale] for u in self.units],
            "places": [[p.path, p.weight, p.bias] for p in self.places],
            "attentions": list(self.attentions),
            "outline": self.outline,
            "modules": [list(pair) for pair in self.modules],
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> TreeSource:
        header = {"modules": [], **header}  # which earlier files lack
        for name in ("path", "units", "places", "attentions", "modules"):
            if not isinstance(header[name], list):
                raise InputError(f"{name} must be a list; {header[name]!r} was given")
        return TreeSource(
            key=Key(header["seed"], tuple(header["path"])),
            law=named_law(header["law"]),
            width=header["width"],
            units=tuple(Unit(*unit) for unit in header["units"]),
            places=tuple(LinearPlace(*place) for place in header["places"]),
            attentions=tuple(header["attentions"]),
            outline=header["outline"],
            modules=tuple((path, text) for path, text in header["modules"]),
        )
