"""Lower bounds of the error of a convolutional or residual ticket, from inputs, with a running error analysis.

As in ``evaluation``: a convolution is the product of its kernel with the windows laid side by side (unfolded), so the
bounds of matrix products hold, which those of Winograd's or Fourier's convolutions need not obey. A maximum of values
is off by no more than the largest of their errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.collapsed_graph import CollapsedGraph
from slt.errors import InputError
from slt.graph_nodes import (
    AdaptiveAveragePool,
    Affine,
    AveragePool,
    Convolution,
    Flatten,
    Input,
    MaxPool,
    Node,
    ReLU,
    Sum,
    ZeroPad,
)
from slt.graph_target import GraphTarget
from slt.scoring.attention_pair import Model
from slt.scoring.evaluation import Block, block_of, device_of, points_of
from slt.scoring.graph_pair import GraphPair
from slt.scoring.rounding import UNDERFLOW, UNIT, gamma
from slt.scoring.score import Kind, Score, shown
from slt.scoring.sure import Sure, sure_difference

if TYPE_CHECKING:
    import torch
    from torch import nn

    Known = tuple[torch.Tensor, torch.Tensor]  # values, and at least their distances to the real ones

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, ...]

GATHERED = 2**23  # numbers of windows laid side by side at a time, 64 MiB; a few arrays of that size are held


@final
@dataclass(frozen=True, eq=False)
class GraphNetwork:
    """One graph of a pair on one device. ``blocks``: by affine node, one for each group of channels."""

    nodes: tuple[Node, ...]
    blocks: Mapping[int, tuple[Block, ...]]
    shapes: tuple[Shape, ...]

    @staticmethod
    def both(pair: GraphPair, device: torch.device) -> tuple[GraphNetwork, GraphNetwork]:
        """The ticket's and the target's."""
        ticket = {i: _ticket_blocks(pair.ticket, i, node, device) for i, node in _affine(pair.ticket.nodes)}
        target = {i: _target_blocks(pair.target, node, device) for i, node in _affine(pair.target.nodes)}
        return (
            GraphNetwork(pair.ticket.nodes, ticket, pair.ticket_shapes),
            GraphNetwork(pair.target.nodes, target, pair.target_shapes),
        )

    @property
    def step(self) -> int:
        """How many inputs at a time."""
        sizes = [math.prod(shape) for shape in self.shapes]
        for i, node in _affine(self.nodes):
            if isinstance(node, Convolution):
                sizes.append(math.prod(self.shapes[i][1:]) * node.inputs * math.prod(node.kernel))
        return max(1, GATHERED // max(sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (count, outputs) for flattened inputs (count, inputs)."""
        return self._run(x, None)[0]

    def forward_with_error(self, x: torch.Tensor) -> Known:
        """Outputs, and at least their distances to the real outputs (inf or NaN: no bound); (count, outputs) each."""
        import torch

        value, error = self._run(x, torch.zeros_like(x))
        assert error is not None
        return value, error

    def _run(self, x: torch.Tensor, error: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        last = {source: i for i, node in enumerate(self.nodes) for source in node.sources}
        found: list[Any] = []
        for i, node in enumerate(self.nodes):
            given = [found[source] for source in node.sources]
            if isinstance(node, Input):
                whole = len(x), *self.shapes[0]
                found.append((x.reshape(whole), None if error is None else error.reshape(whole)))
            elif isinstance(node, Affine):
                found.append(self._affine(i, node, *given[0]))
            else:
                values = [value for value, _ in given]
                made = node.compute(*values)
                found.append((made, None if error is None else _passed(node, values, [e for _, e in given], made)))
            for source in node.sources:
                if last[source] == i:
                    found[source] = None
        value, known = found[-1]
        return value.flatten(1), None if known is None else known.flatten(1)

    def _affine(self, i: int, node: Affine, x: torch.Tensor, error: torch.Tensor | None) -> Any:
        import torch

        rows = _rows(node, x)
        errors = None if error is None else _rows(node, error)
        values, bounds = [], []
        for g, block in enumerate(self.blocks[i]):
            y = block.before_relu(rows[g])
            values.append(y)
            if errors is not None:
                # an overflow shows before a ReLU, which can hide it
                bounds.append(torch.where(y.isfinite(), block.error(rows[g], errors[g]), torch.inf))
        shape = len(x), *self.shapes[i]
        return _placed(node, values, shape), _placed(node, bounds, shape) if bounds else None


def sampled_graph(
    ticket: CollapsedGraph, model: nn.Module | Model, inputs: Any, device: Any, batch: int, order: float
) -> Score:
    """``slt.sampled`` for graphs; ``inputs``: (count, channels, height, width) or (count, features), flattened ones
    where the shape is known. The error is of all outputs of one input."""
    import torch

    pair = GraphPair.of(ticket, model, tuple(np.shape(inputs))[1:] or None)
    points = points_of(inputs, math.prod(pair.shape))
    place = device_of(device)
    left, right = GraphNetwork.both(pair, place)
    step = min(batch, left.step, right.step)
    best = Sure(0.0, 0.0)
    for start in range(0, len(points), step):
        x = torch.tensor(points[start : start + step], device=place)
        here = sure_difference(*left.forward_with_error(x), *right.forward_with_error(x), order)
        best = here if start == 0 or here.value > best.value else best
    text = f"sampled on {len(points):,} inputs, float64, minus a rounding bound of {shown(best.paid)}"
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)


