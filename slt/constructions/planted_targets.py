"""Explicit small networks to plant: a ReLU unit, the classes of a circle, a helix (Fischer and Burkholz, "Plant 'n'
Seek", ICLR 2022, section 4 and appendix A.4), for any number of layers, and the data of their tasks.

``depth`` counts the input as the paper does, so a target of depth d has d - 1 linear layers. What the paper prints
wrongly is mended here: the first coefficient of a univariate network whose units look both ways, and the folding of
the second coordinate by a mirror layer.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.targets import Target
from slt.weights import Key, Normal, Uniform

FloatArray = npt.NDArray[np.float64]

BOUNDS = (0.2, 0.5, 0.7)
"""Classes of the circle: where x1^2 + x2^2 passes from one to the next."""
SLOPES = (5.0, 10.0, 20.0, 40.0)
"""Slopes of their logits, lines in x1^2 + x2^2 whose largest changes at the bounds."""
COMMON = (15.0, -7.0)
"""Slope and offset of a line that is taken off all logits: softmax and argmax stay, and weights differ less in size."""
KNOTS = 10
"""Of the square on [0, 1], and at depth 3 on [-1, 1]: 9 pieces and as many units. The published tickets have a unit at
the last knot too, which no input of the task reaches; it is left out."""
TURNS = 30
"""Knots of the helix, with 29 pieces and units."""


class Task(ABC):
    """A target for every depth, and data of which it is the truth. Inputs are uniform on [-1, 1]^inputs.

    ``inputs``, ``outputs``  of the target
    ``least``                the smallest depth
    ``classes``              whether outputs are logits (labels are int64) or numbers (labels are float64 rows)
    """

    name: ClassVar[str]
    inputs: ClassVar[int]
    outputs: ClassVar[int]
    classes: ClassVar[bool]
    least: ClassVar[int] = 3

    def target(self, depth: int) -> Target:
        """The network. InputError for depths below ``least``."""
        if isinstance(depth, bool) or not isinstance(depth, int) or depth < self.least:
            raise InputError(
                f"making the {self.name} target: a depth of at least {self.least} is needed, the input counted; "
                f"{depth!r} was given"
            )
        return self._target(depth - 1)

    @abstractmethod
    def _target(self, layers: int) -> Target: ...

    @abstractmethod
    def truth(self, x: FloatArray) -> npt.NDArray[Any]:
        """The labels without noise for inputs of shape (count, inputs): (count,) or (count, outputs)."""

    @abstractmethod
    def noisy(self, x: FloatArray, truth: npt.NDArray[Any], key: Key) -> npt.NDArray[Any]:
        """The labels with the task's noise."""

    def sample(self, count: int, key: Key, noise: bool = True) -> tuple[FloatArray, npt.NDArray[Any]]:
        """``count`` inputs and labels, a pure function of ``key``; more of them begin with fewer."""
        law = Uniform()
        x = law.draw(key / "inputs", (self.inputs, 1, count))[:, 0].T / 2.0**law.exponent
        truth = self.truth(x)
        return x, self.noisy(x, truth, key / "noise") if noise else truth


@final
@dataclass(frozen=True)
class ReluTask(Task):
    """max(0, x): one unit a layer, all weights 1, no biases. Noise: normal of deviation ``sigma``."""

    name: ClassVar[str] = "relu"
    inputs: ClassVar[int] = 1
    outputs: ClassVar[int] = 1
    classes: ClassVar[bool] = False

    sigma: float = 0.01

    def _target(self, layers: int) -> Target:
        return Target.from_arrays([[[1.0]]] * layers)

    def truth(self, x: FloatArray) -> FloatArray:
        return np.maximum(x, 0.0)

    def noisy(self, x: FloatArray, truth: FloatArray, key: Key) -> FloatArray:
        return truth + self.sigma * _normal(key, truth.shape)


