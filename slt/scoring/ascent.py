"""Inputs at which a ticket is far from its target, found by ascent inside a domain."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.activation_target import ActivationTarget
from slt.collapsed_graph import CollapsedGraph
from slt.dense_chain import DenseChain
from slt.domains import Box, Domain
from slt.errors import InputError
from slt.graph_target import GraphTarget
from slt.scoring.activation_sampled import ActivationNetwork, activation_pair
from slt.scoring.evaluation import Network, device_of, points_of
from slt.scoring.graph_pair import GraphPair
from slt.scoring.graph_sampled import GraphNetwork
from slt.scoring.networks import Collapsed, Collapsible, checked_domain, collapsed_of, pair
from slt.scoring.score import checked_order
from slt.targets import Target

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]

SIZES = 11  # how many sizes of a move are tried at a time
SHAKEN = (0.01, 0.03, 0.1, 0.3)  # the share of coordinates, or of the domain's width, that a shake moves
TINY = 1e-300
STARTS = 32  # points to start from where none are given
BATCH = 4096  # inputs evaluated at a time


def ascend(
    ticket: Collapsible | Collapsed,
    model: nn.Module | Target | GraphTarget | ActivationTarget,
    domain: Domain,
    starts: Any = None,
    steps: int = 50,
    device: str | torch.device | None = None,
    order: float = np.inf,
) -> FloatArray:
    """One input of ``domain`` for each start, shape (count, inputs), where the error is no smaller than at the start.

    ``starts``: array or tensor of shape (count, ...), moved into the domain first; None: 32 points that
    ``domain.sample`` draws, always the same. Each of ``steps`` rounds linearises
    the error at the best input so far and tries moves of several sizes along the gradient, all starts at once: on a box
    the coordinates that promise most jump to the corner that raises the error, elsewhere the input moves along the
    gradient and back into the domain. A start that finds nothing better is shaken and goes on; the best input is kept.
    Deterministic given the starts. The result is meant for ``sampled``, which makes it a proven lower bound.
    """
    order = checked_order(order)
    checked_domain(domain, "ascending the error")
    place, ticket = device_of(device), collapsed_of(ticket)
    left: Network | GraphNetwork | ActivationNetwork
    right: Network | GraphNetwork | ActivationNetwork
    if isinstance(ticket, DenseChain):
        left, right, inputs = activation_pair(ticket, model, device)
    elif isinstance(ticket, CollapsedGraph):
        graphs = GraphPair.of(ticket, model, tuple(np.shape(starts))[1:] or None)
        (left, right), inputs = GraphNetwork.both(graphs, place), math.prod(graphs.shape)
    else:
        network, target = pair(ticket, model)
        left, right, inputs = Network.of(network, place), Network.of(target, place), target.inputs
    points = domain.sample(inputs, STARTS, np.random.default_rng(0)) if starts is None else points_of(starts, inputs)
    if steps < 0:
        raise InputError(f"ascending the error: steps={steps!r} was given; at least 0 is needed")
    error = _Error(left, right, place, order)
    moves: _Moves = _Corners(domain) if isinstance(domain, Box) else _Steps(domain)
    rng = np.random.default_rng(0)
    best = now = domain.project(points)
    best_error = now_error = error.at(now)
    rows = np.arange(len(now))
    for _ in range(steps):
        tried = moves.along(now, error.slope(now))
        found = error.at(tried.reshape(-1, tried.shape[-1])).reshape(tried.shape[:2])
        pick = np.argmax(found, axis=0)
        better = found[pick, rows] > now_error
        now = np.where(better[:, None], tried[pick, rows], now)
        now_error = np.where(better, found[pick, rows], now_error)
        gained = now_error > best_error
        best, best_error = np.where(gained[:, None], now, best), np.where(gained, now_error, best_error)
        if not better.all():
            now = np.where(better[:, None], now, moves.shaken(best, rng))
            now_error = error.at(now)
    return best


class _Moves(ABC):
    """Where to look next, for all starts at once."""

    @abstractmethod
    def along(self, now: FloatArray, slope: FloatArray) -> FloatArray:
        """Points to try, (moves, count, d), for points and gradients (count, d)."""

    @abstractmethod
    def shaken(self, best: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Points near ``best`` to go on from, (count, d)."""


