"""Ball arithmetic at a precision of one's own. A comparison of balls is True only where it is certain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slt.errors import MissingExtraError


@contextmanager
def flint_at(bits: int) -> Iterator[Any]:
    """python-flint with a precision of ``bits`` inside the block. MissingExtraError without it."""
    try:
        import flint
    except ImportError as error:
        raise MissingExtraError(
            "checking a claim in ball arithmetic: python-flint is not installed. Run `pip install 'slt[claims]'`"
        ) from error
    with flint.ctx.workprec(bits):
        yield flint
