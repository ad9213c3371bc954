"""What one score decides over: a weight, a row, a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch

from slt.errors import InputError


class Granularity(ABC):
    """Groups of weights that are kept or removed together."""

    @abstractmethod
    def groups(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the scores of a tensor of this shape."""

    @abstractmethod
    def expand(self, grouped: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """One value a weight from one value a group; differentiable."""

    @abstractmethod
    def reduce(self, values: torch.Tensor) -> torch.Tensor:
        """One value a group from one value a weight: the sum."""


@final
@dataclass(frozen=True)
class Weights(Granularity):
    """Each weight by itself."""

    def groups(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def expand(self, grouped: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        return grouped

    def reduce(self, values: torch.Tensor) -> torch.Tensor:
        return values


@final
@dataclass(frozen=True)
class Rows(Granularity):
    """All weights of one output (or of one token of an embedding) together."""

    def groups(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0],)

    def expand(self, grouped: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        return grouped.reshape(shape[0], *(1,) * (len(shape) - 1)).expand(shape)

    def reduce(self, values: torch.Tensor) -> torch.Tensor:
        return values.flatten(1).sum(1)


@final
@dataclass(frozen=True)
class Blocks(Granularity):
    """Blocks of ``rows`` x ``columns`` in the first two dimensions, together with all taps; the last blocks of a
    tensor may be smaller."""

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise InputError(f"blocks have at least one row and column; {self.rows} x {self.columns} were given")

    def groups(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return -(-shape[0] // self.rows), -(-shape[1] // self.columns)

    def expand(self, grouped: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        wide = grouped.repeat_interleave(self.rows, 0)[: shape[0]].repeat_interleave(self.columns, 1)[:, : shape[1]]
        return wide.reshape(*shape[:2], *(1,) * (len(shape) - 2)).expand(shape)

    def reduce(self, values: torch.Tensor) -> torch.Tensor:
        flat = values.reshape(*values.shape[:2], -1).sum(2)
        rows, columns = self.groups(tuple(flat.shape))
        padded = flat.new_zeros(rows * self.rows, columns * self.columns)
        padded[: flat.shape[0], : flat.shape[1]] = flat
        return padded.reshape(rows, self.rows, columns, self.columns).sum((1, 3))
