"""Search tensors: the random parameters of a network that is searched, and what a mask makes of their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.masks import Mask
from slt.weights import WeightLaw

MOST_LEVELS = 64

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[Any]


@final
@dataclass(frozen=True)
class SearchTensor:
    """A parameter of random weights. Every product below is one rounding of float32, in this order:

    source weight  ``fl(k * 2**-exponent * scale)``, k the seed's draw; the first product is exact
    kept weight    ``fl(fl(source weight * coats) * multiplier)``, with flipped sign where the mask says so

    ``name``        as in ``named_parameters``
    ``multiplier``  a scale that the method declares, such as 1 / sqrt(density)
    ``binarised``   k is replaced by sign(k) * 2**exponent: every source weight is +scale or -scale
    ``signed``      ternary: the mask ``name/negative``, a part of ``name``, keeps weights with flipped sign
    ``levels``      nested coats: ``name``, ``name/2`` .. ``name/<levels>``, each a part of the one before; a weight
                    counts as many times as coats keep it (Multicoated Supermasks, Okoshi et al., ICML 2022)
    """

    name: str
    shape: tuple[int, ...]
    scale: float
    multiplier: float = 1.0
    binarised: bool = False
    signed: bool = False
    levels: int = 1

    def __post_init__(self) -> None:
        sizes = isinstance(self.shape, tuple) and all(type(n) is int and n >= 0 for n in self.shape)
        if not isinstance(self.name, str) or not self.name or not sizes:
            raise InputError(
                f"declaring a random tensor: name {self.name!r} and shape {self.shape!r} were given; a parameter's "
                "name and a tuple of whole sizes are needed"
            )
        for what in ("scale", "multiplier"):
            value = getattr(self, what)
            if type(value) not in (int, float) or not 2.0**-60 <= value <= 2.0**60:
                raise InputError(
                    f"declaring the random tensor {self.name}: {what} {value!r} was given; a number in 2**-60 .. 2**60 "
                    "is needed (signs belong to the weights or to a signed mask)"
                )
            object.__setattr__(self, what, float(np.float32(value)))
        flags = isinstance(self.binarised, bool) and isinstance(self.signed, bool)
        if not flags or type(self.levels) is not int or not 1 <= self.levels <= MOST_LEVELS:
            raise InputError(
                f"declaring the random tensor {self.name}: binarised {self.binarised!r}, signed {self.signed!r} and "
                f"levels {self.levels!r} were given; two booleans and a number in 1 .. {MOST_LEVELS} are needed"
            )

    @property
    def entry(self) -> list[Any]:
        """What a header holds of it: the fields in order without defaults at the end, numbers in as few digits as
        float32 reads back."""
        scale, multiplier = (float(str(np.float32(x))) for x in (self.scale, self.multiplier))
        entry = [self.name, list(self.shape), scale, multiplier, self.binarised, self.signed, self.levels]
        for default in (1, False, False, 1.0):
            if entry[-1] != default:
                break
            entry.pop()
        return entry

    # -- masks -----------------------------------------------------------------------------------------------------

    @property
    def supersets(self) -> dict[str, str | None]:
        """Every mask of the tensor by name, with the mask that it is a part of."""
        found: dict[str, str | None] = {self.name: None}
        if self.signed:
            found[f"{self.name}/negative"] = self.name
        before = self.name
        for level in range(2, self.levels + 1):
            found[f"{self.name}/{level}"] = before
            before = f"{self.name}/{level}"
        return found

    # -- weights ---------------------------------------------------------------------------------------------------

    def lattice(self, draws: IntArray, law: WeightLaw) -> IntArray:
        """The source's integers: the seed's draws, or their signs at 1."""
        return np.where(draws < 0, -1, 1).astype(np.int32) << law.exponent if self.binarised else draws

    def source_weights(self, lattice: IntArray, law: WeightLaw) -> FloatArray:
        """The source's weights from its integers."""
        return np.asarray(lattice.astype(np.float32) * np.float32(2.0**-law.exponent) * np.float32(self.scale))

    def kept_values(self, lattice: IntArray, law: WeightLaw, masks: Mapping[str, Mask]) -> FloatArray:
        """The ticket's weights: +0.0 where no mask keeps any. Only kept weights are computed."""
        chosen = np.flatnonzero(masks[self.name].unpack())
        k = lattice.reshape(-1)[chosen]
        if self.signed:
            k = np.where(masks[f"{self.name}/negative"].unpack().reshape(-1)[chosen], -k, k)
        weights = self.source_weights(k, law)
        if self.levels > 1:
            coats = np.ones(chosen.size, dtype=np.float32)
            for level in range(2, self.levels + 1):
                coats += masks[f"{self.name}/{level}"].unpack().reshape(-1)[chosen]
            weights = weights * coats
        values = np.zeros(math.prod(self.shape), dtype=np.float32)
        values[chosen] = weights * np.float32(self.multiplier)
        return values.reshape(self.shape)

    def kept_values_plain(self, lattice: IntArray, law: WeightLaw, masks: Mapping[str, Mask]) -> FloatArray:
        """The same over the whole tensor, as the head of the class says it: what verification compares with."""
        values = self.source_weights(lattice, law)
        coats = np.zeros(self.shape, dtype=np.float32)
        for name in (self.name, *(f"{self.name}/{level}" for level in range(2, self.levels + 1))):
            coats = coats + masks[name].unpack().astype(np.float32)
        values = (values * coats) * np.float32(self.multiplier)
        if self.signed:
            values = np.where(masks[f"{self.name}/negative"].unpack(), -values, values)
        return np.where(masks[self.name].unpack(), values, np.float32(0.0))
