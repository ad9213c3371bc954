"""The version of the code that measures: a digest of what it consists of."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import slt
from slt.runner.experiment import Experiment


def code_version(experiment: Experiment) -> str:
    """``0.1.0+1f0c9a3b77d2``: the version of slt, and a digest of its Python files and of those of the experiment's
    folder. Equal texts: the same code, committed or not."""
    return _version_of(None if experiment.file is None else experiment.file.parent)


@cache
def _version_of(folder: Path | None) -> str:
    digest = hashlib.sha256()
    for root in (Path(slt.__file__).parent, *([] if folder is None else [folder])):
        for file in sorted(root.rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    try:
        named = version("slt")
    except PackageNotFoundError:
        named = "0"
    return f"{named}+{digest.hexdigest()[:12]}"
