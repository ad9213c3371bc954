"""The machine that measures: what it is called in a record, and the most memory that a piece of work took."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def device() -> str:
    """Processor and cores, and the accelerator if this process has used one: "AMD EPYC 7B13, 2 cores".

    It names a kind of machine, never a machine.
    """
    torch = sys.modules.get("torch")
    # asking torch whether there is an accelerator would start it, in every process
    used = torch is not None and torch.cuda.is_initialized()
    return f"{_processor()}, {torch.cuda.get_device_name()}" if torch is not None and used else _processor()


@cache
def _processor() -> str:
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                name = " ".join(line.partition(":")[2].split()) or name
                break
    return f"{name}, {cores()} cores"


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def peak_memory() -> Iterator[Callable[[], int | None]]:
    """Around a piece of work: a function that tells the most memory, in bytes, that this process held since.

    All of the process counts (the interpreter, libraries, other threads). Linux only; elsewhere None.
    """
    with suppress(OSError):
        CLEAR.write_text("5")  # the high-water mark starts anew
    yield _high_water_mark


def _high_water_mark() -> int | None:
    with suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
