"""Planting: a known ticket hidden in a random network, so that a search can be told whether it found it.

Fischer and Burkholz, "Plant 'n' Seek" (ICLR 2022), algorithm 1, with what keeps their benchmark from being decided put
right: the outputs share one scale, so the planted mask computes the target up to that number and is best under the
metric that searches are scored by; target units go to distinct random units, chosen all at once; and the scales of
hidden units are chosen so that the sizes of the planted weights are those of the random ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from slt.architectures.bias_column import biased
from slt.errors import InputError
from slt.masks import Mask
from slt.search.draws import RandomTensors, kaiming_normal
from slt.search.given_masks import found_of_masks
from slt.search.hiding import CommonScale, OutputScales, hidden
from slt.search.maskable import Maskable, Roles
from slt.search.objectives import Loss
from slt.targets import Target
from slt.tickets.patches import LARGEST_PLANTED, Planted
from slt.weights import Key

if TYPE_CHECKING:
    from slt.search.found import Found

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Planting:
    """A random network with a target in it.

    ``weights``  the random source of a search: ``fit(planting.model(), loader, method, seed=planting.seed)`` with this
                 in the method's ``weights``
    ``masks``    the planted mask by tensor name: what a search could find
    ``scales``   what the planted mask computes is the target times these, shape (outputs,); all equal unless planted
                 with ``OwnScales``
    ``units``    for each hidden layer, which of the ``width`` units is each unit of the target
    ``constants``  for each layer what its biases are multiplied by (``BiasColumn``)
    """

    target: Target
    width: int
    seed: int
    weights: RandomTensors
    masks: Mapping[str, Mask]
    scales: FloatArray
    units: tuple[IntArray, ...]
    constants: tuple[float, ...]

    def model(self) -> nn.Sequential:
        """The architecture, with weights of its own that no search uses."""
        return _network(self.target, self.width, self.constants)

    @property
    def scale(self) -> float:
        """The one number that divides the outputs to give the target's. InputError where outputs have their own."""
        if not np.all(self.scales == self.scales[0]):
            raise InputError(
                f"the outputs of this planting have scales of their own, {self.scales.tolist()}: no one number makes "
                "the planted mask the target. Plant with CommonScale()"
            )
        return float(self.scales[0])

    @property
    def density(self) -> float:
        """The fraction of all weights, biases among them, that is planted."""
        return sum(m.kept for m in self.masks.values()) / sum(m.size for m in self.masks.values())

    @property
    def densities(self) -> dict[str, float]:
        """The same by tensor."""
        return {name: mask.density for name, mask in self.masks.items()}

    def found(self, loss: Loss = nn.functional.cross_entropy) -> Found:
        """The planted mask as if a search had found it, with its ticket: what no method can beat by much."""
        kept = {name: torch.from_numpy(mask.unpack().copy()) for name, mask in self.masks.items()}
        return found_of_masks(self.model(), kept, "planted", self.weights, self.seed, loss)

    @cached_property
    def detectability(self) -> dict[str, float]:
        """By tensor, the probability that a planted weight is larger in size than a random one, ties half (the area
        under the curve of a detector by size): 1/2 where sizes give nothing away."""
        return {name: _auc(planted, others) for name, (planted, others) in self._sizes.items()}

    @cached_property
    def distance(self) -> dict[str, float]:
        """By tensor, the largest difference of the two distributions of sizes (Kolmogorov and Smirnov's): what a
        detector by any set of sizes can gain."""
        from scipy.stats import ks_2samp

        return {name: float(ks_2samp(planted, others).statistic) for name, (planted, others) in self._sizes.items()}

    @cached_property
    def _sizes(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        sizes = {}
        for role in Roles.of(self.model()).maskable:
            values = np.abs(self.weights.tensor(Key(self.seed) / "weights" / role.name, role).numpy().astype(float))
            kept = self.masks[role.name].unpack()
            sizes[role.name] = values[kept], values[~kept]
        return sizes


def plant(
    target: Target,
    width: int,
    seed: int = 0,
    weights: RandomTensors | None = None,
    scales: OutputScales = CommonScale(),  # noqa: B008  (frozen)
) -> Planting:
    """Hides a target in a random network of its depth with ``width`` units in every hidden layer.

    The network is drawn as a search of this ``seed`` draws it from ``weights`` (normal, variance 2 / fan-in, by
    default); biases are the last columns of its weights (``slt.architectures.bias_column``), random and masked like
    the rest. The target is rescaled (``slt.search.hiding``), each of its units is matched to another random unit, all
    of a layer together so that the weights change least, and its weights are written there, on the lattice of the law.

    Raises InputError: a target that is wider, has no ReLU where the network has one (or the reverse), shares
    parameters, or whose weights the law cannot hold.
    """
    for what, value, kind, told in (
        ("target", target, Target, "Target.of(model)"),
        ("weights", kaiming_normal() if weights is None else weights, RandomTensors, "kaiming_normal()"),
        ("scales", scales, OutputScales, "CommonScale()"),
    ):
        if not isinstance(value, kind):
            raise InputError(
                f"planting a target: {what} must be an object such as {told}; a {type(value).__name__} was given"
            )
    matrices = _matrices(target, width)
    source = kaiming_normal() if weights is None else weights
    if source.planted:
        raise InputError("planting a target: something is planted in these random tensors already; give others")
    roles = Roles.of(_network(target, width)).maskable
    key = Key(seed)
    drawn = [source.tensor(key / "weights" / role.name, role).numpy().astype(np.float64) for role in roles]
    constants = _constants(drawn)
    for matrix, constant in zip(matrices, constants, strict=True):
        matrix[:, -1] /= constant
    rescaled = hidden(matrices, [np.abs(d).reshape(-1) for d in drawn], scales, key / "hiding")
    columns, units, patches, masks = np.arange(target.inputs), [], [], {}
    for number, (role, matrix, random) in enumerate(zip(roles, rescaled.matrices, drawn, strict=True)):
        places = np.append(columns, role.shape[1] - 1)
        if number < len(roles) - 1:
            rows = _matched(matrix, random[:, places])
            units.append(rows)
        else:
            rows = np.arange(target.outputs)
        i, j = np.nonzero(matrix)
        indices = rows[i] * role.shape[1] + places[j]
        rising = np.argsort(indices)
        integers = _integers(matrix[i, j], source, role)
        patches.append(Planted(role.name, indices[rising], integers[rising]))
        kept = np.zeros(role.shape, dtype=bool)
        kept.reshape(-1)[indices] = True
        masks[role.name] = Mask.of(kept)
        columns = rows
    return Planting(
        target, width, seed, replace(source, planted=tuple(patches)), masks, rescaled.outputs, tuple(units), constants
    )


def _network(target: Target, width: int, constants: Sequence[float] | None = None) -> nn.Sequential:
    return biased(target.inputs, *[width] * (len(target.layers) - 1), target.outputs, constants=constants)


def _constants(drawn: Sequence[FloatArray]) -> tuple[float, ...]:
    """For each layer the power of two nearest to what a signal of 1 becomes along single weights of typical size."""
    typical = [float(np.log2(np.abs(weights)).mean()) for weights in drawn]
    return tuple(2.0 ** round(sum(typical[:layer])) for layer in range(len(drawn)))


def _matrices(target: Target, width: int) -> list[FloatArray]:
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise InputError(f"planting a target: a width of at least 1 is needed; {width!r} was given")
    layers = target.layers
    wide = max((layer.outputs for layer in layers[:-1]), default=0)
    if wide > width:
        raise InputError(f"planting a target with {wide} units in a layer: a width of {width} is too small; raise it")
    if target.input_relu or layers[-1].relu or not all(layer.relu for layer in layers[:-1]):
        raise InputError(
            "planting a target: one with a ReLU after every layer but the last, and none before the first, is needed"
        )
    used = [layer.weight_id for layer in layers] + [b for b in (layer.bias_id for layer in layers) if b is not None]
    if len(set(used)) < len(used):
        raise InputError("planting a target: layers that share a parameter cannot be planted; give each its own")
    matrices = []
    for layer in layers:
        bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
        matrices.append(np.concatenate([layer.weight, bias[:, None]], axis=1))
        if not np.any(layer.weight):
            raise InputError(f"planting a target: all weights of {layer.name} are 0, so nothing passes it")
    return matrices


def _matched(matrix: FloatArray, random: FloatArray) -> IntArray:
    """For each row of ``matrix`` another row of ``random``, all together those whose weights at the non-zero places are
    nearest (sum of squares)."""
    from scipy.optimize import linear_sum_assignment

    there = (matrix != 0).astype(np.float64)
    cost = (there * matrix**2).sum(axis=1)[:, None] - 2 * (there * matrix) @ random.T + there @ (random**2).T
    rows, found = linear_sum_assignment(cost)
    assert np.array_equal(rows, np.arange(len(matrix)))
    return np.asarray(found, dtype=np.int64)


def _integers(values: FloatArray, source: RandomTensors, role: Maskable) -> IntArray:
    """Weights as the law's lattice integers."""
    integers = np.rint(values / source.factor(role) * 2.0**source.law.exponent).astype(np.int64)
    most = min(source.law.largest, LARGEST_PLANTED)
    if np.any(integers == 0) or np.any(np.abs(integers) > most):
        raise InputError(
            f"planting a target in {role.name}: its weights, rescaled, are {np.abs(integers).min()} to "
            f"{np.abs(integers).max()} steps of the law {source.law.name}, which has 1 to {most}; take a law with "
            "tails, such as Normal(), or a target whose weights differ less"
        )
    return integers


def _auc(planted: FloatArray, others: FloatArray) -> float:
    below = np.sort(others)
    left, right = np.searchsorted(below, planted, "left"), np.searchsorted(below, planted, "right")
    return float((left + right).mean() / (2 * below.size)) if below.size else 0.5
