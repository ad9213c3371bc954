"""Texts of experiments: tiny Shakespeare (Karpathy 2015) from a file at hand, or an alphabet for a run of seconds."""

from __future__ import annotations

import os
from pathlib import Path

from slt.data import VARIABLE
from slt.errors import DataError, InputError

FILE = "tinyshakespeare/input.txt"


def read(data: str) -> str:
    """The text of that name. DataError where the file is not at hand, InputError for an unknown name."""
    if data == "alphabet":
        return "the quick brown fox jumps over the lazy dog. " * 200
    if data != "tinyshakespeare":
        raise InputError(f"reading a text: data={data!r} was given; tinyshakespeare or alphabet is needed")
    folder = os.environ.get(VARIABLE) or None
    if folder is None:
        raise DataError(
            f"reading tiny Shakespeare: no folder was given; let {VARIABLE} name a folder that holds {FILE}, or take "
            "--set data=alphabet"
        )
    path = Path(folder) / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"reading tiny Shakespeare: {path} cannot be read ({error}); let {VARIABLE} name a folder that holds {FILE}"
        ) from error
    if len(text) < 10_000:
        raise DataError(f"reading tiny Shakespeare: {path} holds {len(text)} characters; 1,115,394 are expected")
    return text
