"""What a ticket in a source of replicated rows computes: its sums as integers, its collapsed forms, its residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.dense_chain import DenseChain, DenseLayer
from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.replicated_layout import ReplicatedPart
from slt.tickets.residuals import PartResiduals, Residuals

if TYPE_CHECKING:
    from slt.tickets.replicated_source import ReplicatedSource

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

CHUNK = 2**22  # weights drawn at a time


def constant_usable(source: ReplicatedSource, layer: int) -> BoolArray:
    """Which constant units that feed a layer can serve it, (constant units,): where the activation bends at 0, those
    with a bias above 0."""
    biases = source.constant_biases(layer)
    bends = source.activation.bends and (layer == 0 or source.layers[layer - 1].active)
    return np.asarray(biases > 0 if bends else biases != 0)


def items_of(source: ReplicatedSource, part: ReplicatedPart, rows: slice) -> Int64Array:
    """The numbers that sums choose from, (rows, coordinates, units), in units of 2**(shift - 2 exponent).

    Products of first and second weights; in later layers single weights, as products with one. Items of biases are
    products with what the constant units answer: exact for ReLU and leaky ReLU, rounded for other activations.
    """
    weights, exponent = source.second(part, rows), source.law.exponent
    if part.constant:
        levels = np.nan_to_num(np.where(constant_usable(source, part.layer), source.constant_levels(part.layer), 0.0))
        return np.asarray(np.rint(np.ldexp(weights * levels, exponent)), dtype=np.int64)
    if part.layer == 0:
        return np.asarray(weights * source.first(), dtype=np.int64)
    return np.asarray(weights.astype(np.int64) << exponent)


def part_sums(source: ReplicatedSource, part: ReplicatedPart, mask: Mask) -> tuple[Int64Array, Int64Array]:
    """What the kept items sum to on positive and on negative inputs, before the scale: (rows, coordinates) each.

    For a leaky ReLU each is rounded to the lattice once; all else is exact but for the items themselves.
    """
    kept = mask.unpack()
    positive = np.zeros((part.rows, part.coordinates), dtype=np.int64)
    negative = np.zeros_like(positive)
    bent = part.layer == 0 and not part.constant and source.activation.bends
    above = source.first() > 0 if bent else None
    step = max(1, CHUNK // max(1, part.coordinates * part.units))
    for start in range(0, part.rows, step):
        rows = slice(start, min(start + step, part.rows))
        items = np.where(kept[rows], items_of(source, part, rows), 0)
        if above is None:
            positive[rows] = negative[rows] = items.sum(axis=2)
            continue
        positive[rows] = np.where(above, items, 0).sum(axis=2)
        negative[rows] = np.where(above, 0, items).sum(axis=2)
    slope = source.activation.slope
    if above is not None and slope:
        leaks = np.rint(slope * positive).astype(np.int64), np.rint(slope * negative).astype(np.int64)
        positive, negative = positive + leaks[1], negative + leaks[0]
    return positive, negative


def offsets(source: ReplicatedSource, mask: Mask) -> Int64Array:
    """What phi(0) of the units kept by the first weight part adds to every row, (rows,), in units of bias sums."""
    part = source.parts_of(0)[0]
    unit = int(source.activation.offset * 2**source.law.exponent)
    if not unit:
        return np.zeros(part.rows, dtype=np.int64)
    kept = mask.unpack()
    found = np.zeros(part.rows, dtype=np.int64)
    for row in range(part.rows):
        found[row] = source.second(part, slice(row, row + 1))[0][kept[row]].sum(dtype=np.int64) * unit
    return found


def bias_sums(source: ReplicatedSource, part: ReplicatedPart, masks: Mapping[str, Mask]) -> Int64Array:
    """The bias of every row, (rows,), before the scale, in units of 2**(shift - 2 exponent)."""
    sums = part_sums(source, part, masks[part.name])[0][:, 0]
    return sums if part.layer else sums + offsets(source, masks["layer 0/weight"])


def collapsed_relu(source: ReplicatedSource, masks: Mapping[str, Mask]) -> CollapsedNetwork:
    """The matrices that every copy computes from those below it."""
    exponent, layers = source.law.exponent, []
    for i, layer in enumerate(source.layers):
        weight, *constant = source.parts_of(i)
        if i == 0:
            positive, negative = part_sums(source, weight, masks[weight.name])
            lattice = 2 * exponent
        else:
            kept = np.where(masks[weight.name].unpack(), source.second(weight, slice(None)), 0)
            positive = negative = kept.reshape(weight.rows, -1).astype(np.int64)
            lattice = exponent
        bias = bias_sums(source, constant[0], masks) if constant else np.zeros(weight.rows, dtype=np.int64)
        largest = max(int(np.abs(m).max(initial=0)) for m in (positive, negative, bias))
        layers.append(
            CollapsedLayer(
                positive=np.ldexp(positive.astype(np.float64), layer.scale - lattice),
                negative=np.ldexp(negative.astype(np.float64), layer.scale - lattice),
                bias=np.ldexp(bias.astype(np.float64), layer.scale - 2 * exponent),
                relu=layer.active,
                rounding=0.0 if largest <= 2**53 else float(np.ldexp(float(largest), layer.scale - 2 * exponent - 52)),
            )
        )
    return CollapsedNetwork(tuple(layers), source.input_relu)


def dense_chain(source: ReplicatedSource, masks: Mapping[str, Mask]) -> DenseChain:
    """The masked layers one by one, scales and gain multiplied in: powers of two, so exact."""
    activation, shapes = source.activation, source.tensor_shapes

    def real(name: str) -> FloatArray:
        if name not in shapes:
            return np.zeros(shapes[name.replace("bias", "weight")][0])
        return np.ldexp(source.masked(name, masks).astype(np.float64), -source.law.exponent)

    scale = activation.scale
    layers = [DenseLayer(real("first.weight") * scale, real("first.bias") * scale, True)]
    for i, layer in enumerate(source.layers):
        weight, bias = real(f"layer{i}.weight"), real(f"layer{i}.bias")
        neurons = layer.outputs * source.copies(i)
        factor = 2.0**layer.scale * (activation.gain if i == 0 else 1.0)
        weight[:neurons] *= factor
        bias[:neurons] *= factor
        layers.append(DenseLayer(weight, bias, layer.active))
    return DenseChain(tuple(layers), activation)


def residuals(source: ReplicatedSource, masks: Mapping[str, Mask], domain: Domain, target: Target) -> Residuals:
    """Sum minus target weight for every row; the first layer's by the signs that its inputs can take."""
    shapes = [(layer.outputs, layer.inputs, layer.bias is not None, layer.relu) for layer in target.layers]
    mine = [(layer.outputs, layer.inputs, layer.bias, layer.active) for layer in source.layers]
    if shapes != mine or target.input_relu != source.input_relu:
        raise InputError(
            f"residuals: the ticket was made for layers (outputs, inputs, bias, activation) {mine}, the target has "
            f"{shapes}; pass the model that the ticket was made for"
        )
    found = {}
    for name, part in source.parts.items():
        wanted = wanted_rows(target, part)
        if part.constant:
            lattice = 2 * source.law.exponent - part.scale - source.shift(part.layer)
            sums = bias_sums(source, part, masks)[:, None]
            found[name] = PartResiduals.of(wanted, lattice, {"positive": (sums, None)})
            continue
        positive, negative = part_sums(source, part, masks[name])
        lattice = 2 * source.law.exponent - part.scale
        if part.layer or not source.activation.bends:
            branches = {"both signs": (positive, None if part.layer else np.logical_or(*signs(domain, target)))}
        else:
            above, below = signs(domain, target)
            branches = {"positive": (positive, above), "negative": (negative, below)}
        found[name] = PartResiduals.of(wanted, lattice, branches)
    return Residuals(found)


def wanted_rows(target: Target, part: ReplicatedPart) -> FloatArray:
    """The target's numbers for every row of a part, (rows, coordinates)."""
    layer = target.layers[part.layer]
    if part.constant:
        bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
        return np.repeat(bias[:, None], part.copies, axis=0)
    return np.repeat(layer.weight, part.copies, axis=0)


def signs(domain: Domain, target: Target) -> tuple[BoolArray, BoolArray]:
    """Which inputs of the first layer can be positive, and which negative."""
    positive, negative = domain.positive(target.inputs), domain.negative(target.inputs)
    return positive, np.zeros_like(negative) if target.input_relu else negative
