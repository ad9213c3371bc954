"""Tickets: one fixed random source and a mask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, final

from slt.carried import CarriedTensor
from slt.counted import counted, percent
from slt.domains import Ball, Domain
from slt.errors import InputError, LimitError, MaskError
from slt.mask_coding import log2_binomial
from slt.masks import Mask
from slt.tickets.residuals import Residuals, Unreached
from slt.tickets.source import Carried, Source
from slt.tickets.verification import Verification

if TYPE_CHECKING:
    import torch
    from torch import nn


@final
@dataclass(frozen=True, eq=False)
class Ticket:
    """A strong lottery ticket: weights are the source's where the mask keeps them and +0.0 elsewhere.

    ``mask``      the masks that depend on the target, by name; the others are rebuilt from the architecture
    ``domain``    the inputs that the ticket was made for; None for searched tickets, which know only data
    ``target``    what it was made for; in memory only, never saved
    ``findings``  what the construction reports about the search; in memory only
    ``recorded_digest``  what a file says about the source's random weights
    """

    source_network: Source
    mask: Mapping[str, Mask]
    domain: Domain | None = field(default_factory=Ball)
    target: Any = None
    findings: Any = None
    recorded_digest: str | None = None

    def __post_init__(self) -> None:
        shapes = self.source_network.mask_shapes
        if set(self.mask) != set(shapes):
            raise MaskError(
                f"making a ticket: masks for {sorted(self.mask)} were given, the source needs {sorted(shapes)}"
            )
        for name, shape in shapes.items():
            if self.mask[name].shape != shape:
                raise MaskError(
                    f"making a ticket: the mask {name!r} has shape {self.mask[name].shape}, its source needs {shape}"
                )
        self.source_network.check_masks(self.mask)
        object.__setattr__(self, "mask", MappingProxyType(dict(self.mask)))

    # -- networks --------------------------------------------------------------------------------------------------

    def module(self, dtype: torch.dtype | None = None, device: Any = None, like: nn.Module | None = None) -> nn.Module:
        """The materialised random network times the mask, as a torch module with frozen parameters.

        float32 by default, which holds every weight exactly; pass torch.float64 to measure errors. ``like``: a model of
        the target's architecture, needed for a module tree that was loaded from a file.
        """
        return self._source(like).module(self.kept_weights(dtype, device))

    def kept_weights(self, dtype: torch.dtype | None = None, device: Any = None) -> dict[str, torch.Tensor]:
        """Every random tensor by name, the source's weight where the mask keeps it and +0.0 elsewhere."""
        source = self.source_network
        self._check_memory(dtype)
        return {n: self._tensor(source.kept_values(n, self.mask), dtype, device) for n in source.tensor_shapes}

    def source(self, dtype: torch.dtype | None = None, device: Any = None, like: nn.Module | None = None) -> nn.Module:
        """The random network before pruning, as a torch module of the same architecture."""
        source = self._source(like)
        self._check_memory(dtype)
        return source.module({n: self._tensor(source.source_values(n), dtype, device) for n in source.tensor_shapes})

    def collapsed_module(
        self, dtype: torch.dtype | None = None, device: Any = None, like: nn.Module | None = None
    ) -> nn.Module:
        """What the ticket computes, as a torch module that holds the collapsed matrices in the place of the random
        network: small and fast, the same function up to rounding. InputError where the source's kind has none."""
        import torch

        if dtype not in (None, torch.float32, torch.float64):
            raise InputError(f"a ticket's collapsed module is float32 or float64, {dtype} was given: cast the module")
        module = self._source(like).collapsed_module(self.mask, torch.float32 if dtype is None else dtype)
        return module.to(device)

    def _source(self, like: nn.Module | None) -> Source:
        return self.source_network if like is None else self.source_network.like(like)

    def _check_memory(self, dtype: torch.dtype | None) -> None:
        """Raises LimitError before more is allocated than the machine has."""
        if not hasattr(os, "sysconf"):
            return
        constants = sum(constant.count for constant in self.source_network.constants)
        needed = (self.source_network.weights + constants) * (4 if dtype is None else dtype.itemsize)
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > have:
            raise LimitError(
                f"materialising the random network takes {needed / 2**30:,.1f} GiB for {self.source_network.weights:,} "
                f"weights, this machine has {have / 2**30:,.1f}; use ticket.collapsed(), which needs no such network"
            )

    def _tensor(self, values: Any, dtype: torch.dtype | None, device: Any) -> torch.Tensor:
        import torch

        dtype = torch.float32 if dtype is None else dtype
        if dtype not in (torch.float32, torch.float64):
            raise InputError(f"a ticket's module is float32 or float64, which hold its weights exactly; not {dtype}")
        return torch.from_numpy(values).to(device, dtype)

    def collapsed(self) -> Any:
        """What the ticket computes, from source and mask alone: for a two-layer source the matrices that each block
        computes on positive and on negative inputs, a ``CollapsedNetwork``."""
        return self.source_network.collapsed(self.mask)

    # -- numbers ---------------------------------------------------------------------------------------------------

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        """What was taken from the target besides the mask, by name; ``carried_count`` numbers in all."""
        return self.source_network.carried

    @property
    def carried_count(self) -> int:
        """How many numbers were taken from the target."""
        return self.source_network.carried_count

    @property
    def random_fraction(self) -> float:
        """The share of the ticket's own parameters that are random weights times the mask; the rest is carried."""
        return self.source_network.weights / (self.source_network.weights + self.carried_count)

    @property
    def density(self) -> float:
        """The fraction of all random weights that is kept, target-independent masks included."""
        return self.kept / self.source_network.weights

    @property
    def kept(self) -> int:
        """How many random weights the ticket keeps."""
        return sum(self.source_network.kept(name, self.mask) for name in self.source_network.tensor_shapes)

    @property
    def entropy_bits(self) -> float:
        """Sum over the stored masks of log2 binomial(size, kept), the bound that no encoding beats; for a mask within
        another, such as the negative part of a ternary one, size is what that one keeps."""
        supersets = self.source_network.supersets
        return sum(
            log2_binomial(self.mask[supersets[name]].kept if name in supersets else mask.size, mask.kept)
            for name, mask in self.mask.items()
        )

    @property
    def patch_bits(self) -> int:
        """How many bits a file holds of kept weights that are not the seed's draw at their own place; 0 for most."""
        return 8 * len(self.source_network.encode_patches(self.mask)[1])

    def residuals(self, model: Any = None) -> Residuals:
        """Ticket weight minus target weight for every sum that the domain needs; ``model``: the target, needed again
        for tickets loaded from a file."""
        target = self.target if model is None else self.source_network.target(model)
        if target is None:
            raise InputError("a loaded ticket does not hold its target: pass the model, as in ticket.residuals(model)")
        if self.domain is None:
            raise InputError(
                "the ticket was made for no domain of inputs, so it has no residuals; measure it on data instead"
            )
        return self.source_network.residuals(self.mask, self.domain, target)

    def unreached(self, tolerance: float, model: Any = None) -> list[Unreached]:
        """The weights that are farther than ``tolerance`` from their target, worst first, as ``Unreached`` records;
        their ``entry`` is the index in the target's own tensor."""
        return self.residuals(model).beyond(tolerance)

    # -- files and proofs ------------------------------------------------------------------------------------------

    def verify(self) -> Verification:
        """Regenerates the source and proves that every weight of the module is source where kept and +0.0 elsewhere.

        VerificationError if not; returns a report.
        """
        return Verification.of(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes one file, whole or not at all; ``slt.load`` reads it."""
        from slt.tickets.storage import save

        return save(self, path)

    def __str__(self) -> str:
        source = self.source_network
        patched = f", {source.patched_count:,} of them patched" if source.patched_count else ""
        return (
            f"ticket in {source.kind} source ({source.key}, {source.law.name}): {source.weights:,} random weights, "
            f"{self.kept:,} kept (density {self.density:.4f}){patched}, "
            f"{counted(self.carried_count, 'number')} carried ({percent(1 - self.random_fraction)} of its parameters)"
        )
