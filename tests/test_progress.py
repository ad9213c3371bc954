from __future__ import annotations

import io
import sys

import pytest

from slt.progress import bar, parts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_log_gets_a_few_lines_and_a_terminal_all(kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = kind()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(bar(range(1000), desc="counting", mininterval=0.0) if kind is Terminal else bar(range(1000))) == [
        *range(1000)
    ]
    assert (stream.getvalue().count("\r") > 100) == (kind is Terminal)
    assert "1000/1000" in stream.getvalue()


def test_without_an_error_stream_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert list(bar(range(3))) == [0, 1, 2]


def test_parts_end_full(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with parts("loading", total=1) as progress:
        progress(3, 10)
    assert "loading" in stream.getvalue() and "10/10" in stream.getvalue()