@final
@dataclass(frozen=True)
class CircleTask(Task):
    """Four classes by x1^2 + x2^2, which passes from one to the next at 0.2, 0.5 and 0.7.

    Depth 3: the square of each coordinate by pieces on [-1, 1], then the logits, lines in the sum of the squares. From
    depth 4 on the coordinates are made positive first, and from depth 5 on ``depth - 4`` mirror layers halve the angle
    of the point and keep its norm. Noise: about ``flips`` of the labels go to the next-closest class.
    """

    name: ClassVar[str] = "circle"
    inputs: ClassVar[int] = 2
    outputs: ClassVar[int] = 4
    classes: ClassVar[bool] = True

    flips: float = 0.01

    def _target(self, layers: int) -> Target:
        if layers == 2:
            knots = np.linspace(-1.0, 1.0, KNOTS)
            # a first unit of weight 1 and bias 1 is x + 1 itself; units to the right of it bend the line
            inner = np.kron(np.eye(2), np.ones((KNOTS - 1, 1)))
            shifts = -np.tile(knots[:-1], 2)
            changes, start = _pieces(np.square, knots)
            return _with_logits([inner], [shifts], np.tile(changes, 2)[None], np.array([2 * start]))
        weights = [np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])]
        first, second = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])  # rows that give |x1|, |x2|
        reach = (1.0, 1.0)
        for mirror in range(layers - 3):
            weights.append(mirror_layer(math.pi / 2 ** (mirror + 2), first, second))
            first, second = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])
            # an angle of at most pi / 2**(mirror + 2) now, and no norm above 1 matters
            reach = (1.0, math.sin(math.pi / 2 ** (mirror + 2)))
        rows: list[FloatArray] = []
        offsets: list[FloatArray] = []
        bends: list[FloatArray] = []
        for read, most in zip((first, second), reach, strict=True):
            knots = np.linspace(0.0, 1.0, KNOTS)
            knots = knots[: np.count_nonzero(knots < most) + 1]
            change, _ = _pieces(np.square, knots)
            rows += [read] * change.size
            offsets.append(-knots[:-1])
            bends.append(change)
        return _with_logits(
            [*weights, np.array(rows)],
            [*([None] * len(weights)), np.concatenate(offsets)],
            np.concatenate(bends)[None],
            np.zeros(1),
        )

    def truth(self, x: FloatArray) -> npt.NDArray[np.int64]:
        return np.asarray(np.searchsorted(BOUNDS, np.square(x).sum(axis=1), side="right"), dtype=np.int64)

    def noisy(self, x: FloatArray, truth: npt.NDArray[np.int64], key: Key) -> npt.NDArray[np.int64]:
        law, radius = Uniform(), np.square(x).sum(axis=1)
        chosen = np.abs(law.draw(key, (1, 1, len(x))).reshape(-1) / 2.0**law.exponent) < self.flips
        nearest = np.abs(radius[:, None] - np.array(BOUNDS)).argmin(axis=1)
        other = np.where(truth <= nearest, nearest + 1, nearest)  # the class on the other side of that bound
        return np.asarray(np.where(chosen, other, truth), dtype=np.int64)


@final
@dataclass(frozen=True)
class HelixTask(Task):
    """(y cos y, y sin y, y) / (8 pi) with y = 5 pi + 3 pi x: one hidden layer of 29 units that look to both sides in
    turn, shared by the outputs; the other layers carry the three numbers on. Noise: normal of deviation ``sigma``."""

    name: ClassVar[str] = "helix"
    inputs: ClassVar[int] = 1
    outputs: ClassVar[int] = 3
    classes: ClassVar[bool] = False

    sigma: float = 0.01

    def _target(self, layers: int) -> Target:
        knots = np.linspace(-1.0, 1.0, TURNS)
        signs = np.where(np.arange(TURNS - 1) % 2 == 0, 1.0, -1.0)  # the first unit, x + 1 itself, looks to the right
        outer, start = univariate(lambda x: self.truth(x[:, None]), knots, signs)
        inner, shifts = signs[:, None], -signs * knots[:-1]
        if layers == 2:
            return Target.from_arrays([inner, outer], [shifts, start])
        # numbers from -1 on pass a ReLU after 1 is added
        carried = [np.eye(3)] * (layers - 2)
        last = -np.ones(3)
        return Target.from_arrays([inner, outer, *carried], [shifts, start + 1.0, *([None] * (layers - 3)), last])

    def truth(self, x: FloatArray) -> FloatArray:
        y = 5 * math.pi + 3 * math.pi * x[:, 0]
        return np.stack([y * np.cos(y), y * np.sin(y), y], axis=1) / (8 * math.pi)

    def noisy(self, x: FloatArray, truth: FloatArray, key: Key) -> FloatArray:
        return truth + self.sigma * _normal(key, truth.shape)


