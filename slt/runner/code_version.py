"""The version of the code that measures: a digest of what it consists of."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import slt


def code_version(folder: Path | None = None) -> str:
    """``0.1.0+1f0c9a3b77d2``: the version of slt, and a digest of its Python files, as they were when this process
    first asked, and of those of an experiment's folder, as they are now. Equal texts: the same code, committed or
    not."""
    digest = hashlib.sha256(_package().encode())
    if folder is not None:
        _add(digest, folder)
    return f"{_version()}+{digest.hexdigest()[:12]}"


@cache
def _package() -> str:
    digest = hashlib.sha256()
    _add(digest, Path(slt.__file__).parent)
    return digest.hexdigest()


@cache
def _version() -> str:
    try:
        return version("slt")
    except PackageNotFoundError:
        return "0"


def _add(digest: hashlib._Hash, root: Path) -> None:
    # names with a dot are editors' own
    for file in sorted(file for file in root.rglob("*.py") if not file.name.startswith(".") and file.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
