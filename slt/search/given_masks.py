"""Masks that no search learnt, read as a search reads its own: with tickets, scores and verification."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from slt.errors import InputError
from slt.search.budgets import Global
from slt.search.draws import RandomTensors
from slt.search.found import Found
from slt.search.masked_network import MaskedNetwork
from slt.search.method import Method
from slt.search.moment import Moment
from slt.search.objectives import Loss
from slt.search.optimisers import SGD
from slt.search.passes import in_float32
from slt.search.reading import Reading
from slt.search.scales import NoScale, Scale
from slt.search.schedules import Constant
from slt.search.score_maps import Identity
from slt.search.score_starts import ConstantScores
from slt.search.selectors import TopK


def found_of_masks(
    model: nn.Module,
    masks: Mapping[str, torch.Tensor],
    name: str,
    weights: RandomTensors,
    seed: int,
    loss: Loss = nn.functional.cross_entropy,
    scale: Scale = NoScale(),  # noqa: B008  (frozen)
    device: torch.device | str | None = None,
) -> Found:
    """The random network of a search with this ``seed`` and ``weights``, under these masks.

    ``masks``: for every maskable tensor of the model a boolean one of its shape, True where the weight is kept, at
    least one in all. ``name`` says where they come from. InputError for others.
    """
    kept = sum(int(mask.sum()) for mask in masks.values())
    total = sum(mask.numel() for mask in masks.values())
    if not kept:
        raise InputError(f"reading masks of {name}: they keep nothing; a network without weights is no ticket")
    method = Method(
        name,
        TopK(Constant(kept / total), Global()),
        weights=weights,
        starts=ConstantScores(0.0),
        map=Identity(),
        scale=scale,
        optimiser=SGD(rate=0.0, momentum=0.0, decay=0.0),
    )
    with in_float32():
        network = MaskedNetwork(model, method, seed, device)
        shapes = {layer.name: layer.role.shape for layer in network.layers}
        given = {n: tuple(mask.shape) for n, mask in masks.items()}
        if given != shapes or any(mask.dtype != torch.bool for mask in masks.values()):
            raise InputError(
                f"reading masks of {name}: boolean masks of shapes {shapes} are needed; {given} were given"
            )
        with torch.no_grad():
            for layer in network.layers:
                layer.scores.copy_(masks[layer.name])
        hard, scales = network.hard_masks(Moment(0, 1, 1))
        reading = Reading.of(network, hard, scales, network.hard_weights(hard, scales), network.buffers)
    return Found(method, seed, (), reading, None, None, network, loss)