def _affine(nodes: tuple[Node, ...]) -> list[tuple[int, Affine]]:
    return [(i, node) for i, node in enumerate(nodes) if isinstance(node, Affine)]


def _ticket_blocks(ticket: CollapsedGraph, i: int, node: Affine, device: Any) -> tuple[Block, ...]:
    found = ticket.maps[i]
    negative = np.zeros_like(found.positive) if found.negative is None else found.negative
    parts = (_split(node, found.positive), _split(node, negative), _split(node, found.bias))
    return tuple(block_of(p, n, b, False, found.rounding, device) for p, n, b in zip(*parts, strict=True))


def _target_blocks(target: GraphTarget, node: Affine, device: Any) -> tuple[Block, ...]:
    bias = target.bias(node)
    parts = _split(node, target.weight(node)), _split(node, np.zeros(node.outputs) if bias is None else bias)
    return tuple(block_of(w, None, b, False, 0.0, device) for w, b in zip(*parts, strict=True))


def _split(node: Affine, values: FloatArray) -> list[FloatArray]:
    """Of each group the weights as a matrix, or the bias."""
    groups = node.groups if isinstance(node, Convolution) else 1
    flat = values if values.ndim == 1 else values.reshape(len(values), -1)
    return np.split(flat, groups)


def _rows(node: Affine, x: torch.Tensor) -> list[torch.Tensor]:
    """Of each group all windows of all inputs as rows, (count * windows, taps)."""
    from torch.nn import functional

    if not isinstance(node, Convolution):
        return [x.reshape(-1, x.shape[-1])]
    windows = functional.unfold(x, node.kernel, node.dilation, node.padding, node.stride)
    return [part.mT.reshape(-1, part.shape[1]) for part in windows.chunk(node.groups, dim=1)]


def _placed(node: Affine, parts: list[torch.Tensor], shape: Shape) -> torch.Tensor:
    """The rows' results in the shape of the node's value."""
    import torch

    if not isinstance(node, Convolution):
        return parts[0].reshape(shape)
    images = [part.reshape(shape[0], -1, part.shape[1]).mT for part in parts]
    return torch.cat(images, dim=1).reshape(shape)


def _passed(node: Node, x: list[torch.Tensor], errors: list[torch.Tensor], made: torch.Tensor) -> torch.Tensor:
    """The error behind a node without weights, whose value is ``made``."""
    import torch

    match node:
        case ReLU():
            return errors[0]
        case MaxPool() | ZeroPad() | Flatten():
            return node.compute(errors[0])
        case Sum():
            bound = (errors[0] + errors[1] + UNIT * made.abs()) * (1 + 8 * UNIT) + UNDERFLOW
            return torch.where(made.isfinite(), bound, torch.inf)
        case AveragePool() | AdaptiveAveragePool():
            window = x[0].shape[-2] * x[0].shape[-1]  # no window is larger than the image
            window = min(window, math.prod(node.kernel)) if isinstance(node, AveragePool) else window
            # a sum of a window's values and a division, or products with a rounded reciprocal
            bound = node.compute(errors[0]) + gamma(window + 8) * node.compute(x[0].abs()) + 4 * window * UNDERFLOW
            return torch.where(made.isfinite(), bound * (1 + 4 * (window + 16) * UNIT), torch.inf)
    raise InputError(f"sampling the error: node {node!r} is of a kind without error bound")
