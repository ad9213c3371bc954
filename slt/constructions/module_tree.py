"""Any module tree, layer by layer: every linear map from two random layers, everything else left in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from slt.constructions.construction import Construction, Request
from slt.constructions.part_masks import part_mask
from slt.constructions.splits import SignOptimal, Split, split_of
from slt.constructions.sums import Tally, check_items, scale_of
from slt.domains import Ball
from slt.errors import InputError, LimitError
from slt.laws import LayerSums, needed_width_quantile
from slt.masks import Mask
from slt.tickets import Ticket, TreeSource
from slt.tickets.branches import Wanted
from slt.tickets.tree_source import Unit
from slt.tree_target import FloatArray, LinearParameter, TreeTarget
from slt.weights import Uniform


@final
@dataclass(frozen=True)
class ModuleTree(Construction):
    """The two random layers of ``TwoLayerSum`` in the place of every ``nn.Linear`` of a tree of modules, and of the
    four linear maps of every ``nn.MultiheadAttention``. Embeddings, norms, convolutions, activations and all other code
    stay as they are: their tensors are carried, and counted.

    Inside a tree nothing is known of the inputs of a linear map, not even behind a ReLU, as code may call its modules
    in any order: each weight is two subset sums, on positive and on negative inputs. Tied linear maps are approximated
    once. A Linear tied to an embedding is approximated, the embedding carried: the tie is not kept.

    The source is drawn, summed and masked one parameter at a time, and masks are packed to bits: memory holds the
    random weights of a few rows. ``ticket.collapsed_module()`` computes what ``ticket.module()`` does without holding
    the random network. Each weight's error is as ``slt.laws.networks`` says; of the tree's outputs nothing is proved.
    """

    theorem: ClassVar[str] = "Pensia et al. 2020, theorem 1, for each linear map"
    depth: ClassVar[str] = "2L"
    law: ClassVar[str] = "slt.laws.networks"
    status: ClassVar[str] = "sums exact, network measured only"

    split: Split | str = field(default_factory=SignOptimal)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", split_of(self.split))

    def read(self, model: Any) -> TreeTarget:
        return TreeTarget.of(model)

    def lay_out(self, request: Request) -> TreeSource:
        """The source network for a target: its architecture, weight law and key, and what is carried."""
        target = request.target
        return TreeSource(
            key=request.key,
            law=request.law,
            width=request.width,
            units=tuple(
                Unit(
                    p.name,
                    len(p.values),
                    p.values.shape[1],
                    p.constant,
                    scale_of(p.name, float(np.abs(p.values).max())),
                )
                for p in target.parameters
            ),
            places=target.places,
            attentions=target.attentions,
            outline=target.outline,
            modules=target.modules,
            tensors=target.carried,
            skeleton=target.skeleton,
        )

    def find(self, request: Request) -> Ticket:
        if not isinstance(request.domain, Ball):
            raise InputError(
                "find_ticket: a module tree has no domain of inputs, its linear maps are served on both signs; "
                f"{request.domain!r} was given. Leave inputs out"
            )
        assert isinstance(self.split, Split)
        check_items(request)
        source = self.lay_out(request)
        target: TreeTarget = request.target
        tally = Tally(sum(p.values.size * (1 + p.negative) for p in target.parameters), request)
        masks = {}
        for unit, parameter in zip(source.units, target.parameters, strict=True):
            random, part = source.part(unit)
            mask = part_mask(random, part, _wanted(parameter), self.split, tally, unit.name)
            masks[unit.name] = Mask.of(mask)  # packed before the next one is drawn
        return Ticket(source, masks, request.domain, target, tally.findings())

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        assert isinstance(self.split, Split)
        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        largest = 0
        # coordinates of as many outputs count alike, whichever parameter they belong to
        alike: dict[tuple[int, bool], list[FloatArray]] = {}
        for parameter in request.target.parameters:
            scale = scale_of(parameter.name, float(np.abs(parameter.values).max()))
            largest = max(largest, scale)
            group = alike.setdefault((len(parameter.values), parameter.negative), [])
            group.append(parameter.matrix / 2.0**scale)
        sums = [LayerSums(np.concatenate(g, axis=1), 1 + negative) for (_, negative), g in alike.items()]
        try:
            return needed_width_quantile(0.5, tolerance / 2.0**largest, sums, self.split.law)
        except LimitError:
            return None


def _wanted(parameter: LinearParameter) -> Wanted:
    coordinates = parameter.values.shape[1]
    return Wanted(
        parameter.matrix, np.ones(coordinates, dtype=np.bool_), np.full(coordinates, parameter.negative, dtype=np.bool_)
    )
