"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from slt.errors import TicketFileError
from slt.files import write_whole


def test_write_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    assert write_whole(path, "größe", TicketFileError) == path
    assert path.read_bytes() == "größe".encode()
    write_whole(path, b"new", TicketFileError)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(TicketFileError, match="No space left"):
        write_whole(path, b"newer", TicketFileError)
    with pytest.raises(TicketFileError, match="writing"):
        write_whole(tmp_path / "absent" / "file", b"", error=TicketFileError)
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
