"""Carried tensors: what a ticket takes from its target as it is, declared by name, size and digest."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

if TYPE_CHECKING:
    import torch

ByteArray = npt.NDArray[np.uint8]


@final
@dataclass(frozen=True, eq=False)
class CarriedTensor:
    """A tensor of the target that is in the ticket unchanged: an embedding, a norm's weights, a buffer.

    ``dtype`` is torch's name of it, such as "float32"; ``data`` its bytes in C order, little-endian. Two are equal
    when name, shape, dtype and bytes are.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: ByteArray

    def __post_init__(self) -> None:
        if self.data.dtype != np.uint8 or self.data.shape != (self.count * _torch_dtype(self.dtype).itemsize,):
            raise InputError(
                f"the carried tensor {self.name} of shape {self.shape} and dtype {self.dtype} does not have "
                f"{self.data.size} bytes of {self.data.dtype}"
            )
        self.data.setflags(write=False)

    @staticmethod
    def of(name: str, tensor: torch.Tensor) -> CarriedTensor:
        """A copy of the tensor's values. InputError for those without plain values (meta, sparse, quantised)."""
        import torch

        if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
            raise InputError(
                f"reading the target: {name} is a meta, sparse or quantised tensor, which has no plain values to carry "
                "over; load its values, or make it dense"
            )
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise InputError(
                f"reading the target: {name} has {int(tensor.isnan().sum())} NaN of {tensor.numel()} values; "
                "finite ones are needed (infinite ones may be masks). Was the training stable?"
            )
        flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().copy() if flat.numel() else np.zeros(0, dtype=np.uint8)
        return CarriedTensor(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), data)

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def digest(self) -> str:
        """SHA-256 over dtype, shape and bytes."""
        header = f"{self.dtype} {','.join(map(str, self.shape))};".encode()
        return hashlib.sha256(header + self.data.tobytes()).hexdigest()

    def tensor(self) -> torch.Tensor:
        """The values as a torch tensor of their own."""
        import torch

        if not self.count:
            return torch.empty(self.shape, dtype=_torch_dtype(self.dtype))
        return torch.from_numpy(self.data.copy()).view(_torch_dtype(self.dtype)).reshape(self.shape)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CarriedTensor)
            and (self.name, self.shape, self.dtype) == (other.name, other.shape, other.dtype)
            and bool(np.array_equal(self.data, other.data))
        )

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"CarriedTensor({self.name!r}, {self.shape}, {self.dtype!r}, digest {self.digest[:16]})"


def _torch_dtype(name: str) -> Any:
    import torch

    dtype = getattr(torch, name, None) if isinstance(name, str) else None
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"{name!r} names no dtype of torch")
    return dtype
