"""One training step of edge-popup scores over one of the weights themselves, in one process, in turns."""

from benchmarks.search_step.comparison import run

__all__ = ["run"]
