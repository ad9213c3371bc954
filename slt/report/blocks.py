"""Summaries of experiments, taken apart: pipe tables, captions and lines of plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

DELIMITERS = re.compile(r"\|(\s*:?-+:?\s*\|)+\s*")
CAPTION = re.compile(r"\*\*([^*]+)\*\*(.*)")


@final
@dataclass(frozen=True)
class Table:
    """A Markdown pipe table; its lines."""

    lines: tuple[str, ...]


@final
@dataclass(frozen=True)
class Caption:
    """A line ``**strong** rest``."""

    strong: str
    rest: str


@final
@dataclass(frozen=True)
class Lines:
    """Plain text, which stays line by line."""

    lines: tuple[str, ...]


Block = Table | Caption | Lines


def blocks_of(summary: str) -> tuple[Block, ...]:
    """The blocks of a summary, in order; blank lines between them are left out, those within plain text kept."""
    return tuple(_blocks(summary.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    plain: list[str] = []
    at = 0
    while at < len(lines):
        block, taken = _table_or_caption(lines, at)
        if block is None:
            plain.append(lines[at])
        else:
            yield from _plain(plain)
            plain = []
            yield block
        at += taken
    yield from _plain(plain)


def _table_or_caption(lines: list[str], at: int) -> tuple[Block | None, int]:
    """The block that begins there, if it is no plain line, and how many lines it has."""
    caption = CAPTION.fullmatch(lines[at])
    if caption:
        return Caption(caption[1], caption[2]), 1
    if not (lines[at].startswith("|") and at + 1 < len(lines) and DELIMITERS.fullmatch(lines[at + 1])):
        return None, 1
    end = at + 2
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return Table(tuple(lines[at:end])), end - at


def _plain(lines: list[str]) -> Iterator[Lines]:
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if filled:
        yield Lines(tuple(lines[filled[0] : filled[-1] + 1]))
