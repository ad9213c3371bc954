"""Softmax weights under shifts of the logits, in fractions: what counts are the exponentials of the logits.

With s = exp(e) a fraction, tanh(e / 2) = (s - 1) / (s + 1) is one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ._exact_matrices import is_positive_semidefinite, rounded


def weights(exponentials: Sequence[Fraction]) -> list[Fraction]:
    total = sum(exponentials, Fraction(0))
    return [x / total for x in exponentials]


def moved(exponentials: Sequence[Fraction], factors: Sequence[Fraction]) -> Fraction:
    """||p' - p||_1, the logits moved by the logarithms of ``factors``."""
    after = weights([x * f for x, f in zip(exponentials, factors, strict=True)])
    return sum((abs(a - b) for a, b in zip(after, weights(exponentials), strict=True)), Fraction(0))


def moved_tokens(
    exponentials: Sequence[Fraction], factors: Sequence[Fraction], tokens: Sequence[Sequence[Fraction]]
) -> list[Fraction]:
    """(p' - p) X, X with a row for each key."""
    after = weights([x * f for x, f in zip(exponentials, factors, strict=True)])
    change = [a - b for a, b in zip(after, weights(exponentials), strict=True)]
    columns = zip(*tokens, strict=True)
    return [sum((c * x for c, x in zip(change, column, strict=True)), Fraction(0)) for column in columns]


def two_clusters(keys: int, s: Fraction) -> tuple[list[Fraction], list[Fraction]]:
    """Exponentials and factors of ``keys`` keys, at least two: a quarter of them (at least one) has the mass
    1 / (1 + s) together and rises by e = ln s, the others fall by e."""
    first = max(1, keys // 4)
    rest = keys - first
    return [Fraction(1, first)] * first + [s / rest] * rest, [s] * first + [1 / s] * rest


def certified_move(s: Fraction) -> Fraction:
    """An upper bound of ||p' - p||_1 / 2 over all p and all shifts by at most e = ln s, proved here.

    ||p' - p||_1 / 2 = p'(A) - p(A) for some set A of keys, with P = p(A) and r = s**2 at most r P / (r P + 1 - P) - P,
    as raising A by e and lowering the rest by e is worst. That this is at most t for all P in [0, 1] holds if the
    quadratic t (1 + (r - 1) P) - (r - 1) P (1 - P) has a positive semidefinite matrix; the smallest such t is a
    semidefinite program. Its answer is raised by 2**-30, or more where that is not enough, rounded, and its matrix is
    checked exactly.
    """
    import cvxpy as cp

    r = s * s
    t = cp.Variable()
    entries = [[t, float(r - 1) * (t - 1) / 2], [float(r - 1) * (t - 1) / 2, float(r - 1)]]
    bent = cp.bmat([[cp.reshape(x, (1, 1), order="C") for x in row] for row in entries])
    cp.Problem(cp.Minimize(t), [(bent + bent.T) / 2 >> 0]).solve(solver=cp.CLARABEL)
    for bits in (30, 27, 24):
        found = rounded(float(t.value) + 2.0**-bits)
        side = (r - 1) * (found - 1) / 2
        if is_positive_semidefinite([[found, side], [side, r - 1]]):
            return found
    return Fraction(1)  # what always holds
