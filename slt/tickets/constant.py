"""Constants: tensors of a network that hold one declared number everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from slt.errors import InputError

if TYPE_CHECKING:
    import torch


@final
@dataclass(frozen=True)
class Constant:
    """A tensor that is ``value`` everywhere: biases at 0, norm weights at 1. It is known from its declaration, so a
    ticket carries nothing for it.

    ``dtype`` is torch's name of it, such as "float32"; floating-point ones take the precision of the module.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    value: float

    def __post_init__(self) -> None:
        sizes = isinstance(self.shape, tuple) and all(type(n) is int and n >= 0 for n in self.shape)
        number = isinstance(self.value, (int, float)) and math.isfinite(self.value)
        if (
            not isinstance(self.name, str)
            or not self.name
            or not sizes
            or not number
            or not isinstance(self.dtype, str)
        ):
            raise InputError(
                f"declaring a constant: {self.name!r} of shape {self.shape!r} and dtype {self.dtype!r} at "
                f"{self.value!r} was given; a name, a tuple of sizes, a dtype's name and a finite number are needed"
            )

    @property
    def count(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)

    def tensor(self) -> torch.Tensor:
        """The values. InputError where the dtype does not hold ``value`` exactly or is none of torch's."""
        import torch

        dtype: Any = getattr(torch, self.dtype, None)
        if not isinstance(dtype, torch.dtype) or dtype.is_complex:
            raise InputError(f"the constant {self.name} has dtype {self.dtype!r}, which is no real dtype of torch")
        try:
            one = torch.tensor(self.value, dtype=dtype).item()
        except (RuntimeError, OverflowError, TypeError) as error:
            raise InputError(f"the constant {self.name}: {self.dtype} does not hold {self.value!r}") from error
        if one != self.value:
            raise InputError(
                f"the constant {self.name}: {self.dtype} does not hold {self.value!r} exactly, only {one!r}"
            )
        return torch.full(self.shape, one, dtype=dtype)
