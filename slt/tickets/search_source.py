"""The source of searched tickets: a network whose own parameters are random, everything else declared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.errors import InputError
from slt.masks import Mask
from slt.tensor_draws import draw_tensor, draw_tensor_at, draw_tensor_at_plain, draw_tensor_plain
from slt.tickets.constant import Constant
from slt.tickets.patches import Patch, Planted, Redraws, cheapest, check_kept, decode_patch, encode_patch
from slt.tickets.search_tensor import SearchTensor
from slt.tickets.source import BoolArray, Carried, FloatArray, IntArray, Source
from slt.weight_law import check_float32
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    from torch import nn

WITNESSES = 64  # redrawn weights of each tensor that the plain generator draws again


@final
@dataclass(frozen=True)
class SearchSource(Source):
    """A module of any architecture. Its random tensors are drawn at ``key / "weights" / name``.

    ``tensors``    the random parameters
    ``constants``  tensors that hold one number
    ``state``      tensors that are carried: norm statistics, trained parameters, tables
    ``patches``    kept weights that are not the seed's draw at their own place; made by ``with_patches``
    ``outline``    digest of the module's kinds and settings (``slt.tree_checks.outline``)
    ``method``     how the masks were found, in words; a file keeps it
    ``ties``       (name, other name) of tensors that the module holds under several names
    ``skeleton``   the architecture, in memory only: a file gives names and shapes, ``like`` the module
    """

    kind: ClassVar[str] = "search"

    key: Key
    law: WeightLaw
    tensors: tuple[SearchTensor, ...]
    constants: tuple[Constant, ...] = ()  # type: ignore[assignment]
    state: tuple[CarriedTensor, ...] = ()
    patches: tuple[Patch, ...] = ()
    outline: str = ""
    method: str = ""
    ties: tuple[tuple[str, str], ...] = ()
    skeleton: nn.Module | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_float32(self.law)
        if not self.tensors:
            raise InputError("the source of a search needs at least one random tensor")
        if not isinstance(self.outline, str) or not isinstance(self.method, str):
            raise InputError("the outline and the method of a search source must be text")
        names = [part.name for part in self.parts]
        every = Counter([*names, *(alias for _, alias in self.ties)])
        if not all(isinstance(name, str) for name in every):
            raise InputError("the names of tensors must be text")
        twice = sorted(name for name, count in every.items() if count > 1)
        if twice:
            raise InputError(f"the tensors of a search source need names of their own, {twice} are there twice")
        if self.state:
            self._check_ties()
        if len(self.mask_shapes) != sum(len(t.supersets) for t in self.tensors):
            raise InputError("two masks of a search source would have the same name")
        listed: dict[str, int] = {}
        for patch in self.patches:
            if patch.name not in self._by_name:
                raise InputError(f"a patch of {patch.name!r} was given, which is no random tensor of the source")
            patch.fits(math.prod(self._by_name[patch.name].shape))
            listed[patch.name] = listed.get(patch.name, 0) + 1
        if max(listed.values(), default=0) > 1:
            raise InputError("at most one patch of each random tensor is possible")

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

    def _check_ties(self) -> None:
        strange = sorted({name for name, _ in self.ties} - {part.name for part in self.parts})
        if strange:
            raise InputError(f"what others are tied to must be declared by a search source, {strange} are not")

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        super().check_masks(masks)
        self._check_ties()  # here too, as a file's source has its state only after its header
        for patch in self.patches:
            check_kept(patch, masks[patch.name])

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

    def redraw(self, name: str, event: int, indices: IntArray) -> IntArray:
        """What event ``event`` draws at flat indices of a tensor, as the source's integers."""
        tensor = self._by_name[name]
        key = self.key / "events" / str(event) / name
        return tensor.lattice(draw_tensor_at(self.law, key, tensor.shape, indices), self.law)

    def patched(self, name: str, draws: IntArray) -> IntArray:
        """The tensor that the mask is applied to: the seed's draws, patched."""
        for patch in self.patches:
            if patch.name == name:
                return patch.patched(draws, partial(self.redraw, name))
        return draws

    @property
    def patched_count(self) -> int:
        return sum(patch.indices.size for patch in self.patches)

    @property
    def carried_count(self) -> int:
        # planted weights are the target's, as what is carried is
        planted = sum(patch.indices.size for patch in self.patches if isinstance(patch, Planted))
        return super().carried_count + planted

    def with_patches(self, patches: Iterable[Patch], masks: Mapping[str, Mask]) -> SearchSource:
        """The source with these patches, each reduced to the kept weights that it changes and in its cheapest kind."""
        reduced = [
            cheapest(patch, masks[patch.name], self.draw(patch.name), partial(self.redraw, patch.name))
            for patch in patches
        ]
        return replace(self, patches=tuple(patch for patch in reduced if patch is not None))

    def agrees(self, name: str, draws: IntArray) -> bool:
        """The same for the weights that events redrew: some of each tensor, from the first event to the last."""
        tensor = self._by_name[name]
        for patch in self.patches:
            if patch.name == name and isinstance(patch, Redraws) and patch.indices.size:
                some = np.argsort(patch.events, kind="stable")[:: -(-patch.indices.size // WITNESSES)]
                for event, index in zip(patch.events[some].tolist(), patch.indices[some], strict=True):
                    key = self.key / "events" / str(event) / name
                    plain = np.array(draw_tensor_at_plain(self.law, key, tensor.shape, index[None]))
                    if not np.array_equal(self.redraw(name, event, index[None]), tensor.lattice(plain, self.law)):
                        return False
        return super().agrees(name, draws)

    @property
    def kept_as(self) -> str:
        return (
            "the source's where kept, times the signs, coats and multipliers that are declared, and +0.0 elsewhere"
            if any(t.signed or t.levels > 1 or t.multiplier != 1.0 for t in self.tensors)
            else super().kept_as
        )

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        return masks[name].apply(self.patched(name, self.draw(name)))

    def source_values(self, name: str) -> FloatArray:
        return self._by_name[name].source_weights(self.draw(name), self.law)

    def kept_values(self, name: str, masks: Mapping[str, Mask]) -> FloatArray:
        return self._by_name[name].kept_values(self.patched(name, self.draw(name)), self.law, masks)

    def expected(self, name: str, masks: Mapping[str, Mask], draws: IntArray) -> FloatArray:
        return self._by_name[name].kept_values_plain(self.patched(name, draws), self.law, masks)

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
            "collapse, and no bound speaks of it; ticket.module(like=model) is the network itself, and "
            "slt.difference(ticket, model, inputs) compares it with another on data"
        )

    def target(self, model: Any) -> NoReturn:
        raise InputError(
            "a searched ticket approximates no target weight by weight; slt.difference(ticket, model, inputs) compares "
            "what both compute on data"
        )

    # -- storage ---------------------------------------------------------------------------------------------------

    def with_tensors(self, tensors: tuple[CarriedTensor, ...]) -> SearchSource:
        return replace(self, state=tensors)

    def encode_patches(self, masks: Mapping[str, Mask]) -> tuple[list[Any], bytes]:
        coded = [encode_patch(patch, masks[patch.name]) for patch in self.patches]
        return [entry for entry, _ in coded], b"".join(data for _, data in coded)

    def decode_patches(
        self, entries: list[Any], data: npt.NDArray[np.uint8], masks: Mapping[str, Mask]
    ) -> SearchSource:
        found, start = [], 0
        for entry in entries:
            *_, where, _, what = entry
            if type(where) is not int or type(what) is not int or where < 0 or what < 0:
                raise InputError(f"{entry!r} is no patch")
            end = start + where + what
            if end > data.size:
                raise InputError(f"the patches go on to byte {end}, {data.size} were given")
            found.append(decode_patch(entry, data[start:end], masks[entry[1]]))
            start = end
        if start != data.size:
            raise InputError(f"the patches end at byte {start}, {data.size} were given")
        return replace(self, patches=tuple(found))

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "tensors": [tensor.entry for tensor in self.tensors],
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