@final
@dataclass(frozen=True)
class _Corners(_Moves):
    """On a box: the coordinates that promise the largest gain jump to their better end, d of them, d/2, ... and one."""

    domain: Box

    def along(self, now: FloatArray, slope: FloatArray) -> FloatArray:
        d = now.shape[1]
        low, high = self.domain.bounds(d)
        corner = np.where(slope > 0, high, np.where(slope < 0, low, now))
        order = np.argsort(-np.abs(slope * (corner - now)), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(d), order.shape), axis=1)
        sizes = sorted({max(1, d >> k) for k in range(SIZES)})
        return np.stack([np.where(rank < size, corner, now) for size in sizes])

    def shaken(self, best: FloatArray, rng: np.random.Generator) -> FloatArray:
        low, high = self.domain.bounds(best.shape[1])
        corner = np.where(rng.random(best.shape) < 0.5, low, high)
        share = np.maximum(rng.choice(SHAKEN, size=(len(best), 1)), 2.0 / best.shape[1])
        return np.asarray(np.where(rng.random(best.shape) < share, corner, best))


@final
@dataclass(frozen=True)
class _Steps(_Moves):
    """Elsewhere: steps of several lengths along the gradient, each followed by the projection onto the domain."""

    domain: Domain

    def along(self, now: FloatArray, slope: FloatArray) -> FloatArray:
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        direction = slope / np.where(length > 0, length, 1.0)
        return np.stack([self.domain.project(now + direction * (self._size(now) * 4.0**-k)) for k in range(-3, SIZES)])

    def shaken(self, best: FloatArray, rng: np.random.Generator) -> FloatArray:
        noise = rng.standard_normal(best.shape) / np.sqrt(best.shape[1])
        return self.domain.project(best + noise * self._size(best) * rng.choice(SHAKEN, size=(len(best), 1)))

    def _size(self, points: FloatArray) -> float:
        low, high = self.domain.bounds(points.shape[1])
        return float(np.max(high - low))


@final
@dataclass(frozen=True, eq=False)
class _Error:
    """The error of one input and its gradient, both in float64 without any bound: the ascent proves nothing."""

    ticket: Network | GraphNetwork | ActivationNetwork
    target: Network | GraphNetwork | ActivationNetwork
    device: torch.device
    order: float

    def _measure(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        gap = self.ticket.forward(x) - self.target.forward(x)
        # the Euclidean norm has no gradient at 0
        return gap.abs().amax(dim=1) if self.order == np.inf else torch.sqrt(gap.square().sum(dim=1) + TINY)

    def at(self, points: FloatArray) -> FloatArray:
        """(count,) for points (count, d); an overflow counts as no error."""
        import torch

        with torch.no_grad():
            parts = [self._measure(torch.tensor(x, device=self.device)).cpu().numpy() for x in self._batches(points)]
        return np.asarray(np.nan_to_num(np.concatenate(parts), nan=0.0, posinf=0.0))

    def slope(self, points: FloatArray) -> FloatArray:
        """(count, d)."""
        import torch

        parts = []
        for batch in self._batches(points):
            x = torch.tensor(batch, device=self.device, requires_grad=True)
            (gradient,) = torch.autograd.grad(self._measure(x).sum(), x)
            parts.append(gradient.cpu().numpy())
        return np.asarray(np.nan_to_num(np.concatenate(parts)))

    def _batches(self, points: FloatArray) -> list[FloatArray]:
        steps = [network.step for network in (self.ticket, self.target) if isinstance(network, GraphNetwork)]
        step = min(BATCH, *steps) if steps else BATCH
        return [points[i : i + step] for i in range(0, len(points), step)]
