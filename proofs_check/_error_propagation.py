"""Error propagation: how far parameters of a ReLU chain may move, by several formulas, and nets that move farthest.

A chain of L layers takes inputs x in [-1, 1]^n0 to outputs in [-1, 1]; every parameter that is not zero moves by at
most its layer's allowance eps_l; the claim is that outputs then move by at most eps. All numbers are fractions:
allowances are rounded down, so that every net counted against a formula is within it.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, final

from slt.claims import AdversarialSearch, AtMost, Claim, Comparison, Relation, Size, Verdict
from slt.errors import InputError
from slt.weights import Key, Uniform

ONE = Fraction(1)
EPS = Fraction(1, 100)


def root_above(square: Fraction) -> Fraction:
    """At least the square root, by a relative 2**-60 or so; exact for squares of fractions."""
    p, q = square.numerator, square.denominator
    shift = max(0, 70 - (p * q).bit_length() // 2)
    wanted = (p * q) << (2 * shift)
    root = math.isqrt(wanted)
    return Fraction(root + (root * root < wanted), q << shift)


@final
@dataclass(frozen=True)
class Facts:
    """What formulas ask of one layer: units n_l, largest number of parameters of a unit k_l, norms of its matrix (the
    spectral one from above), and the sup of ||x||_1 over its inputs (from above)."""

    units: int
    parameters: int
    entry: Fraction
    spectral: Fraction
    row_sum: Fraction
    inputs: Fraction


class Norm(ABC):
    """A norm of later layers, and what size a change of a layer's parameters by 1 has in it, from above."""

    @abstractmethod
    def of(self, layer: Facts) -> Fraction: ...

    @abstractmethod
    def change(self, layer: Facts) -> Fraction: ...


@final
@dataclass(frozen=True)
class LargestEntry(Norm):
    """max |w|; changes are counted in the Frobenius norm."""

    def of(self, layer: Facts) -> Fraction:
        return layer.entry

    def change(self, layer: Facts) -> Fraction:
        return root_above(Fraction(layer.units * layer.parameters))


@final
@dataclass(frozen=True)
class Spectral(Norm):
    """The largest singular value; changes are counted in the Frobenius norm."""

    def of(self, layer: Facts) -> Fraction:
        return layer.spectral

    def change(self, layer: Facts) -> Fraction:
        return root_above(Fraction(layer.units * layer.parameters))


@final
@dataclass(frozen=True)
class RowSum(Norm):
    """The largest sum of |w| over a row."""

    def of(self, layer: Facts) -> Fraction:
        return layer.row_sum

    def change(self, layer: Facts) -> Fraction:
        return Fraction(layer.parameters)


@final
@dataclass(frozen=True)
class Allowance:
    """eps_l = factor eps / (L s_l (1 + sup ||x^(l-1)||_1) prod_{k > l} (||W_k|| + eps / L)), s_l = sqrt(n_l k_l) or 1.

    ``root``: s_l is the root. ``capped``: eps_l is also at most factor eps / (L c_l), c_l the largest norm of a change
    of layer l by 1, so that no later norm grows by more than the eps / L that the product gives it.
    """

    norm: Norm
    root: bool
    capped: bool
    factor: Fraction = ONE

    def of(self, layers: Sequence[Facts], eps: Fraction) -> list[Fraction]:
        share = eps / len(layers)
        found = []
        for i, layer in enumerate(layers):
            later = math.prod((self.norm.of(k) + share for k in layers[i + 1 :]), start=ONE)
            size = root_above(Fraction(layer.units * layer.parameters)) if self.root else ONE
            limit = share / (size * (1 + layer.inputs) * later)
            if self.capped:
                limit = min(limit, share / self.norm.change(layer))
            found.append(limit * self.factor)
        return found


@final
@dataclass(frozen=True)
class Alike:
    """A layer all of whose units are alike: ``units`` of them read ``fan_in`` numbers each with one weight, all of the
    layer before, or (``fan_in`` 1) one each; ``bias`` None: it has none. All numbers are positive."""

    units: int
    fan_in: int
    weight: Fraction
    bias: Fraction | None


