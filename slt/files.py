"""Files are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from slt.errors import SltError


def write_whole(path: str | os.PathLike[str], content: bytes | str, error: type[SltError]) -> Path:
    """Write a file whole or not at all: under a temporary name in the same folder, to the disk, then renamed.

    Text is written as UTF-8. Raises ``error`` if it cannot be written; the file that was there is then still whole.
    """
    path = Path(path)
    if not path.name:
        raise error(f"writing a file: {str(path)!r} names no file; give a path that ends in a name")
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as problem:
        raise error(
            f"writing {path}: {problem.strerror}; a file in a folder that exists, may be written to and has room "
            "is needed. Nothing was changed"
        ) from problem
    sync_folder(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Put a new name on the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
