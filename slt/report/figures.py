"""Figures of a report: drawn from the records in a folder of their own, each kept once."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from slt.records import Record
from slt.runner import Experiment

MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


@final
@dataclass(frozen=True)
class Figure:
    """``name``: of the file, ``widths.svg``; ``content``: the file."""

    name: str
    content: bytes

    @property
    def title(self) -> str:
        """``heads and lengths``, for people."""
        return Path(self.name).stem.replace("-", " ").replace("_", " ")

    @property
    def address(self) -> str:
        """A ``data:`` address that holds the file."""
        return f"data:{MEDIA[Path(self.name).suffix]};base64,{base64.b64encode(self.content).decode('ascii')}"


def figures_of(experiment: Experiment, records: Sequence[Record]) -> tuple[Figure, ...]:
    """The experiment's figures, in its order. Of files that differ in their suffix alone the smallest is kept; files
    that are neither SVG nor PNG are not. Raises what the experiment raises."""
    with tempfile.TemporaryDirectory() as place:
        kept: dict[str, Figure] = {}
        for file in experiment.figure(records, Path(place)):
            if file.suffix not in MEDIA:
                continue
            drawn, other = Figure(file.name, file.read_bytes()), kept.get(file.stem)
            if other is None or len(drawn.content) < len(other.content):
                kept[file.stem] = drawn
    return tuple(kept.values())
