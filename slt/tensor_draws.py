"""Random tensors of any shape by key: the weights of networks that are searched as they are.

Weight ``[o, i, *taps]`` has the address (output = index of the tap in C order, coordinate = o, unit = i), so a tensor
holds the first rows and columns of every wider one of the same key. A shape (n,) counts as (1, n) and () as (1, 1).
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.weight_law import Key, WeightLaw

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]


def draw_tensor(law: WeightLaw, key: Key, shape: Shape) -> npt.NDArray[Any]:
    """The random tensor of that shape at ``key``, as lattice integers of the law's own dtype.

    InputError for shapes with negative or non-integer sizes.
    """
    drawn = law.draw(key, _addressed(shape))
    return np.ascontiguousarray(drawn.transpose(1, 2, 0)).reshape(shape)


def draw_tensor_plain(law: WeightLaw, key: Key, shape: Shape, rows: slice) -> npt.NDArray[np.int64]:
    """``draw_tensor(law, key, shape)[rows]`` by the plain generator, an independent witness; ``rows`` has step 1."""
    taps, _, inputs = _addressed(shape)
    start, stop, step = rows.indices(shape[0] if shape else 1)
    if step != 1:
        raise InputError(f"drawing rows of a tensor: {rows} was given, a slice with step 1 is needed")
    count = max(stop - start, 0)
    if len(shape) < 2:
        return law.draw_plain(key, (1, 1, count), (0, 0, start)).reshape((count,) if shape else ())
    drawn = law.draw_plain(key, (taps, count, inputs), (0, start, 0))
    return np.ascontiguousarray(drawn.transpose(1, 2, 0)).reshape((count, *shape[1:]))


def draw_tensor_at(law: WeightLaw, key: Key, shape: Shape, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The weights at some flat indices in C order; draws only the rows that they lie in."""
    tap, output, unit = _addresses(shape, indices)
    _, outputs, inputs = _addressed(shape)
    rows, row = np.unique(tap * outputs + output, return_inverse=True)
    drawn = law.draw_rows(key, rows // max(outputs, 1), rows % max(outputs, 1), inputs)
    return drawn[row, unit]


def draw_tensor_at_plain(law: WeightLaw, key: Key, shape: Shape, indices: npt.NDArray[np.int64]) -> list[int]:
    """The plain twin of ``draw_tensor_at``, one weight at a time."""
    addresses = np.stack(_addresses(shape, indices), axis=1).tolist()
    return [int(law.draw_plain(key, (1, 1, 1), (tap, output, unit)).item()) for tap, output, unit in addresses]


def draw_tensor_torch(law: WeightLaw, key: Key, shape: Shape, device: torch.device | str | None = None) -> torch.Tensor:
    """The same integers as an int64 tensor, computed on ``device`` by affine laws and moved there by others."""
    drawn = law.draw_torch(key, _addressed(shape), device=device)
    return drawn.permute(1, 2, 0).reshape(shape).contiguous()


def _addressed(shape: Shape) -> tuple[int, int, int]:
    """(taps, outputs, inputs) of a shape."""
    try:
        sizes = [operator.index(n) for n in shape]
    except TypeError:
        sizes = [-1]
    if min(sizes, default=0) < 0 or any(isinstance(n, bool) for n in shape):
        raise InputError(f"drawing a random tensor: shape {shape!r} was given; a tuple of integers from 0 on is needed")
    if len(sizes) < 2:
        return 1, 1, math.prod(sizes)
    return math.prod(sizes[2:]), sizes[0], sizes[1]


def _addresses(shape: Shape, indices: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """(tap, output, unit) of flat indices in C order."""
    taps, outputs, inputs = _addressed(shape)
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < taps * outputs * inputs:
        raise InputError(f"drawing weights of a tensor of shape {shape}: some indices lie outside")
    rest, tap = np.divmod(indices, max(taps, 1))
    output, unit = np.divmod(rest, max(inputs, 1))
    return tap, output, unit
