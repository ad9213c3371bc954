"""The four systems: what is drawn as their target, which sums it poses, and what their residuals do to the output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

import slt
from slt.architectures.chains import spectral_chain
from slt.attention_target import AttentionTarget
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.constructions.attention import Attention
from slt.constructions.construction import Construction, Request
from slt.merged_attention import MergedAttention, softmax
from slt.weights import Key

from .prefixes import LATTICE, Part

Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

TARGET_LATTICE = 40  # targets are uniform on odd multiples of range / 2**40
SLACK = 2.0**-40  # far above what rounding adds to a sampled error; taken off, so that it stays a lower bound


class System(ABC):
    """One kind of target. A source is drawn for each seed, and with it the target's random entries, uniform on [-range,
    range]; what is not random of a target is the same for all seeds."""

    name: ClassVar[str]
    title: ClassVar[str]
    parts: ClassVar[tuple[Part, ...]]
    range: ClassVar[float]
    domain: ClassVar[slt.Ball | slt.Box]
    exact: ClassVar[bool] = False
    """Whether ``errors`` are the sup errors themselves, no lower bounds."""

    @property
    def sums(self) -> int:
        return sum(part.sums for part in self.parts)

    def key(self, seed: int) -> Key:
        return Key(seed) / "phase-diagram" / self.name

    def uniform(self, part: int, seed: int, first: int, count: int) -> Int64Array:
        """Random entries of a part for the seeds from ``first`` on, (count, rows, coordinates), on 2**-46."""
        shape = (count, self.parts[part].rows, self.parts[part].coordinates)
        address = self.key(seed) / f"target {part}"
        drawn = slt.Uniform(TARGET_LATTICE).draw(address, shape, (first, 0, 0)).astype(np.int64)
        return drawn * int(self.range * 2.0 ** (LATTICE - TARGET_LATTICE))

    @abstractmethod
    def targets(self, seed: int, first: int, count: int) -> list[Int64Array]:
        """The targets of the sums of every part, (count, rows, coordinates), on 2**-46."""

    @abstractmethod
    def model(self, targets: Sequence[Int64Array], index: int) -> Any:
        """The target of one seed, as ``find_ticket`` takes it."""

    @abstractmethod
    def weights(self, seed: int, index: int, width: int) -> list[tuple[Int64Array, Any]]:
        """By part the first- and second-layer weights of one source, as ``Part`` orders them."""

    @abstractmethod
    def errors(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]]) -> Array:
        """The sup error of every ticket, or a lower bound of it, (S,)."""

    @abstractmethod
    def collapsed(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]], index: int) -> Any:
        """What one ticket computes."""

    def certified(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]], index: int) -> float:
        """An upper bound of the sup error of one ticket."""
        found = self.collapsed(targets, residuals, index)
        return float(slt.certified(found, self.model(targets, index), self.domain))

    def source_key(self, seed: int, index: int) -> Key:
        return self.key(seed) / f"source {index}"

    def construction(self) -> Construction:
        return slt.TwoLayerSum()

    def lay_out(self, target: Any, seed: int, index: int, width: int) -> Any:
        """The source of one seed; the target gives its shape alone."""
        key = self.source_key(seed, index)
        request = Request(target, width, key, slt.Uniform(), self.domain, None, 1)
        made: Any = self.construction()
        return made.lay_out(request)


class LinearMap(System):
    """x -> W x on the box [-1, 1]^d, largest output: its sup error is known exactly from its residuals."""

    exact = True
    domain = slt.Box(-1.0, 1.0)

    def targets(self, seed: int, first: int, count: int) -> list[Int64Array]:
        return [self.uniform(0, seed, first, count)]

    def model(self, targets: Sequence[Int64Array], index: int) -> slt.Target:
        return slt.Target.from_arrays([_real(targets[0][index])])

    def weights(self, seed: int, index: int, width: int) -> list[tuple[Int64Array, Any]]:
        (part,) = self.parts
        flat = slt.Target.from_arrays([np.zeros((part.rows, part.coordinates))])
        return _two_layer_weights(self.lay_out(flat, seed, index, width))

    def errors(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]]) -> Array:
        # on x_j > 0 the residual is P_rj, on x_j < 0 it is N_rj: the worst x has |x_j| = 0 or 1
        (P, N), nothing = residuals[0], np.int64(0)
        up = np.maximum(np.maximum(P, -N), nothing).sum(axis=2)
        down = np.maximum(np.maximum(-P, N), nothing).sum(axis=2)
        return _real(np.maximum(up, down).max(axis=1))

    def collapsed(
        self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]], index: int
    ) -> CollapsedNetwork:
        P, N = (_real(targets[0][index] + r[index]) for r in residuals[0])
        return CollapsedNetwork((CollapsedLayer(P, N, np.zeros(len(P)), False),))


@final
@dataclass(frozen=True)
class Weight(LinearMap):
    name = "weight"
    title = "one weight"
    parts = (Part(1, 1, (1, -1)),)
    range = 1.0


@final
@dataclass(frozen=True)
class Layer(LinearMap):
    name = "layer"
    title = "a layer, 8 to 8"
    parts = (Part(8, 8, (1, -1)),)
    range = 0.25


@final
@dataclass(frozen=True)
class Head(System):
    """One head of attention on tokens of dimension 2 in the ball that the theorem takes: logits x A y^T, answers C."""

    name = "head"
    title = "an attention head, d = 2"
    parts = (Part(2, 2, (0,)), Part(2, 2, (0,)))
    range = 0.5
    domain = slt.Ball(float(np.sqrt(2.0)))

    def targets(self, seed: int, first: int, count: int) -> list[Int64Array]:
        return [self.uniform(0, seed, first, count), self.uniform(1, seed, first, count)]

    def model(self, targets: Sequence[Int64Array], index: int) -> AttentionTarget:
        # with key dimension 4 the root that logits are divided by is a power of two
        query, key = np.zeros((1, 2, 4)), np.zeros((1, 2, 4))
        query[0, :, :2], key[0, :, :2] = 2 * _real(targets[0][index]), np.eye(2)
        return AttentionTarget.from_arrays(query, key, _real(targets[1][index]).T[None], np.eye(2)[None])

    def construction(self) -> Construction:
        return Attention()

    def weights(self, seed: int, index: int, width: int) -> list[tuple[Int64Array, Any]]:
        flat = [np.zeros((1, part.rows, part.coordinates), np.int64) for part in self.parts]
        source = self.lay_out(self.model(flat, 0), seed, index, width)
        return [(p.first(0), p.second(0, slice(None))) for p in source.products.values()]

    def errors(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]]) -> Array:
        found = []
        for start in range(0, len(targets[0]), 256):
            rows = slice(start, start + 256)
            (A, C), E = ([_real(t[rows]) for t in targets], [_real(r[0][rows]) for r in residuals])
            gap = _attend(A + E[0], C + E[1]) - _attend(A, C)
            found.append(np.abs(gap).reshape(len(gap), -1).max(axis=1))
        return np.asarray(np.concatenate(found) - SLACK)

    def collapsed(
        self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]], index: int
    ) -> MergedAttention:
        A, C = (_real(t[index] + r[0][index]) for t, r in zip(targets, residuals, strict=True))
        return MergedAttention(A[None], C.T[None], np.zeros(2))


@final
@dataclass(frozen=True)
class Network(System):
    """relu, relu, linear: 3-4-4-2. Its first two layers are always the same ones, of spectral norm 1, and none of
    their hidden units is 0 on most of the ball."""

    name = "network"
    title = "a network, 3-4-4-2"
    parts = (Part(4, 3, (1, -1)), Part(4, 4, (1,)), Part(2, 4, (1,)))
    range = 0.5
    domain = slt.Ball(1.0)

    def fixed(self) -> list[Array]:
        """The weights of the first two layers."""
        key = Key(0) / "phase-diagram" / self.name / "target 7"
        return [layer.weight for layer in spectral_chain("3-4-4-2", key).layers[:2]]

    def targets(self, seed: int, first: int, count: int) -> list[Int64Array]:
        same = [np.ldexp(w, LATTICE).astype(np.int64) for w in self.fixed()]
        return [*(np.broadcast_to(w, (count, *w.shape)).copy() for w in same), self.uniform(2, seed, first, count)]

    def model(self, targets: Sequence[Int64Array], index: int) -> slt.Target:
        return slt.Target.from_arrays([_real(t[index]) for t in targets])

    def weights(self, seed: int, index: int, width: int) -> list[tuple[Int64Array, Any]]:
        flat = slt.Target.from_arrays([np.zeros((p.rows, p.coordinates)) for p in self.parts])
        return _two_layer_weights(self.lay_out(flat, seed, index, width))

    def errors(self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]]) -> Array:
        found = []
        for start in range(0, len(targets[0]), 256):
            rows = slice(start, start + 256)
            wanted = [_real(t[rows]) for t in targets]
            first = [_real(targets[0][rows] + r[rows]) for r in residuals[0]]
            later = [_real(t[rows] + r[0][rows]) for t, r in zip(targets[1:], residuals[1:], strict=True)]
            gap = _pass(*first, *later) - _pass(wanted[0], wanted[0], *wanted[1:])
            found.append(np.abs(gap).reshape(len(gap), -1).max(axis=1))
        return np.asarray(np.concatenate(found) - SLACK)

    def collapsed(
        self, targets: Sequence[Int64Array], residuals: Sequence[Sequence[Int64Array]], index: int
    ) -> CollapsedNetwork:
        layers = []
        for i, (wanted, found) in enumerate(zip(targets, residuals, strict=True)):
            P, N = (_real(wanted[index] + r[index]) for r in (found[0], found[-1]))
            # behind a ReLU no input is negative
            N = N if len(found) == 2 else np.zeros_like(N)
            layers.append(CollapsedLayer(P, N, np.zeros(len(P)), i < 2))
        return CollapsedNetwork(tuple(layers))

    def volume(self) -> float:
        """|det| of the target's features at 4 of ``POINTS``: chosen greedily, for the counting bound."""
        first, second = self.fixed()
        left = np.maximum(second @ np.maximum(first @ POINTS, 0.0), 0.0)
        volume = 1.0
        for _ in range(4):
            sizes = np.linalg.norm(left, axis=0)
            axis = left[:, int(sizes.argmax())] / sizes.max()
            volume *= float(sizes.max())
            left = left - np.outer(axis, axis @ left)
        return volume


