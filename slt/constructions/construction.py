"""Constructions: a theorem as code, from a target to a ticket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from slt.domains import Ball, Domain
from slt.errors import InputError, UnreachedError, UnsupportedModuleError
from slt.tickets import Ticket
from slt.weights import Key, Uniform, WeightLaw

Progress = Callable[[int, int], None]  # (sums done, sums in all)


@final
@dataclass(frozen=True)
class Request:
    """What is asked of a construction; ``find_ticket`` explains the fields. ``target`` is what ``Construction.read``
    returns; its ``token_sizes`` are the dimensions that the domain has to fit."""

    target: Any
    width: int
    key: Key
    law: WeightLaw
    domain: Domain
    tolerance: float | None
    max_items: int
    progress: Progress | None = None

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("max_items", self.max_items)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise InputError(f"find_ticket: {name} must be a whole number >= 1; {value!r} was given")
        _check_tolerance("tolerance", self.tolerance)
        if not isinstance(self.law, WeightLaw):
            called = f"an object, {self.law.__name__}(...)" if isinstance(self.law, type) else "such as Uniform()"
            raise InputError(f"find_ticket: law must be a weight law, {called}; {self.law!r} was given")
        for size in self.target.token_sizes:
            self.domain.bounds(size)  # a box of another dimension is refused here


@final
@dataclass(frozen=True)
class Findings:
    """What a construction reports about its search; times are not part of it.

    ``sums``          subset sums solved
    ``missed``        of those, how many are beyond the tolerance; None without a tolerance
    ``needed_width``  the smallest width at which this seed misses none, if that is at most the width tried; else None,
                      also where a sum took more than 44 units, whose search is not exhaustive, where the selection says
                      nothing of fewer units (a greedy, fixed sizes), and in sources with locked weights
    ``kept``          items taken over all sums
    """

    sums: int
    missed: int | None
    needed_width: int | None
    kept: int


def _remedy(tolerance: float | None, max_items: int, width: int, told: str, require: float) -> str:
    wider = f"Raise width (now {width}{told}) or require"
    if tolerance is not None:
        return wider
    return f"Give tolerance={require}: without one each sum takes {max_items} units and no more (max_items). {wider}"


def _check_tolerance(name: str, value: float | None) -> None:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if value is not None and not (number and np.isfinite(value) and value >= 0):
        raise InputError(f"find_ticket: {name} must be a finite number >= 0, or None; {value!r} was given")


class Construction(ABC):
    """One proof idea.

    ``theorem``  its source
    ``depth``    random layers for a target of L layers, such as "2L" or "L + 1"
    ``law``      the function of ``slt.laws`` that predicts its error
    ``status``   what is shown of a ticket here, such as "sums exact, network certified"
    """

    theorem: ClassVar[str]
    depth: ClassVar[str]
    law: ClassVar[str]
    status: ClassVar[str]

    @abstractmethod
    def read(self, model: Any) -> Any:
        """A model as this construction's kind of target; that kind passes through. Raises InputError and
        UnsupportedModuleError."""

    @abstractmethod
    def find(self, request: Request) -> Ticket:
        """The ticket; weights beyond the tolerance are at their best, and counted in ``ticket.findings``."""

    def weight_law(self) -> WeightLaw:
        """The distribution of the random weights where the caller names none."""
        return Uniform()

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        """A width that is likely to reach every sum of the target within the tolerance, all units used, by the laws of
        ``slt.laws``: an estimate, no promise. None where they say nothing."""
        return None


def default_construction(model: Any) -> Construction:
    """The construction for a model, by its type: ``Attention`` for ``nn.MultiheadAttention`` and AttentionTarget,
    ``Rotary`` for slt's RotaryAttention and RotaryTarget, ``Transformer`` for its PlainTransformer and
    TransformerTarget, ``TwoLayerSum`` for chains of linear layers and ReLUs, ``Convolution`` for GraphTarget and torch
    modules with convolutions that read as one, ``ModuleTree`` for all other torch modules."""
    from slt.attention_target import AttentionTarget
    from slt.constructions.two_layer_sum import TwoLayerSum
    from slt.graph_target import GraphTarget
    from slt.rotary_target import RotaryTarget
    from slt.transformer_target import TransformerTarget
    from slt.tree_target import TreeTarget

    # by name, so that a target made of arrays does not load torch
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__}
    if isinstance(model, AttentionTarget) or "torch.nn.modules.activation.MultiheadAttention" in kinds:
        from slt.constructions.attention import Attention

        return Attention()
    if isinstance(model, RotaryTarget) or "slt.rotary_model.RotaryAttention" in kinds:
        from slt.constructions.rotary import Rotary

        return Rotary()
    if isinstance(model, TransformerTarget) or "slt.transformer_model.PlainTransformer" in kinds:
        from slt.constructions.transformer import Transformer

        return Transformer()
    if isinstance(model, GraphTarget) or ("torch.nn.modules.module.Module" in kinds and _a_convolutional_graph(model)):
        from slt.constructions.convolution import Convolution

        return Convolution()
    if isinstance(model, TreeTarget) or ("torch.nn.modules.module.Module" in kinds and not _a_chain(model)):
        from slt.constructions.module_tree import ModuleTree

        return ModuleTree()
    return TwoLayerSum()


def _a_convolutional_graph(model: Any) -> bool:
    """Does it have convolutions, and read as a ``GraphTarget``?"""
    from torch import nn

    from slt.graph_target import GraphTarget

    if not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        return False
    try:
        GraphTarget.of(model)
    except UnsupportedModuleError:
        return False
    except InputError:
        pass  # bad numbers: reading it again says so
    return True


def _a_chain(model: Any) -> bool:
    """Does it read as a ``Target``, a chain of linear layers and ReLUs?"""
    from slt.chain_target import read_chain

    try:
        # inputs may be sequences: what is sure of flat ones only is for a construction that was asked for
        read_chain(model, flat=False)
    except UnsupportedModuleError:
        return False
    except InputError:
        pass  # a chain with bad numbers: reading it again says so
    return True


def find_ticket(
    model: Any,
    width: int = 24,
    seed: int | Key = 0,
    inputs: Domain | None = None,
    tolerance: float | None = None,
    max_items: int = 24,
    construction: Construction | None = None,
    require: float | None = None,
    law: WeightLaw | None = None,
    progress: Progress | None = None,
) -> Ticket:
    """Prunes one fixed random network until it matches ``model``; nothing is trained and nothing is re-drawn.

    model         the target: a torch Sequential of Linear, ReLU, Flatten, Dropout, Identity, another module whose
                  forward is such a chain, or a ``Target``; a torch MultiheadAttention or an ``AttentionTarget``; a
                  ``RotaryTarget``; a ``TransformerTarget`` of blocks without norms; a network of convolutions, pools
                  and skip connections, or a ``GraphTarget``; any other torch module, each of its Linears apart
    width         random hidden units for each input coordinate of a layer, each structured coordinate of attention
    seed          addresses the random network: an integer or a ``Key``
    inputs        the domain that counts, ``Ball(1.0)`` by default, of each token where inputs are sequences; it alone
                  decides which layers need both signs
    tolerance     None: each weight at the exact optimum over the first ``max_items`` usable random units. A number:
                  all usable units, stopping at the shortest prefix with a sum within it; best found otherwise
    construction  any of ``slt.constructions.CONSTRUCTIONS``; by default the one for the type of the model, such as
                  ``TwoLayerSum()`` for chains, ``Attention()``, ``Transformer()``, ``ModuleTree()``
    require       raise UnreachedError if any weight is farther than this from its target
    law           distribution of the random weights, by default the construction's, ``Uniform()`` for most
    progress      called with (sums done, sums in all)

    A weight that cannot be reached is returned at its best and listed by ``ticket.unreached(tolerance)``.

    Raises InputError, UnsupportedModuleError (a module named by its path), AssumptionError (a target outside the
    construction's theorem, with the construction that would do), NoUsableItemError (a coordinate that no random unit
    serves), UnreachedError (only with ``require``).
    """
    construction = default_construction(model) if construction is None else construction
    domain = Ball(1.0) if inputs is None else inputs
    if not isinstance(domain, Domain):
        raise InputError(f"find_ticket: inputs must be a domain, Ball(radius) or Box(low, high); {inputs!r} was given")
    if not isinstance(construction, Construction):
        raise InputError(
            f"find_ticket: construction must be an object such as TwoLayerSum(); {construction!r} was given"
        )
    _check_tolerance("require", require)
    target = construction.read(model)
    key = seed if isinstance(seed, Key) else Key(seed)
    drawn = construction.weight_law() if law is None else law
    request = Request(target, width, key, drawn, domain, tolerance, max_items, progress)
    ticket = construction.find(request)
    if require is not None:
        beyond = ticket.unreached(require)
        if beyond:
            worst = beyond[0]
            enough = construction.enough_width(request, require)
            told = "" if enough is None else f"; about {enough} should reach all of them with tolerance={require}"
            if enough is None and not isinstance(drawn, Uniform):
                told = f"; slt.laws estimates widths for Uniform() alone, not for {drawn.name}"
            place = ", ".join(map(str, worst.entry or worst.index))
            raise UnreachedError(
                f"find_ticket: {len(beyond)} of {ticket.residuals().sums} sums are farther than {require} from their "
                f"target; worst is {worst.part}[{place}] = {worst.wanted:.6g}, reached as {worst.got:.6g}. "
                f"{_remedy(tolerance, max_items, width, told, require)}, or leave require out and see ticket.unreached"
            )
    return ticket
