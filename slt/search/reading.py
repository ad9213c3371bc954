"""A mask read off a running search, with all that its ticket needs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch

from slt.carried import CarriedTensor
from slt.masks import Mask
from slt.search.layer import Layer
from slt.search.masked_network import MaskedNetwork
from slt.tensor_draws import draw_tensor
from slt.tickets.constant import Constant
from slt.tickets.patches import Patch, cheapest, patches_of
from slt.tickets.search_module import ties_of
from slt.tickets.search_source import SearchSource
from slt.tickets.search_tensor import SearchTensor
from slt.tickets.ticket import Ticket
from slt.tree_checks import outline
from slt.weights import Key

Tensors = dict[str, torch.Tensor]


@final
@dataclass(frozen=True, eq=False)
class Reading:
    """``masks``: one value a weight, int8. ``scales``: 0-dim float32 each. ``origins``, ``events``: of layers whose
    weights changed. ``buffers``, ``trained``: norm state. ``digest``: SHA-256 of the weights that were evaluated."""

    masks: Tensors
    scales: Tensors
    origins: Tensors
    events: Tensors
    buffers: Tensors
    trained: Tensors
    digest: str

    @staticmethod
    def of(
        network: MaskedNetwork,
        masks: Sequence[torch.Tensor],
        scales: Sequence[torch.Tensor],
        weights: Tensors,
        buffers: Tensors,
    ) -> Reading:
        """What a network's ``hard_masks`` and ``hard_weights`` are now; later steps change nothing in it."""
        names = [layer.name for layer in network.layers]
        changed = {
            part: {x.name: getattr(x, part).cpu().clone() for x in network.layers if getattr(x, part) is not None}
            for part in ("origins", "events")
        }
        return Reading(
            {n: m.to(torch.int8).cpu() for n, m in zip(names, masks, strict=True)},
            {n: s.cpu() for n, s in zip(names, scales, strict=True)},
            changed["origins"],
            changed["events"],
            {n: b.cpu().clone() for n, b in buffers.items()},
            {n: t.detach().cpu().clone() for n, t in network.fixed.items() if t.requires_grad},
            weights_digest(weights),
        )

    @property
    def density(self) -> float:
        """The fraction of all weights kept."""
        return sum(int(m.count_nonzero()) for m in self.masks.values()) / sum(m.numel() for m in self.masks.values())

    @property
    def densities(self) -> dict[str, float]:
        """The same by layer."""
        return {n: int(m.count_nonzero()) / m.numel() for n, m in self.masks.items()}

    def tensors(self) -> Tensors:
        """All of it by name, for checkpoints."""
        parts = ("masks", "scales", "origins", "events", "buffers", "trained")
        return {f"{part}/{name}": tensor for part in parts for name, tensor in getattr(self, part).items()}

    @staticmethod
    def from_tensors(tensors: Tensors, digest: str) -> Reading:
        """The inverse of ``tensors``."""
        parts: dict[str, Tensors] = {
            part: {} for part in ("masks", "scales", "origins", "events", "buffers", "trained")
        }
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        return Reading(**parts, digest=digest)

    def ticket(self, network: MaskedNetwork) -> Ticket:
        """The ticket: source, masks, declared scales, event patches and norm state."""
        method, law = network.method, network.method.weights.law
        selector = method.selector
        tensors, masks, patches = [], {}, []
        for layer in network.layers:
            mask = self.masks[layer.name].numpy()
            tensors.append(
                SearchTensor(
                    layer.name,
                    layer.role.shape,
                    1.0 if method.active.binarised else method.weights.factor(layer.role),
                    float(self.scales[layer.name]),
                    binarised=method.active.binarised,
                    signed=selector.signed,
                    levels=selector.levels,
                )
            )
            masks[layer.name] = Mask.of(mask != 0)
            if selector.signed:
                masks[f"{layer.name}/negative"] = Mask.of(mask < 0)
            for level in range(2, selector.levels + 1):
                masks[f"{layer.name}/{level}"] = Mask.of(mask >= level)
            patches += self._patches(layer, masks[layer.name], network)
        # in the network's order: a checkpoint has one of its own
        state = [(n, self.buffers[n]) for n in network.buffers]
        state += [(n, self.trained[n]) for n in network.fixed if n in self.trained]
        source = SearchSource(
            key=network.key,
            law=law,
            tensors=tuple(tensors),
            constants=tuple(
                Constant(f.name, f.shape, "float32", f.value) for f in network.roles.fixed if f.name not in self.trained
            ),
            state=tuple(CarriedTensor.of(n, t) for n, t in state),
            ties=ties_of(network.architecture),
            outline=outline(network.architecture),
            method=repr(method),
            patches=tuple(patches),
            skeleton=network.architecture,
        )
        return Ticket(source, masks, domain=None)

    def _patches(self, layer: Layer, mask: Mask, network: MaskedNetwork) -> list[Patch]:
        name = layer.name
        law, key, shape = network.method.weights.law, network.key, layer.role.shape

        def drawn(key: Key) -> npt.NDArray[np.int64]:
            lattice = draw_tensor(law, key / name, shape).reshape(-1)
            # a binarised source has no sizes to tell apart
            return np.sign(lattice) if network.method.active.binarised else lattice

        patches: list[Patch] = patches_of(
            name,
            mask,
            self.origins[name].numpy() if name in self.origins else None,
            self.events[name].numpy() if name in self.events else None,
        )
        planted = network.method.weights.planted_in(name)
        if planted is not None:
            patches = [planted]
        if not patches:
            return []
        draws = drawn(key / "weights")
        shortest = [cheapest(patch, mask, draws, lambda r, at: drawn(key / "events" / str(r))[at]) for patch in patches]
        return [patch for patch in shortest if patch is not None]


def weights_digest(weights: Tensors) -> str:
    """SHA-256 over names, shapes and bits of float32 tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)};".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype="<f4").data)
    return digest.hexdigest()
