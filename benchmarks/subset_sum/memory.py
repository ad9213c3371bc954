"""Peak memory of one instance in a fresh process: ``python -m benchmarks.subset_sum.memory NAME N`` prints MiB.

Measured is the peak of resident memory minus what was resident before, after a small instance has loaded libraries and
compiled code. A competitor gets ``SECONDS``; beyond that the number is what it had reached.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS = 3.0


def peak_mib(name: str, n: int) -> float | None:
    """From a fresh process; None where it failed or the system keeps no peak that can be reset (other than Linux)."""
    command = [sys.executable, "-m", __spec__.name, name, str(n)]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=here)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def _resident(which: str) -> int:
    """KiB of VmRSS or VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which))


def main(name: str, n: int) -> None:
    from benchmarks.subset_sum.comparison import instances
    from benchmarks.subset_sum.competitors import COMPETITORS
    from slt.subset_sum import solve

    ask = {c.name: c.solve for c in COMPETITORS}.get(name, lambda items, target, seconds: solve(items[None], [target]))
    for size, seconds in ((4, SECONDS), (12, SECONDS), (n, SECONDS)):
        items, targets = instances(size, 1)
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = _resident("VmRSS")
        ask(items[0], int(targets[0]), seconds)
        peak = _resident("VmHWM")
    print((peak - before) / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
