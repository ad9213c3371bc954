"""Sines of linear maps, in one sparse ReLU network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from slt.arguments import numbers
from slt.constructions.basis import Basis
from slt.constructions.interpolant import PiecewiseLinear, joined
from slt.domains import Box
from slt.errors import AssumptionError, InputError
from slt.laws import interpolation_error


def fourier_features(frequencies: Any, phases: Any, domain: Box, knots: int = 21) -> Basis:
    """The basis sin(2 pi (n . x + c)) on a box for every row n of ``frequencies`` (F, d) and c of ``phases`` (F,)
    (Burkholz, Laha, Mukherjee, Gotovos, "On the existence of universal lottery tickets", ICLR 2022).

    Two layers, d to the units of all features to F; the linear maps are merged into the inner weights. ``knots``:
    intervals a period, so a feature has as many as periods fit into the range of n . x + c over the box, at least 2.

    Error of a feature on intervals of h periods: 4 pi^2 h^2 / 8.
    """
    n = numbers(frequencies, "making a Fourier basis: frequencies")
    n = n[:, None] if n.ndim == 1 else n
    c = numbers(phases, "making a Fourier basis: phases")
    if n.ndim != 2 or not n.size or c.shape != (len(n),) or not (np.isfinite(n).all() and np.isfinite(c).all()):
        raise InputError(
            "making a Fourier basis: finite frequencies of shape (features, variables) and phases (features,) are "
            f"needed; shapes {n.shape} and {c.shape} were given"
        )
    if isinstance(knots, bool) or not isinstance(knots, (int, np.integer)) or knots < 2:
        raise InputError(f"making a Fourier basis: knots must be a whole number >= 2; {knots!r} was given")
    if not isinstance(domain, Box):
        raise AssumptionError(f"making a Fourier basis: its domain must be a Box; {domain!r} was given")
    low, high = domain.bounds(n.shape[1])
    bottom = np.where(n > 0, n * low, n * high).sum(axis=1) + c
    top = np.where(n > 0, n * high, n * low).sum(axis=1) + c
    if np.any(top <= bottom):
        constant = int(np.flatnonzero(top <= bottom)[0])
        raise AssumptionError(
            f"making a Fourier basis: feature {constant} must vary over the box from {domain.low} to {domain.high}; "
            f"there its argument is {bottom[constant]:.6g} throughout. Leave it out: constants are the read-out's"
        )
    counts = np.maximum(2, np.ceil(knots * (top - bottom) - 1e-9)).astype(int)
    blocks = [
        PiecewiseLinear.of(lambda u: np.sin(2 * math.pi * u), a, b, k)
        for a, b, k in zip(bottom.tolist(), top.tolist(), counts.tolist(), strict=True)
    ]
    return Basis(
        target=joined(blocks, n, c),
        names=tuple(f"sin(2 pi ({_linear(row)} {phase:+g}))" for row, phase in zip(n, c.tolist(), strict=True)),
        domain=domain,
        law=interpolation_error(4 * math.pi**2, top - bottom, counts),
        function=lambda x: np.sin(2 * math.pi * (x @ n.T + c)),
    )


def _linear(row: Any) -> str:
    return " ".join(f"{value:+g} x{j}" for j, value in enumerate(row.tolist()) if value)
