"""How fast random weights are drawn: compiled against plain NumPy, in one run."""

from __future__ import annotations

import time

import numpy as np

from slt.weights import Key, Uniform


def run() -> list[str]:
    law, key = Uniform(), Key(0)
    law.draw(key, (1, 1, 4))
    compiled, plain = [], []
    for _ in range(5):
        start = time.perf_counter()
        law.draw(key, (1000, 1000, 100))
        compiled.append(time.perf_counter() - start)
        start = time.perf_counter()
        law.draw_plain(key, (100, 100, 100))
        plain.append(100 * (time.perf_counter() - start))
    ratio = np.median(np.array(plain) / np.array(compiled))
    return [f"10**8 random weights in {np.median(compiled):.2f} s, {ratio:.0f} times faster than the plain twin"]
