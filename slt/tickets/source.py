"""Sources: over-parameterised random networks, as architecture + weight law + key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.chain_target import read_chain
from slt.domains import Domain
from slt.errors import InputError, MaskError
from slt.masks import Mask
from slt.tickets.constant import Constant
from slt.weights import Key, WeightLaw

if TYPE_CHECKING:
    import torch
    from torch import nn

    from slt.tickets.residuals import Residuals

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
WITNESS_ROWS = 2  # rows of each tensor that the plain generator draws again

Values = Mapping[str, IntArray]


@final
@dataclass(frozen=True)
class Carried:
    """A number that a ticket holds besides random source and mask, because it was taken from the target."""

    name: str
    value: float

    @property
    def count(self) -> int:
        """How many numbers it is."""
        return 1


class Source(ABC):
    """A random network that is never trained. Its tensors are named as in its module's ``state_dict``.

    Masks come in two kinds: those a ticket stores (``mask_shapes``) and those that do not depend on the target, which
    are rebuilt from the architecture and cost nothing. ``dense_mask`` expands both to whole tensors.
    """

    kind: ClassVar[str]
    has_domain: ClassVar[bool] = True  # whether the ticket's domain of inputs says anything here
    key: Key
    law: WeightLaw

    @property
    @abstractmethod
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every random tensor."""

    @property
    @abstractmethod
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every mask that depends on the target."""

    @property
    @abstractmethod
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        """Numbers and tensors taken from the target."""

    @property
    def carried_count(self) -> int:
        """How many numbers were taken from the target: those of ``carried``, and patches that are the target's."""
        return sum(carried.count for carried in self.carried)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Tensors of the module that hold one declared number each."""
        return ()

    @property
    def supersets(self) -> dict[str, str]:
        """Stored masks that are part of another stored mask, by name, with the name of that one."""
        return {}

    def check_masks(self, masks: Mapping[str, Mask]) -> None:
        """MaskError for masks of the right shapes that do not fit each other."""
        for name, superset in self.supersets.items():
            beyond = int(np.bitwise_count(masks[name].packed & ~masks[superset].packed).sum(dtype=np.int64))
            if beyond:
                raise MaskError(
                    f"making a ticket: {beyond} weights are in mask {name!r} and not in {superset!r}, which must hold "
                    "all of it"
                )

    @abstractmethod
    def draw(self, name: str) -> IntArray:
        """All random weights of one tensor, as lattice integers."""

    @abstractmethod
    def draw_plain(self, name: str, rows: slice) -> IntArray:
        """The same for some rows, by the plain generator: an independent witness for ``draw``."""

    @abstractmethod
    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        """The mask of one whole tensor."""

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        """How many weights of one tensor the ticket keeps; sources may know without expanding the mask."""
        return int(np.count_nonzero(self.dense_mask(name, masks)))

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        """The kept weights of one tensor as lattice integers, 0 elsewhere; sources may know a faster way."""
        return Mask.of(self.dense_mask(name, masks)).apply(self.draw(name))

    def source_values(self, name: str) -> FloatArray:
        """All random weights of one tensor, as float32, which holds them exactly."""
        return self._real(self.draw(name))

    def kept_values(self, name: str, masks: Mapping[str, Mask]) -> FloatArray:
        """The ticket's weights of one tensor, as float32: the source's where kept and +0.0 elsewhere."""
        return self._real(self.masked(name, masks))

    def expected(self, name: str, masks: Mapping[str, Mask], draws: IntArray) -> FloatArray:
        """``kept_values`` from all draws of the tensor by the plain formula: what verification compares with."""
        return self._real(np.where(self.dense_mask(name, masks), draws, draws.dtype.type(0)))

    def _real(self, lattice: IntArray) -> FloatArray:
        # an integer below 2**24 times a power of two: exact
        return np.asarray(lattice.astype(np.float32) * np.float32(2.0**-self.law.exponent))

    @abstractmethod
    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        """A torch module with these tensors as frozen parameters and the carried numbers as buffers."""

    def holder(self, weights: Mapping[str, Any]) -> nn.Module:
        """``module``, or where a file lacks its code a module that holds the same tensors and cannot be called."""
        return self.module(weights)

    @abstractmethod
    def collapsed(self, masks: Mapping[str, Mask]) -> Any:
        """What the masked network computes, worked out from source and masks alone; its type depends on the kind."""

    def collapsed_module(self, masks: Mapping[str, Mask], dtype: torch.dtype) -> nn.Module:
        """The same as a torch module; InputError where a kind has none."""
        from slt.collapsed import CollapsedNetwork

        network = self.collapsed(masks)
        if not isinstance(network, CollapsedNetwork):
            raise InputError(
                f"a ticket in a {self.kind} source that computes a {type(network).__name__} has no collapsed module; "
                "ticket.module() is the masked random network itself"
            )
        from slt.tickets.collapsed_chain import collapsed_chain

        return collapsed_chain(network, dtype, self.flattens)

    @property
    def flattens(self) -> bool:
        """Whether the module flattens its inputs first; of chains."""
        return bool(getattr(self, "flatten", False))

    def target(self, model: Any) -> Any:
        """``model`` read as this kind of source reads targets."""
        return read_chain(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: Any) -> Residuals:
        """Ticket weight minus target weight for every sum; InputError where a kind has none."""
        raise InputError(f"a ticket in a {self.kind} source has no residuals weight by weight")

    def like(self, model: Any) -> Source:
        """The source with the architecture of ``model``, which files do not hold, checked against its own names and
        shapes; the source itself where it needs none."""
        return self

    def with_tensors(self, tensors: tuple[CarriedTensor, ...]) -> Source:
        """The source with the carried tensors of a file; ``header`` holds none of them."""
        if tensors:
            raise InputError(f"a {self.kind} source carries no tensors; {len(tensors)} were given")
        return self

    @property
    def patched_count(self) -> int:
        """How many kept weights are not the seed's draw at their own place, but what a declared patch says."""
        return 0

    def encode_patches(self, masks: Mapping[str, Mask]) -> tuple[list[Any], bytes]:
        """What a file holds of the patches: an entry of the header for each, and the bytes of all."""
        return [], b""

    def decode_patches(self, entries: list[Any], data: npt.NDArray[np.uint8], masks: Mapping[str, Mask]) -> Source:
        """The source with the patches of a file; the inverse of ``encode_patches``."""
        if entries or data.size:
            raise InputError(f"a {self.kind} source has no patches; {len(entries)} were given")
        return self

    def agrees(self, name: str, draws: IntArray) -> bool:
        """Whether the plain generator draws the same as ``draws`` in the first rows of a tensor."""
        rows = slice(0, WITNESS_ROWS)
        return np.array_equal(draws[rows], self.draw_plain(name, rows))

    @property
    def kept_as(self) -> str:
        """What every weight of a ticket is, in words."""
        return "the source's where kept and +0.0 elsewhere"

    @abstractmethod
    def header(self) -> dict[str, Any]:
        """Everything needed to rebuild the source, JSON-able."""

    @staticmethod
    @abstractmethod
    def from_header(header: dict[str, Any]) -> Source:
        """The inverse of ``header``; KeyError, TypeError or InputError when it does not make sense."""

    @property
    def weights(self) -> int:
        """How many random weights the source has."""
        return sum(int(np.prod(shape, dtype=np.int64)) for shape in self.tensor_shapes.values())
