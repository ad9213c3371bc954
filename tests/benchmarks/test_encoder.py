"""The encoder benchmark, in small: its lines say what was measured."""

from __future__ import annotations

import numpy as np

from benchmarks.encoder import Encoder, measure


def test_a_small_encoder_is_measured():
    model = Encoder(tokens=20, length=6, width=8, heads=2, hidden=12, layers=1, deviation=0.05)
    lines = measure(model, units=60, tolerance=1e-4)
    assert lines[0].startswith("target: 6 linear maps, 500 weights and biases, 948 subset sums")
    quantiles = [float(q) for q in lines[3].split(": ")[1].split(";")[0].split(", ")]
    assert np.all(np.diff(quantiles) >= 0) and quantiles[0] < 1e-4
    assert lines[-1].startswith("random: 66.14% of the target's numbers; 256 are carried")
