"""The source of searched tickets: a network whose own parameters are random, everything else declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, final

from slt.carried import CarriedTensor
from slt.errors import InputError
from slt.masks import Mask
from slt.tensor_draws import draw_tensor, draw_tensor_plain
from slt.tickets.constant import Constant
from slt.tickets.search_tensor import SearchTensor
from slt.tickets.source import BoolArray, Carried, FloatArray, IntArray, Source
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    from torch import nn


@final
@dataclass(frozen=True)
class SearchSource(Source):
    """A module of any architecture. Its random tensors are drawn at ``key / "weights" / name``.

    ``tensors``    the random parameters
    ``constants``  tensors that hold one number
    ``state``      tensors that are carried: norm statistics, trained parameters, tables
    ``ties``       (name, other name) of tensors that the module holds under several names
    ``outline``    digest of the module's kinds and settings (``slt.tree_checks.outline``)
    ``method``     how the masks were found, in words; a file keeps it
    ``skeleton``   the architecture, in memory only: a file gives names and shapes, ``like`` the module
    """

    kind: ClassVar[str] = "search"

    key: Key
    law: WeightLaw
    tensors: tuple[SearchTensor, ...]
    constants: tuple[Constant, ...] = ()  # type: ignore[assignment]
    state: tuple[CarriedTensor, ...] = ()
    ties: tuple[tuple[str, str], ...] = ()
    outline: str = ""
    method: str = ""
    skeleton: nn.Module | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.law.largest > 2**24:
            raise InputError(
                f"weights of the law {self.law.name} are up to {self.law.largest} / 2**{self.law.exponent}, which "
                "float32 does not hold exactly; take a coarser lattice, such as Normal(20)"
            )
        if not self.tensors:
            raise InputError("the source of a search needs at least one random tensor")
        if not isinstance(self.outline, str) or not isinstance(self.method, str):
            raise InputError("the outline and the method of a search source must be text")
        for tensor in self.tensors:
            largest = (1 << self.law.exponent) if tensor.binarised else self.law.largest
            if largest > 2**24:
                raise InputError(f"{tensor.name} cannot be binarised: lattice 2**-{self.law.exponent} is too fine")
        names = [part.name for part in self.parts]
        every = Counter([*names, *(alias for _, alias in self.ties)])
        if not all(isinstance(name, str) for name in every):
            raise InputError("the names of tensors must be text")
        twice = sorted(name for name, count in every.items() if count > 1)
        strange = sorted({name for name, _ in self.ties} - set(names))
        if twice or strange:
            raise InputError(
                f"the tensors of a search source need names of their own, {twice} are there twice; what others are "
                f"tied to must be declared, {strange} are not"
            )
        if len(self.mask_shapes) != sum(len(t.supersets) for t in self.tensors):
            raise InputError("two masks of a search source would have the same name")

    # -- layout ----------------------------------------------------------------------------------------------------

    @property
    def parts(self) -> tuple[SearchTensor | Constant | CarriedTensor, ...]:
        """Every tensor of the module, under its first name."""
        return (*self.tensors, *self.constants, *self.state)

    @cached_property
    def _by_name(self) -> dict[str, SearchTensor]:
        return {tensor.name: tensor for tensor in self.tensors}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {tensor.name: tensor.shape for tensor in self.tensors}

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for tensor in self.tensors for name in tensor.supersets}

    @property
    def supersets(self) -> dict[str, str]:
        return {n: s for tensor in self.tensors for n, s in tensor.supersets.items() if s is not None}

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return self.state

    # -- random weights and masks ----------------------------------------------------------------------------------

    def weights_key(self, name: str) -> Key:
        """Where the weights of one tensor are drawn."""
        return self.key / "weights" / name

    def draw(self, name: str) -> IntArray:
        tensor = self._by_name[name]
        return tensor.lattice(draw_tensor(self.law, self.weights_key(name), tensor.shape), self.law)

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        tensor = self._by_name[name]
        return tensor.lattice(draw_tensor_plain(self.law, self.weights_key(name), tensor.shape, rows), self.law)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        return masks[name].unpack()

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        return masks[name].kept

    def source_values(self, name: str) -> FloatArray:
        return self._by_name[name].source_weights(self.draw(name), self.law)

    def kept_values(self, name: str, masks: Mapping[str, Mask]) -> FloatArray:
        return self._by_name[name].kept_values(self.draw(name), self.law, masks)

    def expected(self, name: str, masks: Mapping[str, Mask], draws: IntArray) -> FloatArray:
        return self._by_name[name].kept_values_plain(draws, self.law, masks)

    # -- modules ---------------------------------------------------------------------------------------------------

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.search_module import build

        if self.skeleton is None:
            raise InputError(
                "a loaded ticket of a search does not hold the network's code: pass a model of that architecture, as "
                "in ticket.module(like=model); its weights are not used"
            )
        return build(self, self.skeleton, weights)

    def holder(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.search_module import hold

        return hold(self, weights) if self.skeleton is None else self.module(weights)

    def like(self, model: Any) -> SearchSource:
        from slt.tickets.search_module import skeleton_like

        return replace(self, skeleton=skeleton_like(self, model))

    def collapsed(self, masks: Mapping[str, Mask]) -> NoReturn:
        raise InputError(
            "a searched ticket is a network of its own architecture and stands for no target, so there is nothing to "
            "collapse; ticket.module(like=model) is the network itself"
        )

    def target(self, model: Any) -> NoReturn:
        raise InputError(
            "a searched ticket approximates no target weight by weight; compare what ticket.module(like=model) and "
            "the model compute on data"
        )

    # -- storage ---------------------------------------------------------------------------------------------------

    def with_tensors(self, tensors: tuple[CarriedTensor, ...]) -> SearchSource:
        return replace(self, state=tensors)

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "tensors": [
                [t.name, list(t.shape), t.scale, t.multiplier, t.binarised, t.signed, t.levels] for t in self.tensors
            ],
            "constants": [[c.name, list(c.shape), c.dtype, c.value] for c in self.constants],
            "ties": [list(tie) for tie in self.ties],
            "outline": self.outline,
            "method": self.method,
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> SearchSource:
        for name in ("path", "tensors", "constants", "ties"):
            if not isinstance(header[name], list):
                raise InputError(f"{name} must be a list; {header[name]!r} was given")
        return SearchSource(
            key=Key(header["seed"], tuple(header["path"])),
            law=named_law(header["law"]),
            tensors=tuple(SearchTensor(name, tuple(shape), *rest) for name, shape, *rest in header["tensors"]),
            constants=tuple(Constant(name, tuple(shape), *rest) for name, shape, *rest in header["constants"]),
            ties=tuple((name, alias) for name, alias in header["ties"]),
            outline=header["outline"],
            method=header["method"],
        )
