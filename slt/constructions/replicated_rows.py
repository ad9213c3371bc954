"""L + 1 random layers for a target of L: every hidden neuron is built many times, and the next layer chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.activation_target import ActivationTarget
from slt.activations import Activation, ReLU
from slt.constructions.assumptions import no_chain
from slt.constructions.construction import Construction, Request
from slt.constructions.row_sums import RowTally
from slt.constructions.sums import BATCH, NEAREST_SUM, scale_of
from slt.domains import Domain
from slt.errors import InputError, LimitError, NoUsableItemError, UnsupportedModuleError
from slt.laws import LayerSums
from slt.laws.replicated_rows import needed_copies
from slt.masks import Mask
from slt.targets import Target
from slt.tickets import Ticket
from slt.tickets.random_graph import RandomGraph
from slt.tickets.replicated_layout import ReplicatedLayer, ReplicatedPart
from slt.tickets.replicated_source import ReplicatedSource
from slt.tickets.replicated_sums import constant_usable, items_of, offsets, signs, wanted_rows
from slt.tickets.residuals import on_lattice
from slt.weights import Uniform

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class ReplicatedRows(Construction):
    """Burkholz, "Most activation functions can win the lottery without excessive depth" (NeurIPS 2022): L + 1 random
    layers for a target of L. The theorem is recalled, its constants are unverified.

    ``width`` is the number of copies of each hidden neuron. The first two random layers make the target's first layer,
    as ``TwoLayerSum`` does, ``width`` times over, from ``first_factor * width`` units a coordinate. Every later layer
    sees ``width`` copies of each input and takes the subset of single random weights nearest to w_ij, once for each of
    its own copies. Parameters that layers share are approximated apart. Biases come from constant units, which keep a
    random bias alone. Where a layer has |w| > 1 its targets are divided by a power of two, which the ticket carries.

    activation    of the target and of the source, an object of ``slt.activations``: ``ReLU()``, ``LeakyReLU(slope)``,
                  ``Tanh(scale)``, ``Sigmoid(scale)``, ``GELU(scale)``. Only the first block depends on it: it needs the
                  identity of the activation, which all but the first two have up to a floor
                  (``slt.laws.error_floors``)
    density       below 1: each random weight is there with this probability only, a function of the key (Gadhikar,
                  Mukherjee, Burkholz 2023)
    first_factor  units of the first block for each coordinate and copy; by default 2 where an activation bends at 0, so
                  that about ``width`` serve each sign, else 1

    ``Findings.needed_width`` is None where sums depend on each other: leaky ReLUs and sigmoids.

    Error: one bit a copy in later layers (P14), down to the weights' lattice: half of 2**-23. First block: two-layer
    sums. Residuals list every copy's sums. Certified for ReLU, sampled for all.
    """

    theorem: ClassVar[str] = "Burkholz 2022 (Most activation functions..., NeurIPS 2022)"
    depth: ClassVar[str] = "L + 1"
    law: ClassVar[str] = "slt.laws.replicated_rows"
    status: ClassVar[str] = "sums exact, network certified (ReLU)"

    activation: Activation = field(default_factory=ReLU)
    density: float = 1.0
    first_factor: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.activation, Activation):
            raise InputError(
                f"ReplicatedRows: activation must be an object such as Tanh(); {self.activation!r} was given"
            )
        object.__setattr__(self, "density", RandomGraph(self.density).density)
        factor = (2 if self.activation.bends else 1) if self.first_factor is None else self.first_factor
        if isinstance(factor, bool) or not isinstance(factor, (int, np.integer)) or not 1 <= factor <= 64:
            raise InputError(f"ReplicatedRows: first_factor must be a whole number in 1 .. 64; {factor!r} was given")
        object.__setattr__(self, "first_factor", int(factor))

    @property
    def _factor(self) -> int:
        assert self.first_factor is not None
        return self.first_factor

    def read(self, model: Any) -> Target | ActivationTarget:
        try:
            found = ActivationTarget.of(model, self.activation)
        except UnsupportedModuleError as error:
            raise no_chain(model, "ReplicatedRows", error, self.activation.torch_name) from error
        return found.chain if isinstance(self.activation, ReLU) else found

    def lay_out(self, request: Request) -> ReplicatedSource:
        """The source network for a target: its architecture, weight law and key."""
        target = chain_of(request.target)
        layers = []
        for layer in target.layers:
            largest = max(float(np.abs(a).max()) for a in (layer.weight, layer.bias) if a is not None)
            scale = scale_of(layer.name, largest)
            layers.append(ReplicatedLayer(layer.inputs, layer.outputs, layer.bias is not None, layer.relu, scale))
        return ReplicatedSource(
            key=request.key,
            law=request.law,
            width=request.width,
            first_units=self._factor * request.width,
            layers=tuple(layers),
            activation=self.activation,
            input_relu=target.input_relu,
            flatten=target.flatten,
            graph=None if self.density == 1.0 else RandomGraph(self.density),
        )

    def find(self, request: Request) -> Ticket:
        NEAREST_SUM.check(request.tolerance, request.max_items)
        source, target = self.lay_out(request), chain_of(request.target)
        above, below = signs(request.domain, target)
        total = sum(part.rows * part.coordinates for part in source.parts.values())
        first = source.parts_of(0)[0]
        if source.activation.bends:
            total += first.rows * (int(above.sum()) + int(below.sum()) - first.coordinates)
        tally = RowTally(total, request)
        masks: dict[str, Mask] = {}
        for name, part in source.parts.items():
            if part.constant:
                kept = self._bias_mask(source, part, target, tally, masks)
            elif part.layer == 0:
                kept = self._first_mask(source, part, target, request.domain, tally)
            else:
                everywhere = np.ones(part.coordinates, dtype=np.bool_)
                kept = _solved(source, part, target, tally, [(np.ones(part.units, dtype=np.bool_), everywhere, 1.0)])
            masks[name] = Mask.of(kept)
        coupled = bool(source.activation.offset or source.activation.slope)
        ticket = Ticket(source, masks, request.domain, request.target, tally.findings(not coupled))
        if not source.activation.slope or request.tolerance is None:
            return ticket
        # a weight is P + a N or N + a P: within the tolerance if both are within their share, and sometimes else
        missed = len(ticket.unreached(request.tolerance))
        return replace(ticket, findings=replace(ticket.findings, missed=missed))

    def law_layers(self, target: Target, domain: Domain) -> list[LayerSums]:
        """The sums that a target poses on a domain, for ``slt.laws.replicated_rows``; divided by the scales that the
        construction would declare."""
        above, below = signs(domain, target)
        layers = []
        for i, layer in enumerate(target.layers):
            largest = max(float(np.abs(a).max()) for a in (layer.weight, layer.bias) if a is not None)
            factor = 2.0 ** -scale_of(layer.name, largest)
            branches = 2 if i == 0 and above.any() and below.any() else 1
            bias = None if layer.bias is None else layer.bias * factor
            layers.append(LayerSums(layer.weight * factor, branches, bias))
        return layers

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        known = isinstance(self.activation, ReLU) and isinstance(request.law, Uniform) and tolerance > 0
        if not known:
            return None
        target = chain_of(request.target)
        # the smallest resolution of any layer for all of them
        scale = max(layer.scale for layer in self.lay_out(request).layers)
        layers = self.law_layers(target, request.domain)
        try:
            return needed_copies(0.5, tolerance / 2.0**scale, layers, density=self.density, units_a_copy=self._factor)
        except LimitError:
            return None

    def _first_mask(
        self, source: ReplicatedSource, part: ReplicatedPart, target: Target, domain: Domain, tally: RowTally
    ) -> BoolArray:
        """One sum for each sign where the activation bends at 0, else one for both."""
        above, below = signs(domain, target)
        first = source.first()
        if not source.activation.bends:
            units = first != 0
            _check_units(source, part, units, above | below)
            return _solved(source, part, target, tally, [(units, above | below, 1.0)])
        _check_units(source, part, first > 0, above)
        _check_units(source, part, first < 0, below)
        # a unit of slope a below 0 serves both signs: P + a N = w and N + a P = w give P = N = w / (1 + a)
        share = 1.0 / (1.0 + source.activation.slope)
        both = above & below
        return (
            _solved(source, part, target, tally, [(first > 0, above & ~both, 1.0), (first > 0, both, share)])
            | _solved(source, part, target, tally, [(first < 0, below & ~both, 1.0), (first < 0, both, share)])
        )  # fmt: skip

    def _bias_mask(
        self,
        source: ReplicatedSource,
        part: ReplicatedPart,
        target: Target,
        tally: RowTally,
        masks: Mapping[str, Mask],
    ) -> BoolArray:
        """Sums over the constant units; in a first block whose activation is not 0 at 0 they also cancel that."""
        usable = constant_usable(source, part.layer)
        _check_units(source, part, usable[None], np.ones(1, dtype=np.bool_))
        everywhere = np.ones(1, dtype=np.bool_)
        if part.layer or not source.activation.offset:
            return _solved(source, part, target, tally, [(usable, everywhere, 1.0)])
        # units beyond those of the exact sum take what is far off, one after the other if it helps
        exact = source.first_units
        if tally.request.tolerance is None:
            exact = min(exact, tally.request.max_items)
        shift = -offsets(source, masks["layer 0/weight"])
        items = items_of(source, part, slice(None))[:, 0]
        spare = np.zeros(items.shape, dtype=np.bool_)
        wanted = on_lattice(wanted_rows(target, part), _lattice(source, part))[0][:, 0] + shift
        for k in range(exact, part.units):
            spare[:, k] = usable[k] & (np.abs(wanted - items[:, k]) < np.abs(wanted))
            wanted -= np.where(spare[:, k], items[:, k], 0)
        shift -= np.where(spare, items, 0).sum(axis=1)
        near = usable & (np.arange(part.units) < exact)
        return spare[:, None] | _solved(source, part, target, tally, [(near, everywhere, 1.0)], shift)


def chain_of(target: Target | ActivationTarget) -> Target:
    """The chain of layers of either kind of target."""
    return target if isinstance(target, Target) else target.chain


def _lattice(source: ReplicatedSource, part: ReplicatedPart) -> int:
    """Targets of the part are whole numbers of 2**-lattice where its items are."""
    return 2 * source.law.exponent - part.scale - (source.shift(part.layer) if part.constant else 0)


def _solved(
    source: ReplicatedSource,
    part: ReplicatedPart,
    target: Target,
    tally: RowTally,
    branches: list[tuple[BoolArray, BoolArray, float]],
    shift: Int64Array | None = None,
) -> BoolArray:
    """The mask of a part, (rows, coordinates, units). ``branches``: usable units (coordinates, units) or (units,), the
    coordinates that they serve, and the share of the target that they sum to; ``shift`` (rows,) is added to it."""
    factor = source.first_units if (part.constant or part.layer == 0) else source.width
    each = factor // source.width

    def width_of(units: Int64Array) -> Int64Array:
        return np.asarray(-(-units // each))

    lattice = _lattice(source, part)
    wanted = wanted_rows(target, part)
    mask = np.zeros(part.mask_shape, dtype=np.bool_)
    step = max(1, BATCH // (part.coordinates * part.units))
    for units, needed, share in branches:
        if not needed.any():
            continue
        targets, rounding = on_lattice(wanted[:, needed] * share, lattice)
        usable = np.broadcast_to(units, (part.coordinates, part.units))[needed]
        for start in range(0, part.rows, step):
            rows = slice(start, min(start + step, part.rows))
            items = items_of(source, part, rows)[:, needed]
            there = usable[None] if source.graph is None else usable[None] & (items != 0)
            moved = targets[rows] if shift is None else targets[rows] + shift[rows, None]
            found = tally.solve(
                items,
                moved,
                rounding[rows],
                there,
                lattice,
                share,
                width_of,
                source.copies(part.layer),
                start,
                usable.argmax(axis=1) + 1,
            )
            mask[rows, needed] |= found
    return mask


def _check_units(source: ReplicatedSource, part: ReplicatedPart, units: BoolArray, needed: BoolArray) -> None:
    empty = needed & ~units.any(axis=1)
    if empty.any():
        share = (0.5 if source.activation.bends else 1.0) * (1.0 if source.graph is None else source.graph.density)
        enough = math.ceil(math.log(1e-3 / len(units)) / math.log1p(-min(share, 1 - 1e-9)) * source.width / part.units)
        raise NoUsableItemError(
            f"find_ticket: {part.name} needs a random unit of the right sign for every coordinate, but at width "
            f"{source.width} with {source.key} {int(empty.sum())} of {len(units)} coordinates have none "
            f"(first: {int(np.flatnonzero(empty)[0])}). Raise width; {enough} leaves none out in all but one of a "
            "thousand seeds"
        )
