"""Two-layer ReLU nets x -> B relu(A x) in fractions: certificates by semidefinite programs, verified exactly.

With z = relu(A x) and another net's z' = relu(A' x), for every unit
    z_i (z_i - a_i x) = 0,  and  (z'_i - z_i) (z'_i - z_i - (a'_i - a_i) x) <= 0,
and z_i, z_i - a_i x and those of the other net are at least 0, so their products are. A matrix S >= 0 with
    rho |x|^2 - |B' z' - B z|^2 = v^T S v + sum free_i (equalities) - sum t_i (inequalities) + sum u_k (products),
t, u >= 0, v = (x, z, z'), proves that outputs differ by at most sqrt(rho) |x|. The solver proposes rho and the
multipliers; they are rounded to fractions, S is made from them, and L D L^T decides that it is positive semidefinite.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np

from slt.weights import Key, Uniform

from ._exact_matrices import Matrix, is_positive_semidefinite, rounded

ZERO = Fraction(0)
Vector = Sequence[Fraction]


@final
@dataclass(frozen=True)
class Net:
    """x -> B relu(A x): ``first`` (n, d) and ``second`` (m, n)."""

    first: tuple[tuple[Fraction, ...], ...]
    second: tuple[tuple[Fraction, ...], ...]

    @property
    def arrays(self) -> tuple[Any, Any]:
        """Both as float64; exact for the nets here."""
        return np.array(self.first, dtype=np.float64), np.array(self.second, dtype=np.float64)

    def output(self, x: Vector) -> list[Fraction]:
        return times(self.second, [max(ZERO, v) for v in times(self.first, x)])

    def derivative(self, lit: Sequence[bool]) -> list[list[Fraction]]:
        """Where exactly these units are positive; some biases make it so for any choice of them."""
        columns = list(zip(*self.first, strict=True))
        return [
            [sum((b * a for b, a, on in zip(row, column, lit, strict=True) if on), ZERO) for column in columns]
            for row in self.second
        ]


def times(matrix: Sequence[Vector], x: Vector) -> list[Fraction]:
    return [sum((w * v for w, v in zip(row, x, strict=True)), ZERO) for row in matrix]


def minus(a: Matrix, b: Matrix) -> Matrix:
    return [[x - y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]


def square(x: Vector) -> Fraction:
    return sum((v * v for v in x), ZERO)


def equal_net(d: int, n: int, m: int, a: Fraction, b: Fraction) -> Net:
    """d -> n -> m, all weights of the first layer ``a``, of the second ``b``."""
    return Net(((a,) * d,) * n, ((b,) * n,) * m)


def random_net(key: Key, d: int, n: int, m: int) -> Net:
    """Entries uniform on [-1, 1], multiples of 1/64."""
    a = Uniform(6).draw(key / "first", (1, n, d))[0].tolist()
    b = Uniform(6).draw(key / "second", (1, m, n))[0].tolist()
    return Net(*(tuple(tuple(Fraction(w, 64) for w in row) for row in rows) for rows in (a, b)))


def moved(net: Net, key: Key, most: Fraction) -> Net:
    """Every entry moved by at most ``most``."""
    other = random_net(key, len(net.first[0]), len(net.first), len(net.second))
    pairs = ((net.first, other.first), (net.second, other.second))
    return Net(
        *(
            tuple(tuple(w + most * u for w, u in zip(r, s, strict=True)) for r, s in zip(a, b, strict=True))
            for a, b in pairs
        )
    )


def norm_above(matrix: Matrix) -> Fraction:
    """At least the spectral norm, by a relative 1e-9 or so: c with c**2 I - W^T W proved positive semidefinite."""
    columns = list(zip(*matrix, strict=True))
    gram = [[sum((a * b for a, b in zip(p, q, strict=True)), ZERO) for q in columns] for p in columns]
    guess = float(np.linalg.norm(np.array(matrix, dtype=np.float64), 2))
    for slack in (1e-10, 1e-8, 1e-6):
        c = rounded(guess * (1 + slack) + slack * 1e-3)
        if is_positive_semidefinite([[c * c * (i == j) - g for j, g in enumerate(row)] for i, row in enumerate(gram)]):
            return c
    raise ArithmeticError(f"no proof that the spectral norm is {guess}")


def entry_above(matrix: Matrix) -> Fraction:
    """The largest entry: what a wrong formula has in the place of a norm."""
    return max(abs(w) for row in matrix for w in row)


def certified_difference(net: Net, other: Net) -> Fraction:
    """rho with |other(x) - net(x)|^2 <= rho |x|^2 for all x, proved."""
    import cvxpy as cp

    d, n = len(net.first[0]), len(net.first)
    products = _products(net, other)
    rho, free, again, t = cp.Variable(), cp.Variable(n), cp.Variable(n), cp.Variable(n + len(products), nonneg=True)
    equal, equal_again, unequal = (
        [_unit(d, n, i, *coefficients) for i in range(n)]
        for coefficients in ((net.first, 0, 1), (other.first, 1, 0), (minus(other.first, net.first), 1, -1))
    )
    outputs = [[*[ZERO] * d, *(-w for w in row), *new] for row, new in zip(net.second, other.second, strict=True)]
    parts = [
        (rho, [[Fraction(i == j and i < d) for j in range(d + 2 * n)] for i in range(d + 2 * n)]),
        *((-free[i], equal[i]) for i in range(n)),
        *((-again[i], equal_again[i]) for i in range(n)),
        *((t[i], matrix) for i, matrix in enumerate([*unequal, *products])),
    ]
    constant = [[-sum((row[i] * row[j] for row in outputs), ZERO) for j in range(d + 2 * n)] for i in range(d + 2 * n)]
    return _proved(rho, parts, constant, signed=t)


def certified_slope(net: Net) -> Fraction:
    """rho with |net(x) - net(y)|^2 <= rho |x - y|^2 for all x and y and any biases, proved: after Fazlyab et
    al. (2019), with diagonal multipliers.

    With u = x - y and c the difference of the hidden values, c_i (c_i - a_i u) <= 0.
    """
    import cvxpy as cp

    d, n = len(net.first[0]), len(net.first)
    rho, t = cp.Variable(), cp.Variable(n, nonneg=True)
    size = d + n
    unequal = [[row[:size] for row in _unit(d, n, i, net.first, 0, 1)[:size]] for i in range(n)]
    outputs = [[*[ZERO] * d, *row] for row in net.second]
    parts = [
        (rho, [[Fraction(i == j and i < d) for j in range(size)] for i in range(size)]),
        *((t[i], unequal[i]) for i in range(n)),
    ]
    constant = [[-sum((row[i] * row[j] for row in outputs), ZERO) for j in range(size)] for i in range(size)]
    return _proved(rho, parts, constant, signed=t)


def _unit(d: int, n: int, i: int, rows: Matrix, new: int, old: int) -> list[list[Fraction]]:
    """The symmetric matrix of s (s - rows_i x), s = old z_i + new z'_i, in the variables (x, z, z')."""
    s = [ZERO] * (d + 2 * n)
    s[d + i], s[d + n + i] = Fraction(old), Fraction(new)
    other = [a - b for a, b in zip(s, [*rows[i], *[ZERO] * (2 * n)], strict=True)]
    return [[(s[p] * other[q] + s[q] * other[p]) / 2 for q in range(len(s))] for p in range(len(s))]


def _products(net: Net, other: Net) -> list[list[list[Fraction]]]:
    """Minus the symmetric matrices of products of two quantities that are at least 0, but for the two of one unit."""
    d, n = len(net.first[0]), len(net.first)
    forms = []
    for rows, start in ((net.first, d), (other.first, d + n)):
        for i, row in enumerate(rows):
            value = [Fraction(j == start + i) for j in range(d + 2 * n)]
            forms += [
                (start + i, value),
                (start + i, [a - b for a, b in zip(value, [*row, *[ZERO] * 2 * n], strict=True)]),
            ]
    pairs = [(p, q) for (i, p), (j, q) in itertools.combinations(forms, 2) if i != j]
    return [[[-(p[i] * q[j] + p[j] * q[i]) / 2 for j in range(len(p))] for i in range(len(p))] for p, q in pairs]


def _proved(rho: Any, parts: list[tuple[Any, Matrix]], constant: Matrix, signed: Any) -> Fraction:
    """Minimises rho so that the sum of the parts and the constant is positive semidefinite, with a little room, and
    proves that it is for the rounded multipliers."""
    import cvxpy as cp

    floats = [(x, np.array(matrix, dtype=np.float64)) for x, matrix in parts]
    total = sum((x * matrix for x, matrix in floats), np.array(constant, dtype=np.float64))
    cp.Problem(cp.Minimize(rho), [total >> 1e-7 * np.eye(len(constant))]).solve(solver=cp.CLARABEL)
    values = [rounded(float(x.value)) for x, _ in parts]
    values[-signed.size :] = [max(ZERO, v) for v in values[-signed.size :]]
    for slack in (0.0, 1e-7, 1e-5):
        values[0] += rounded(slack)
        found = [
            [
                sum((v * matrix[i][j] for v, (_, matrix) in zip(values, parts, strict=True)), c)
                for j, c in enumerate(row)
            ]
            for i, row in enumerate(constant)
        ]
        if is_positive_semidefinite(found):
            return values[0]
    raise ArithmeticError("the multipliers that the solver proposed prove nothing")


def attained_difference(net: Net, other: Net, tries: int) -> Fraction:
    """|other(x) - net(x)|^2 / |x|^2 at the worst of inputs found in floats, exactly there."""
    (a, b), (c, e) = net.arrays, other.arrays
    x = np.random.default_rng(0).standard_normal((tries, a.shape[1]))
    for _ in range(20):  # on each linear piece, towards its largest direction
        x = np.concatenate([x, x + 0.2 * np.random.default_rng(1).standard_normal(x.shape)])
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        gap = np.maximum(x @ c.T, 0) @ e.T - np.maximum(x @ a.T, 0) @ b.T
        x = x[np.argsort(-(gap**2).sum(axis=1))[:tries]]
    return attained_ratio(net, other, [rounded(v, 20) for v in x[0]])


def attained_ratio(net: Net, other: Net, x: Vector) -> Fraction:
    """|other(x) - net(x)|^2 / |x|^2."""
    gap = [p - q for p, q in zip(other.output(x), net.output(x), strict=True)]
    return square(gap) / square(x)


def attained_slope(net: Net) -> Fraction:
    """The largest |J v|^2 / |v|^2 of derivatives J over all choices of positive units, exactly: attained for some
    biases."""
    worst = ZERO
    for lit in itertools.product((False, True), repeat=len(net.first)):
        derivative = net.derivative(lit)
        v = np.linalg.svd(np.array(derivative, dtype=np.float64))[2][0]
        direction = [rounded(w, 20) for w in v]
        worst = max(worst, square(times(derivative, direction)) / square(direction))
    return worst