SYSTEMS: dict[str, System] = {s.name: s for s in (Weight(), Layer(), Head(), Network())}


def _real(integers: Int64Array) -> Array:
    return np.asarray(np.ldexp(integers.astype(np.float64), -LATTICE))


def _two_layer_weights(source: Any) -> list[tuple[Int64Array, Any]]:
    return [(source.first(p), source.second(p, slice(None))) for p in source.distinct_parts.values()]


def _sphere(count: int) -> Array:
    """(3, count) points spread evenly over the unit sphere, a hair inside: a network without biases is homogeneous, so
    its sup error on the ball is on the sphere."""
    turn = np.pi * (1 + np.sqrt(5.0)) * np.arange(count)
    height = 1 - (2 * np.arange(count) + 1) / count
    round_ = np.sqrt(1 - height**2)
    return np.stack([round_ * np.cos(turn), round_ * np.sin(turn), height]) * (1 - 1e-12)


POINTS = _sphere(200)


def _pass(P: Array, N: Array, second: Array, third: Array) -> Array:
    """(S, 2, points) outputs at ``POINTS``; first layers (S, 4, 3) on positive and negative inputs."""
    hidden = np.maximum(P @ np.maximum(POINTS, 0.0) + N @ np.minimum(POINTS, 0.0), 0.0)
    return np.asarray(third @ np.maximum(second @ hidden, 0.0))


def _sequences() -> Array:
    """(sequences, 2 tokens, 2): one direction, or two at equal distance or not, of tokens as long as the domain allows.
    A sequence of one token twice is answered with C x alone."""
    angles = np.arange(16) * np.pi / 8
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pairs = [(around[i], around[(i + step) % 16]) for step in (0, 2, 4, 6, 8) for i in range(16)]
    return np.asarray(pairs) * np.sqrt(2.0) * (1 - 1e-12)


SEQUENCES = _sequences()


def _attend(A: Array, C: Array) -> Array:
    """(S, sequences, tokens, 2) outputs at ``SEQUENCES``; A (S, 2, 2), C (S, outputs, values)."""
    x = SEQUENCES[None]
    logits = x @ A[:, None] @ x.swapaxes(2, 3)
    return np.asarray(softmax(logits, None) @ (x @ C.swapaxes(1, 2)[:, None]))
