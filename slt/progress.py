"""Progress bars on standard error, with rate and time left; in a log a line now and then, and none without an error
stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

LOG_SECONDS = 30.0


def bar(over: Iterable[Any] | None = None, shown: bool = True, **settings: Any) -> Any:
    """tqdm's bar, over an iterable or to be moved by ``update``, with its ``settings``."""
    from tqdm import tqdm

    stream = sys.stderr
    live = stream is not None and stream.isatty()
    pace = {} if live else {"mininterval": LOG_SECONDS, "maxinterval": LOG_SECONDS}
    return tqdm(over, file=stream, disable=not shown or stream is None, **{**pace, **settings})


@contextmanager
def parts(description: str, **settings: Any) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by a function of how much is done, of how much in all."""
    with bar(desc=f"{description:<28}", **settings) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress
        shown.update((shown.total or shown.n) - shown.n)
