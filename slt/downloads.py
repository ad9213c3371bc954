"""Data sets that can be fetched: what each is made of, what of it is at hand, and how the rest gets there.

A file is fetched into a hidden folder beside its place and moved there when it is whole and right, so that nobody ever
sees half of it. What lies at that place and is something else is set aside under a new name, never overwritten.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from slt.errors import DataError
from slt.files import sync_folder
from slt.mirrors import Bar, RemoteFile, Tell, checksum_of, no_bar, tell_nobody
from slt.unpacking import Member, unpack

ASIDE = ".wrong"


@dataclass(frozen=True)
class Piece(ABC):
    """What one remote file gives: a file or a folder, in the folder of its data set."""

    remote: RemoteFile

    @abstractmethod
    def paths(self, place: Path) -> tuple[Path, ...]:
        """Where it may lie, in the order in which it is looked for; ``get`` puts it at the last one."""

    @abstractmethod
    def right(self, path: Path) -> bool:
        """Whether what lies there has the contents of this piece. OSError where it cannot be read."""

    @abstractmethod
    def made_of(self, fetched: Path, staging: Path) -> Path:
        """The piece, in the folder ``staging``, of the remote file, which may lie elsewhere."""

    def found(self, place: Path) -> Path | None:
        """Where it lies, if what would be read is right."""
        there = [path for path in self.paths(place) if os.path.lexists(path)]
        return there[0] if there and self.right(there[0]) else None


@final
@dataclass(frozen=True)
class GzippedFile(Piece):
    """A gzipped file, kept as it is served; unpacked, or packed by another gzip, it is as good.

    ``contents``: MD5 of the unpacked file, as hexadecimal digits.
    """

    contents: str

    def paths(self, place: Path) -> tuple[Path, ...]:
        packed = place / self.remote.name
        return packed.with_suffix(""), packed

    def right(self, path: Path) -> bool:
        if not path.is_file():
            return False
        try:
            with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
                return checksum_of(file, "md5") == self.contents  # type: ignore[arg-type]
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return False

    def made_of(self, fetched: Path, staging: Path) -> Path:
        return fetched


@final
@dataclass(frozen=True)
class UnpackedFolder(Piece):
    """A folder of an archive, unpacked; the archive is not kept."""

    folder: str
    members: tuple[Member, ...]

    def paths(self, place: Path) -> tuple[Path, ...]:
        return (place / self.folder,)

    def right(self, path: Path) -> bool:
        return all(member.at(path / member.name) for member in self.members)

    def made_of(self, fetched: Path, staging: Path) -> Path:
        return unpack(fetched, self.folder, self.members, staging)


@final
@dataclass(frozen=True)
class Dataset:
    """A data set that mirrors serve. ``folder``: its folder within the folder of all data; ``about``: for people."""

    name: str
    folder: str
    about: str
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch, if nothing of it is at hand."""
        return sum(piece.remote.size for piece in self.pieces)

    @property
    def mirrors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(mirror for piece in self.pieces for mirror in piece.remote.mirrors))

    def with_mirrors(self, *mirrors: str) -> Dataset:
        """The same data set from other mirrors: addresses of folders that hold its files."""
        return replace(self, pieces=tuple(replace(p, remote=replace(p.remote, mirrors=mirrors)) for p in self.pieces))

    def found(self, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Where its pieces lie below a folder of data, whole and right; as many as there are pieces if all is there."""
        with _reading(self.name):
            found = (piece.found(Path(folder) / self.folder) for piece in self.pieces)
            return tuple(path for path in found if path is not None)


@final
@dataclass(frozen=True)
class Obtained:
    """What ``get`` did. ``fetched``: names; ``kept``: paths that were right already; ``aside``: paths of what was
    wrong and has a new name now."""

    place: Path
    fetched: tuple[str, ...]
    kept: tuple[Path, ...]
    aside: tuple[Path, ...]


def get(
    dataset: Dataset,
    folder: str | os.PathLike[str],
    *,
    timeout: float = 30.0,
    bar: Bar = no_bar,
    tell: Tell = tell_nobody,
) -> Obtained:
    """Make a data set whole in ``folder / dataset.folder``; what is there and right is not fetched again.

    ``timeout``: seconds of silence after which a mirror is given up. ``bar`` makes the progress bar of a file, ``tell``
    is told about mirrors that failed and files set aside. Raises DataError when a file cannot be had from any mirror or
    the folder cannot be used; files that came before it stay. MissingExtraError without pooch, if anything is missing.
    """
    place = Path(folder) / dataset.folder
    fetched: list[str] = []
    kept: list[Path] = []
    aside: list[Path] = []
    for piece in dataset.pieces:
        with _reading(dataset.name):
            there = [path for path in piece.paths(place) if os.path.lexists(path)]
            right = [path for path in there if piece.right(path)]
        if right:
            kept.append(right[0])
            # what is looked for before the right one would be read instead of it
            aside += _set_aside(there[: there.index(right[0])], tell)
            continue
        with _staging(place) as staging:
            source = place / piece.remote.name
            with _reading(dataset.name):
                at_hand = piece.remote.at(source)  # an archive that was put there by hand
            if not at_hand:
                source = _fetch(dataset, piece.remote, place, staging, timeout, bar, tell)
                fetched.append(piece.remote.name)
            with _writing(place):
                made = piece.made_of(source, staging)
                _settle(made)
            aside += _move(piece, made, place, tell)
    return Obtained(place, tuple(fetched), tuple(kept), tuple(aside))


def _fetch(
    dataset: Dataset, remote: RemoteFile, place: Path, staging: Path, timeout: float, bar: Bar, tell: Tell
) -> Path:
    try:
        return remote.fetch(staging, timeout=timeout, bar=bar, tell=tell)
    except DataError as error:
        raise DataError(
            f"{error}\nNothing half-fetched was kept. Try again later, name another mirror (--mirror URL), or put "
            f"{remote.name} ({remote.size:,} bytes, sha256 {remote.checksum}) into {place} by hand and get "
            f"{dataset.name} again"
        ) from error


def _move(piece: Piece, made: Path, place: Path, tell: Tell) -> list[Path]:
    """Move a piece to its place and give way for it, unless somebody else was faster."""
    target = piece.paths(place)[-1]
    aside: list[Path] = []
    for _ in range(3):  # others may fetch into the same folder
        with _reading(place.name):
            if piece.found(place) is not None:
                return aside
            wrong = [path for path in piece.paths(place) if os.path.lexists(path)]
        aside += _set_aside(wrong, tell)
        with _writing(place):
            try:
                os.replace(made, target)
            except OSError:
                if made.is_dir() and target.is_dir():
                    continue  # a folder came there in between
                raise
        sync_folder(place)
        return aside
    raise DataError(f"placing {target}: somebody else keeps putting something wrong there; look who, and try again")


def _settle(made: Path) -> None:
    """On the disk, and with the permissions of any other new file: those of a temporary one are its owner's alone."""
    example = made.parent / ".permissions"
    example.touch()
    for path in [made] if made.is_file() else sorted(made.iterdir()):
        os.chmod(path, example.stat().st_mode)
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def _set_aside(paths: list[Path], tell: Tell) -> list[Path]:
    moved = []
    for path in paths:
        names = (path.with_name(path.name + ASIDE + (f"-{n}" if n > 1 else "")) for n in range(1, 1000))
        free = next(name for name in names if not os.path.lexists(name))
        with _writing(path.parent), suppress(FileNotFoundError):
            os.rename(path, free)
            tell(f"{path} is not what it should be; it is now called {free.name}")
            moved.append(free)
    return moved


@contextmanager
def _staging(place: Path) -> Iterator[Path]:
    """A hidden folder of our own in that place, on the same disk; removed whatever happens."""
    with _writing(place):
        place.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".fetching-", dir=place))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"looking for {name}: {error.filename} cannot be read ({error.strerror}); give another folder, or make it "
            "readable"
        ) from error


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"fetching into {place}: nothing can be written there ({error.strerror}); give a folder that may be "
            "written to and has room"
        ) from error
