"""The source of perturbed two-layer sums: a two-layer source, some kept weights of which were moved a little.

A ticket in it is not source times mask. The moves are numbers that the target decided; every one is declared, by its
place and how many lattice steps it is, and counted in ``ticket.carried_count``. The random weights are those of the
two-layer source, and verification proves that every weight of the module is one of them where kept, with its declared
move, and that no move is larger than the perturbation allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.collapsed import CollapsedNetwork
from slt.domains import Domain
from slt.errors import InputError, MaskError, VerificationError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.blocks import Part
from slt.tickets.moves import KINDS, Moves
from slt.tickets.patches import check_kept, decode_patch, encode_patch
from slt.tickets.perturbation import Perturbation
from slt.tickets.residuals import Residuals
from slt.tickets.source import BoolArray, Carried, FloatArray, IntArray, Source
from slt.tickets.two_layer_source import TwoLayerSource
from slt.weights import Key, WeightLaw

if TYPE_CHECKING:
    from torch import nn

Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class PerturbedSource(Source):
    """``base``: the random network; ``perturbation``: how far weights may be moved; ``moves``: where they were, at most
    one patch for each part, by the part's name, at flat indices of (outputs, coordinates, width). Tensors and masks are
    those of ``base``; only second layers move."""

    kind: ClassVar[str] = "perturbed"

    base: TwoLayerSource
    perturbation: Perturbation
    moves: tuple[Moves, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.base, TwoLayerSource) or not isinstance(self.perturbation, Perturbation):
            raise InputError(
                "a perturbed source needs a TwoLayerSource and a Perturbation; "
                f"{type(self.base).__name__} and {self.perturbation!r} were given"
            )
        names = [patch.name for patch in self.moves]
        if not all(isinstance(patch, Moves) for patch in self.moves) or len(set(names)) != len(names):
            raise InputError("a perturbed source takes at most one patch of moves for each part")
        strange = set(names) - set(self.base.distinct_parts)
        if strange:
            raise InputError(f"moves of {sorted(strange)} were given, which are no parts of the source")
        for patch in self.moves:
            patch.fits(int(np.prod(self.mask_shapes[patch.name])))

    @property
    def key(self) -> Key:  # type: ignore[override]
        return self.base.key

    @property
    def law(self) -> WeightLaw:  # type: ignore[override]
        return self.base.law

    @property
    def width(self) -> int:
        """Hidden units a coordinate."""
        return self.base.width

    # -- layout ----------------------------------------------------------------------------------------------------

    @property
    def distinct_parts(self) -> dict[str, Part]:
        """The parts of ``base``."""
        return self.base.distinct_parts

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.base.tensor_shapes

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.base.mask_shapes

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        return self.base.carried

    @property
    def carried_count(self) -> int:
        return self.base.carried_count + self.patched_count

    @property
    def patched_count(self) -> int:
        return sum(patch.indices.size for patch in self.moves)

    @property
    def weights(self) -> int:
        return self.base.weights

    # -- random weights, moves and masks -----------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        return self.base.draw(name)

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        return self.base.draw_plain(name, rows)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        return self.base.dense_mask(name, masks)

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        return self.base.kept(name, masks)

    def with_moves(self, moves: tuple[Moves, ...]) -> PerturbedSource:
        """The source with these moves in the place of its own."""
        return replace(self, moves=moves)

    def _placed(self, name: str) -> Iterator[tuple[Moves, Int64Array]]:
        """The moves in one tensor, with their flat indices in it."""
        position, _, layer = name.partition(".")
        if layer != "second.weight":
            return
        hidden, offset = self.tensor_shapes[name][1], 0
        for part in self.base.parts(self.base.blocks[int(position.removeprefix("block"))]):
            units = part.coordinates * self.width
            for patch in self.moves:
                if patch.name == part.name:
                    row, unit = np.divmod(patch.indices, units)
                    yield patch, row * hidden + offset + unit
            offset += units

    def _moved(self, name: str, weights: IntArray) -> IntArray:
        """A copy of the tensor with its moves."""
        moved = weights.copy()
        for patch, places in self._placed(name):
            moved.reshape(-1)[places] += patch.steps.astype(weights.dtype)
        return moved

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        # only kept weights have moves
        return self._moved(name, self.base.masked(name, masks))

    def expected(self, name: str, masks: Mapping[str, Mask], draws: IntArray) -> FloatArray:
        for patch, places in self._placed(name):
            beyond = self._beyond(patch, draws.reshape(-1)[places])
            if beyond:
                raise VerificationError(
                    f"verifying a ticket: {beyond} of {places.size} moves of {patch.name} go beyond {self.perturbation}"
                )
        moves = self._moved(name, np.zeros_like(draws))
        return self._real(np.where(self.dense_mask(name, masks), draws + moves, draws.dtype.type(0)))

    def _beyond(self, patch: Moves, draws: IntArray) -> int:
        """How many moves are larger than the perturbation allows for these weights."""
        return int(np.count_nonzero(np.abs(patch.steps) > self.perturbation.most_steps(draws, self.law.exponent)))

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        self.base.check_masks(masks)
        for patch in self.moves:
            check_kept(patch, masks[patch.name])
            drawn = self.base.second(self.distinct_parts[patch.name], slice(None))
            beyond = self._beyond(patch, drawn.reshape(-1)[patch.indices])
            if beyond:
                raise MaskError(
                    f"making a ticket: {beyond} of {patch.indices.size} moves of {patch.name} go beyond "
                    f"{self.perturbation}; declare a larger one, or move weights less"
                )

    @property
    def kept_as(self) -> str:
        return "the source's where kept, moved no farther than is allowed where a move is declared, and +0.0 elsewhere"

    # -- what it computes ------------------------------------------------------------------------------------------

    def sums(self, part: Part, mask: Mask) -> tuple[Int64Array, Int64Array]:
        """Exact integers, as ``TwoLayerSource.sums``, of the moved weights."""
        positive, negative = self.base.sums(part, mask)
        units = part.coordinates * self.width
        for patch in self.moves:
            if patch.name == part.name:
                row, unit = np.divmod(patch.indices, units)
                first = self.base.first(part).reshape(-1)[unit]
                place = row * part.coordinates + unit // self.width
                for sums, side in ((positive, np.maximum(first, 0)), (negative, np.minimum(first, 0))):
                    np.add.at(sums.reshape(-1), place, patch.steps * side)
        return positive, negative

    def _all_sums(self, masks: Mapping[str, Mask]) -> dict[str, tuple[Int64Array, Int64Array]]:
        return {name: self.sums(part, masks[name]) for name, part in self.distinct_parts.items()}

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedNetwork:
        return self.base.collapsed_from(self._all_sums(masks))

    def target(self, model: Any) -> Target:
        return self.base.target(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Target) -> Residuals:
        return self.base.residuals_from(self._all_sums(masks), domain, target)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        return self.base.module(weights)

    @property
    def flattens(self) -> bool:
        return self.base.flattens

    # -- storage ---------------------------------------------------------------------------------------------------

    def encode_patches(self, masks: Mapping[str, Mask]) -> tuple[list[Any], bytes]:
        coded = [encode_patch(patch, masks[patch.name]) for patch in self.moves]
        return [entry for entry, _ in coded], b"".join(data for _, data in coded)

    def decode_patches(
        self, entries: list[Any], data: npt.NDArray[np.uint8], masks: Mapping[str, Mask]
    ) -> PerturbedSource:
        found, start = [], 0
        for entry in entries:
            *_, where, _, what = entry
            if type(where) is not int or type(what) is not int or where < 0 or what < 0:
                raise InputError(f"{entry!r} makes no moves")
            end = start + where + what
            if end > data.size:
                raise InputError(f"the moves go on to byte {end}, {data.size} were given")
            patch = decode_patch(entry, data[start:end], masks[entry[1]], KINDS)
            assert isinstance(patch, Moves)
            found.append(patch)
            start = end
        if start != data.size:
            raise InputError(f"the moves end at byte {start}, {data.size} were given")
        return self.with_moves(tuple(found))

    def header(self) -> dict[str, Any]:
        limits = [self.perturbation.relative, self.perturbation.absolute]
        return {**self.base.header(), "kind": self.kind, "perturbation": limits}

    @staticmethod
    def from_header(header: dict[str, Any]) -> PerturbedSource:
        return PerturbedSource(TwoLayerSource.from_header(header), Perturbation(*header["perturbation"]))
