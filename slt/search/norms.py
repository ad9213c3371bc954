"""What becomes of normalisation layers: their learnt numbers and running statistics are state, and declared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from slt.errors import InputError
from slt.search.maskable import Fixed


class NormPolicy(ABC):
    """``recalibrated``: how many batches of the training loader, with the final mask, the running statistics are taken
    from anew; 0 keeps those that training left."""

    recalibrated: int = 0

    @abstractmethod
    def trained(self, fixed: Fixed) -> bool:
        """Whether this parameter of a norm is learnt beside the scores; then the ticket carries it."""


@final
@dataclass(frozen=True)
class Running(NormPolicy):
    """Norms have weight 1 and bias 0. Running statistics, where a norm has them, are carried by the ticket as training
    left them (the papers' choice; they depend on the data). Models without norms carry nothing."""

    def trained(self, fixed: Fixed) -> bool:
        return False


@final
@dataclass(frozen=True)
class Recalibrated(NormPolicy):
    """As ``Running``, but the statistics are the averages over ``batches`` batches of the loader under the mask that is
    read off, after each epoch anew: what is validated is what a ticket has."""

    batches: int = 20

    def __post_init__(self) -> None:
        if self.batches < 1:
            raise InputError(f"statistics are taken from at least one batch; {self.batches!r} were asked for")

    @property
    def recalibrated(self) -> int:  # type: ignore[override]
        return self.batches

    def trained(self, fixed: Fixed) -> bool:
        return False


@final
@dataclass(frozen=True)
class TrainedAffine(NormPolicy):
    """Weights and biases of norms are learnt beside the scores ("+BN" of biprop): no longer free of training, and the
    ticket counts them."""

    note: ClassVar[str] = "affine parameters of norms are trained"

    def trained(self, fixed: Fixed) -> bool:
        return fixed.norm