TASKS: tuple[Task, ...] = (ReluTask(), CircleTask(), HelixTask())


def mirror_layer(angle: float, first: FloatArray, second: FloatArray) -> FloatArray:
    """Weights of three ReLU units that turn a point by -``angle`` and keep the second coordinate's two signs apart:
    with a = cos angle and b = sin angle, (a x + b y, b x - a y, a y - b x) for x, y >= 0 read by the rows ``first`` and
    ``second``. The point (x', |y'|) has the norm of (x, y), and for an angle of (x, y) in [0, 2 ``angle``] one in
    [0, ``angle``]: the fold halves the range. (Printed in the paper with a minus that loses the fold.)
    """
    a, b = math.cos(angle), math.sin(angle)
    return np.array([a * first + b * second, b * first - a * second, a * second - b * first])


def univariate(f: Any, knots: FloatArray, signs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(outer, start): ``start + outer @ relu(signs * (x - knots[:-1]))`` interpolates ``f`` at the rising knots, for x
    between the first and the last.

    ``f`` maps (count,) to (count, outputs); ``signs`` are +1 or -1, one for each knot but the last, +1 first. A unit
    that looks to the left is relu(t - x) = relu(x - t) - (x - t), so the first coefficient is the first slope plus the
    changes of slope at all units that look to the left: the published one is the slope alone, which holds only if
    there are none.
    """
    values = np.asarray(f(knots), dtype=np.float64)
    slopes = np.diff(values, axis=0) / np.diff(knots)[:, None]
    outer = np.concatenate([slopes[:1], np.diff(slopes, axis=0)])
    scale = np.abs(slopes).max()
    outer[np.abs(outer) < 1e-12 * scale] = 0.0  # a straight piece has no change of slope; round-off is none
    left = signs < 0
    outer[0] += outer[left].sum(axis=0)
    # each such unit adds change * (x - t) = change * (x - knots[0]) - change * (t - knots[0])
    start = values[0] - (outer[left] * (knots[:-1][left] - knots[0])[:, None]).sum(axis=0)
    return outer.T.copy(), start


def _pieces(f: Any, knots: FloatArray) -> tuple[FloatArray, float]:
    """The same for one output and units that all look to the right: (changes of slope, value at the first knot)."""
    outer, start = univariate(lambda x: f(x)[:, None], knots, np.ones(knots.size - 1))
    return outer[0], float(start[0])


def _with_logits(weights: list[Any], biases: list[Any], square: FloatArray, start: FloatArray) -> Target:
    """Adds the last layer: lines in the sum of the squares, ``start + square @ units``."""
    offsets = [0.0]
    for low, high, bound in zip(SLOPES, SLOPES[1:], BOUNDS, strict=False):
        offsets.append((low - high) * bound + offsets[-1])
    slopes = np.array(SLOPES)[:, None] - COMMON[0]
    shifts = np.array(offsets) - COMMON[1]
    return Target.from_arrays([*weights, slopes @ square], [*biases, (slopes * start)[:, 0] + shifts])


def _normal(key: Key, shape: tuple[int, ...]) -> FloatArray:
    law = Normal(20)
    count, outputs = shape
    return law.draw(key, (outputs, 1, count))[:, 0].T / 2.0**law.exponent
