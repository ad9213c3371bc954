"""What a solver may allocate: a need above what is free is refused before it is allocated, with the number."""

from __future__ import annotations

from pathlib import Path

from slt.errors import LimitError

_SPARE = 1 / 16  # of what is free: left for everything else


def free_memory() -> int:
    """Bytes that can be allocated now: what the machine has available, or the control group's room if that is less."""
    import psutil

    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        # file pages are given back when needed
        pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        if most != "max":
            free = min(free, int(most) - used + int(pages.get("inactive_file", 0)))
    except (OSError, ValueError):
        pass  # no such control group: the machine's word stands
    return max(free, 0)


def require_memory(needed: int, doing: str, remedy: str) -> None:
    """Raises LimitError if ``needed`` bytes are more than is free; ``doing`` and ``remedy`` complete the sentence."""
    free = free_memory()
    if needed > free * (1 - _SPARE):
        raise LimitError(
            f"{doing} needs {needed / 2**20:,.0f} MiB of memory and {free / 2**20:,.0f} MiB are free; {remedy}"
        )
