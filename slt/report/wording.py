"""Durations, sizes and values, as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NOT_RECORDED = "not recorded"


def duration(seconds: float) -> str:
    """``0.42 s``, ``17 min 36 s``, ``2 h 9 min``; two figures at least."""
    if seconds < 59.95:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def memory(size: int | None) -> str:
    """A number of bytes in units of 1024."""
    if size is None:
        return NOT_RECORDED
    return f"{size / 2**20:,.0f} MiB" if size < 2**30 else f"{size / 2**30:,.1f} GiB"


def count(number: int, noun: str) -> str:
    """``1 unit``, ``26 units``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def value(given: Any, limit: int = 80) -> str:
    """A value as JSON, of ``limit`` characters at most."""
    text = json.dumps(given, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def values(given: Iterable[Any], limit: int = 6) -> str:
    """The first few values."""
    texts = [value(one) for one in given]
    more = len(texts) - limit
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:limit])} and {more} more"
