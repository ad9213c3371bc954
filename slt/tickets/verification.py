"""Verification: the invariant, checked bit by bit on the module that a ticket hands out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from slt.carried import CarriedTensor
from slt.counted import counted
from slt.errors import VerificationError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from slt.tickets.source import Source
    from slt.tickets.ticket import Ticket


def source_digest(source: Source) -> str:
    """SHA-256 over every random weight, as little-endian int32 lattice integers, in the order of the tensors."""
    digest = hashlib.sha256()
    for name in source.tensor_shapes:
        _add(digest, name, source.draw(name))
    return digest.hexdigest()


def _add(digest: Any, name: str, weights: Any) -> None:
    digest.update(f"{name} {weights.shape};".encode())
    digest.update(np.ascontiguousarray(weights, dtype="<i4").data)


def _numbers(module: nn.Module) -> dict[str, torch.Tensor]:
    """Every tensor that the module holds, each once: parameters, buffers whether saved or not, and plain attributes."""
    import torch

    found = {n: p.detach() for n, p in module.named_parameters()} | dict(module.named_buffers())
    for path, child in module.named_modules():
        for name, value in vars(child).items():
            if isinstance(value, torch.Tensor):
                found[f"{path}.{name}" if path else name] = value.detach()
    return found


def _in_precision_of(found: torch.Tensor, declared: torch.Tensor) -> torch.Tensor:
    """Floating-point numbers in the module's precision, as its random weights are."""
    return declared.to(found.dtype) if declared.is_floating_point() or declared.is_complex() else declared


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return CarriedTensor.of("", a) == CarriedTensor.of("", b)


@final
@dataclass(frozen=True)
class Verification:
    """What ``Ticket.verify`` proved."""

    weights: int
    kept: int
    carried: int
    source_digest: str
    patched: int = 0
    kept_as: str = "the source's where kept and +0.0 elsewhere"

    @staticmethod
    def of(ticket: Ticket) -> Verification:
        source = ticket.source_network
        module = source.holder(ticket.kept_weights())
        state = _numbers(module)
        carried = {c.name: c for c in source.carried}
        constants = {c.name: c for c in source.constants}
        declared_names = set(source.tensor_shapes) | set(carried) | set(constants)
        undeclared, missing = set(state) - declared_names, declared_names - set(state)
        if undeclared or missing:
            raise VerificationError(
                f"verifying a ticket: its module holds {sorted(undeclared)} undeclared and lacks {sorted(missing)}"
            )
        for name, constant in constants.items():
            if not _same_bits(_in_precision_of(state[name], constant.tensor()), state[name]):
                raise VerificationError(f"verifying a ticket: {name} is not {constant.value} everywhere, as declared")
        for name, declared in carried.items():
            if isinstance(declared, CarriedTensor):
                if not _same_bits(_in_precision_of(state[name], declared.tensor()), state[name]):
                    raise VerificationError(f"verifying a ticket: {name} is not the tensor that is declared as carried")
            elif float(state[name]) != declared.value:
                raise VerificationError(f"verifying a ticket: {name} is {state[name]}, declared is {declared.value}")
        trainable = [name for name, p in module.named_parameters() if p.requires_grad]
        if trainable:
            raise VerificationError(f"verifying a ticket: {trainable} are not frozen")
        digest, kept = hashlib.sha256(), 0
        for name, shape in source.tensor_shapes.items():
            weights = source.draw(name)
            if weights.shape != shape:
                raise VerificationError(f"verifying a ticket: {name} was drawn with shape {weights.shape}, not {shape}")
            if not source.agrees(name, weights):
                raise VerificationError(
                    f"verifying a ticket: the compiled and the plain generator disagree on {name}; the compiled code "
                    "may be stale: delete the __pycache__ folders of slt"
                )
            _add(digest, name, weights)
            mask = source.dense_mask(name, ticket.mask)
            kept += int(np.count_nonzero(mask))
            expected = source.expected(name, ticket.mask, weights)
            # as bits: -0.0 and NaN must not pass for +0.0
            found = state[name].numpy()
            if found.dtype != expected.dtype or found.shape != expected.shape:
                raise VerificationError(
                    f"verifying a ticket: {name} is {found.dtype} of shape {found.shape}, not float32 of {shape}"
                )
            if not np.array_equal(found.view(np.int32), expected.view(np.int32)):
                wrong = int(np.count_nonzero(found.view(np.int32) != expected.view(np.int32)))
                raise VerificationError(
                    f"verifying a ticket: {wrong} of {expected.size} weights of {name} are not source times mask"
                )
        recorded = ticket.recorded_digest
        if recorded is not None and recorded != digest.hexdigest():
            raise VerificationError(
                f"verifying a ticket: the regenerated source has digest {digest.hexdigest()[:16]}..., the file says "
                f"{recorded[:16]}...; this platform draws other numbers than the one that made the "
                f"ticket, or the law {source.law.name} is another class than it was"
            )
        return Verification(
            source.weights, kept, ticket.carried_count, digest.hexdigest(), source.patched_count, source.kept_as
        )

    def __str__(self) -> str:
        patched = f", {self.patched:,} of them as a declared patch says" if self.patched else ""
        return (
            f"verified: {self.weights:,} random weights regenerated from the key, {self.kept:,} kept{patched}; every "
            f"weight of the module is {self.kept_as}, bit for bit; {counted(self.carried, 'number')} carried; source "
            f"{self.source_digest[:16]}"
        )
