"""Finding claims in a folder, and checking them."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import final

from slt.claims.claim import Claim, Size
from slt.claims.verdict import Verdict
from slt.errors import DataError, InputError, SltError
from slt.nearest import nearest
from slt.weights import Key

PACKAGE = "slt_proofs_check"
FOLDER = "proofs_check"


def find_claims(path: str | os.PathLike[str] | None = None) -> dict[str, Claim]:
    """The claims by name, sorted: ``CLAIM`` of every file of ``path``, or of ``proofs_check`` in ``path`` or the
    working directory, whose name begins with a letter; ``template.py`` is none.

    Raises DataError for a folder without claims, for files that define none and for two files of one name.
    """
    folder = ClaimFolder.at(path)
    return {name: folder.load(name) for name in folder.files}


@final
@dataclass(frozen=True)
class ClaimFolder:
    """The files with claims by the name of the claim, sorted; none is run before it is asked for."""

    path: Path
    files: Mapping[str, Path]

    @staticmethod
    def at(path: str | os.PathLike[str] | None = None) -> ClaimFolder:
        """As ``find_claims`` looks for them. DataError for a folder without claims and for two files of one name."""
        folder = folder_of(path)
        files = sorted(f for f in folder.glob("[a-z]*.py") if f.stem != "template")
        if not files:
            raise DataError(f"finding claims: {folder} holds none; --path names another folder to look in")
        names: dict[str, Path] = {}
        for file in files:
            first = names.setdefault(file.stem.replace("_", "-"), file)
            if first != file:
                raise DataError(f"finding claims in {folder}: {first.name} and {file.name} have one name; rename one")
        _install(folder, anew=True)
        return ClaimFolder(folder, names)

    def load(self, name: str) -> Claim:
        """The claim of that name. DataError for a file that fails or defines none; what it raises of ``slt.errors`` is
        raised as it is."""
        _install(self.path, anew=False)
        return _loaded(self.files[name])


def _install(folder: Path, anew: bool) -> None:
    """A package of its own for the folder, so that claims can share a file that begins with an underscore; ``anew``
    also where it is there already."""
    there = sys.modules.get(PACKAGE)
    if not anew and there is not None and list(there.__path__) == [str(folder)]:
        return
    for known in [m for m in sys.modules if m == PACKAGE or m.startswith(f"{PACKAGE}.")]:
        del sys.modules[known]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    importlib.invalidate_caches()


def folder_of(path: str | os.PathLike[str] | None) -> Path:
    """The folder with the claims. DataError where there is none."""
    start = Path.cwd() if path is None else Path(path)
    for folder in (start / FOLDER, start):
        if folder.is_dir() and any(folder.glob("[a-z]*.py")) and (folder.name == FOLDER or path is not None):
            return folder.resolve()
    raise DataError(f"finding claims: there is no folder {FOLDER} with claims in {start}; --path names where it is")


def _loaded(file: Path) -> Claim:
    try:
        module = importlib.import_module(f"{PACKAGE}.{file.stem}")
    except SltError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(
            f"loading the claim in {file}: {type(error).__name__}: {error}{_members(error)}{_line(error, file)}; mend "
            "that file"
        ) from error
    claim = getattr(module, "CLAIM", None)
    if not isinstance(claim, Claim):
        raise DataError(f"loading the claim in {file}: it defines no CLAIM = ...(), an slt.claims.Claim")
    return claim


def _members(error: BaseException) -> str:
    """The names that a choice has, where one was asked for that it lacks: ``Kind.UPPERR``."""
    choices = getattr(error, "obj", None)
    if not isinstance(error, AttributeError) or not (isinstance(choices, type) and issubclass(choices, Enum)):
        return ""
    return f" is none of {choices.__name__}'s: {', '.join(choices.__members__)}"


def _line(error: BaseException, file: Path) -> str:
    """The last line of a file of that folder on the way to the error."""
    if isinstance(error, SyntaxError):
        return ""  # says its line itself
    places = [p for p in traceback.extract_tb(error.__traceback__) if Path(p.filename).parent == file.parent]
    return f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""


def key_of(name: str) -> Key:
    """Where the draws of a claim are: fixed, so that a check is the same everywhere and never retried."""
    return Key(0) / "claims" / name


def chosen(claims: Mapping[str, object], names: Sequence[str]) -> tuple[str, ...]:
    """These names, each once, all without names. InputError for unknown ones."""
    for name in names:
        if name not in claims:
            raise InputError(f"there is no claim {name!r}{nearest(name, claims)}; known: {', '.join(claims)}")
    return tuple(dict.fromkeys(names)) or tuple(claims)


def check_claims(claims: Mapping[str, Claim], names: Sequence[str], size: Size) -> Iterator[tuple[str, Claim, Verdict]]:
    """Checks the claims of these names, each once, all without names. InputError for unknown ones, before anything is
    checked; what a check raises ends the iteration."""
    for name in chosen(claims, names):
        yield name, claims[name], check_one(name, claims[name], size)


def check_one(name: str, claim: Claim, size: Size) -> Verdict:
    """The verdict of a claim; what it draws, it draws at its name."""
    return claim.check(size, key_of(name))
