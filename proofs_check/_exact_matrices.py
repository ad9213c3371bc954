"""Symmetric matrices of fractions: whether they are positive semidefinite, decided exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Matrix = Sequence[Sequence[Fraction]]


def is_positive_semidefinite(matrix: Matrix) -> bool:
    """By L D L^T: every pivot is at least 0, and where one is 0, its column is. Also false where the matrix is not
    symmetric."""
    rows = [list(row) for row in matrix]
    n = len(rows)
    if any(rows[i][j] != rows[j][i] for i in range(n) for j in range(i)):
        return False
    for k in range(n):
        pivot = rows[k][k]
        if pivot < 0 or (pivot == 0 and any(rows[i][k] != 0 for i in range(k + 1, n))):
            return False
        if pivot == 0:
            continue
        for i in range(k + 1, n):
            factor = rows[i][k] / pivot
            if factor:
                for j in range(k + 1, n):
                    rows[i][j] -= factor * rows[k][j]
    return True


def rounded(number: float, bits: int = 40) -> Fraction:
    """The nearest multiple of 2**-bits."""
    return Fraction(round(Fraction(number) * 2**bits), 2**bits)