Chain = tuple[Alike, ...]


def chain_facts(chain: Chain) -> list[Facts]:
    found, value, width = [], ONE, 1
    for layer in chain:
        # a constant matrix of rank one, or a multiple of a selection of rows that are all different
        spectral = layer.weight * (root_above(Fraction(layer.units * layer.fan_in)) if layer.fan_in == width else 1)
        parameters = layer.fan_in + (layer.bias is not None)
        rows = layer.weight * layer.fan_in
        found.append(Facts(layer.units, parameters, layer.weight, spectral, rows, width * value))
        value, width = rows * value + (layer.bias or 0), layer.units
    return found


def chain_output(chain: Chain, moved: Sequence[Fraction]) -> Fraction:
    """At the input 1, all parameters of layer l larger by ``moved[l]``: the worst for positive chains."""
    value = ONE
    for layer, step in zip(chain, moved, strict=True):
        value = layer.fan_in * (layer.weight + step) * value + (0 if layer.bias is None else layer.bias + step)
    return value


def chain_ratio(chain: Chain, allowance: Allowance, eps: Fraction = EPS) -> Fraction:
    """How far the output moves over eps, with every parameter at its allowance."""
    moved = allowance.of(chain_facts(chain), eps)
    return (chain_output(chain, moved) - chain_output(chain, [Fraction(0)] * len(chain))) / eps


def chains(width: int, deepest: int, tame: bool) -> list[Chain]:
    """Chains 1 -> width -> ... -> width -> 1 whose output is at most 1: middle layers full or one to one, of row sum
    ``width``, 1 and much less; first layers that leave values large, 1 or small. ``tame``: every later layer has a
    spectral norm of at least 1."""
    tiny = Fraction(1, 10**6)
    depths = [depth for depth in (2, 3, 4, 8) if depth <= deepest]
    firsts = (Fraction(10), Fraction(1, width), Fraction(1, 10 * width**deepest))
    gains = (Fraction(width), ONE, Fraction(1, 1000))
    lasts = (ONE, Fraction(1, 10 * width), Fraction(1, 1000 * width))
    found = {}
    for depth, first, gain, last, bias, full in itertools.product(
        depths, firsts, gains, lasts, (None, tiny), (True, False)
    ):
        middle = Alike(width, width if full else 1, gain / width if full else gain, bias)
        found[(Alike(width, 1, first, bias), *(depth - 2) * (middle,), Alike(1, width, last, bias))] = None
    return [
        chain
        for chain in found
        if chain_output(chain, [Fraction(0)] * len(chain)) <= 1
        and (not tame or all(layer.spectral >= 1 for layer in chain_facts(chain)[1:]))
    ]


def signed_ratio(first: Sequence[Sequence[Fraction]], last: Sequence[Fraction], allowance: Allowance) -> Fraction:
    """The same of a net of two layers without biases and of any signs, shapes (n, d) and (n,): the exact worst over all
    changes within the allowance, at the worst corner of the inputs."""
    corners = list(itertools.product((-1, 1), repeat=len(first[0])))
    values = [[max(Fraction(0), sum(w * c for w, c in zip(row, x, strict=True))) for row in first] for x in corners]
    rows, columns = ([sum(abs(w) for w in line) for line in lines] for lines in (first, zip(*first, strict=True)))
    flat = [abs(w) for row in first for w in row]
    n, d = len(first), len(first[0])
    spectral = min(root_above(max(rows) * max(columns)), root_above(sum((w * w for w in flat), Fraction(0))))
    length = root_above(sum((w * w for w in last), Fraction(0)))
    layers = [
        Facts(n, d, max(flat), spectral, max(rows), Fraction(d)),
        Facts(1, n, max(map(abs, last)), length, sum(map(abs, last)), max(sum(v) for v in values)),
    ]
    inner, outer = allowance.of(layers, EPS)
    worst = Fraction(0)
    for x, before in zip(corners, values, strict=True):
        for sign in (1, -1):
            # unit by unit, each change at an end: the output is monotone in each
            total = Fraction(0)
            for row, weight, value in zip(first, last, before, strict=True):
                reads = sum(w * c for w, c in zip(row, x, strict=True))
                total += max(
                    sign * ((weight + a) * max(Fraction(0), reads + b) - weight * value)
                    for a in (outer, -outer)
                    for b in (d * inner, -d * inner)
                )
            worst = max(worst, total)
    return worst / EPS


