"""Texts: found, or missed with an error that says what to do."""

from __future__ import annotations

import pytest

from slt.errors import DataError, InputError
from slt.text import read


def test_a_missing_text_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("SLT_DATA", raising=False)
    with pytest.raises(DataError, match=r"let SLT_DATA name a folder that holds tinyshakespeare/input.txt"):
        read("tinyshakespeare")
    monkeypatch.setenv("SLT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        read("tinyshakespeare")
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("To be")
    with pytest.raises(DataError, match="holds 5 characters"):
        read("tinyshakespeare")
    with pytest.raises(InputError, match="tinyshakespeare or alphabet"):
        read("sonnets")