def as_text(chain: Chain) -> list[list[str]]:
    return [[str(k.units), str(k.fan_in), str(k.weight), "" if k.bias is None else str(k.bias)] for k in chain]


def from_text(rows: Sequence[Sequence[str]]) -> Chain:
    return tuple(Alike(int(n), int(k), Fraction(w), Fraction(b) if b else None) for n, k, w, b in rows)


class ErrorPropagation(Claim):
    """What the claims share: one adversary for all formulas. Subclasses have the fields ``allowance`` and
    ``relation``. ``tame``: only chains whose later layers have a spectral norm of at least 1."""

    allowance: Allowance
    relation: Relation = AtMost()
    tame: ClassVar[bool] = False

    def check(self, size: Size, key: Key) -> Verdict:
        rows, tries, broken = [], 0, None
        deepest = size.choose(smoke=3, full=8)
        cases = [(width, deepest) for width in size.choose(smoke=(2, 8), full=(2, 3, 4, 6, 8, 16, 32, 256, 1024))]
        for width, depth in [(6, 2), (8, 2), *cases] if self.tame else [(1, deepest), *cases]:
            family = chains(width, depth, self.tame)
            ratio, chain = max(((chain_ratio(c, self.allowance), c) for c in family), key=lambda pair: pair[0])
            tries += len(family)
            rows.append(
                Comparison.of(
                    f"width {width}, at most {depth} layers, worst of {len(family)} positive chains",
                    ratio,
                    self.relation,
                    ONE,
                )
            )
            broken = chain if broken is None and ratio > 1 else broken
        if broken is None:
            # random nets are far from the worst, so they are of use only where nothing is found
            count = size.choose(smoke=8, full=400)
            worst = max(signed_ratio(*_signed(key, i), self.allowance) for i in range(count))
            tries += count
            rows.append(Comparison.of(f"{count} random signed nets of two layers", worst, self.relation, ONE))
        method = "chains of equal units with every parameter at its allowance, and signed nets, in fractions"
        return Verdict.of(rows, AdversarialSearch(tries, method), broken and self._stored(broken), NOTE)

    def _stored(self, chain: Chain) -> dict[str, Any]:
        allowances = [str(step) for step in self.allowance.of(chain_facts(chain), EPS)]
        return {"eps": str(EPS), "layers": as_text(chain), "allowances": allowances}

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        """The stored chain with the stored changes, which have to be within the formula."""
        chain, eps = from_text(counterexample["layers"]), Fraction(counterexample["eps"])
        moved = [Fraction(step) for step in counterexample["allowances"]]
        limits = self.allowance.of(chain_facts(chain), eps)
        if any(step > limit for step, limit in zip(moved, limits, strict=True)):
            raise InputError("the stored changes exceed the allowances that this claim gives; check the claim again")
        change = (chain_output(chain, moved) - chain_output(chain, [Fraction(0)] * len(chain))) / eps
        row = Comparison.of("the stored chain", change, self.relation, ONE)
        return Verdict.of([row], AdversarialSearch(1, "the stored chain"), note=NOTE)


NOTE = (
    "Measured: change of the output over eps. A counterexample has units, numbers read by each, weight and bias for "
    "each layer, input 1, all parameters moved up by the allowances."
)


def _signed(key: Key, i: int) -> tuple[list[list[Fraction]], list[Fraction]]:
    n, d = (1, 2, 4, 6)[i % 4], 1 + i % 3
    drawn = Uniform(10).draw(key / f"signed net {i}", (1, n, d + 1))[0].tolist()
    shrink = 1 << (i % 3) * 3
    return [[Fraction(w, 1024) for w in row[:d]] for row in drawn], [Fraction(row[d], 1024 * shrink) for row in drawn]
