"""CIFAR-10: 32 x 32 colour images of ten classes, from files at hand; ``slt data get cifar10`` fetches them.

They are read from the binary version, which is what Krizhevsky (2009) published, or from a copy that was stored as
JPEG. JPEG is lossy, so those are not quite the same images, and no number measured on them is quite comparable with
published ones: say so beside it. The names ``cifar10-binary`` and ``cifar10-jpeg`` are there for records and tables.
Decoding JPEG takes some ten seconds, so the decoded bytes are kept in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from slt.cifar10_binary import FOLDER, binary_folder, read_part
from slt.data import VARIABLE, LabelArray, given_folder
from slt.errors import DataError, MissingExtraError
from slt.files import write_whole

ByteImages = npt.NDArray[np.uint8]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COUNTS = {"train": 5000, "test": 1000}  # images of each class
SIDE = 32
ARCHIVE = "cifar10-jpeg.tar.xz"
LARGEST = 2**16  # bytes of a JPEG of 32 x 32 pixels; the largest known has 1,124
BINARY_REMEDY = (
    f"`slt data get cifar10` fetches it; or give a folder that holds cifar10/{FOLDER}/ as argument or in the "
    f"environment variable {VARIABLE}"
)
REMEDY = (
    f"give a folder that holds cifar10/{ARCHIVE} or cifar10/train/<class>/NNNN.jpg and cifar10/test/<class>/NNNN.jpg, "
    f"as argument or in the environment variable {VARIABLE}; slt.data.digits() needs none; "
    "`slt data get cifar10` fetches the binary version, which slt.cifar10.cifar10() reads"
)
_NAME = re.compile(rf"(?:\./)?(train|test)/({'|'.join(CLASSES)})/([0-9]{{1,6}})\.jpg")


@final
@dataclass(frozen=True, eq=False)
class ColourImages:
    """Labelled colour images, to train and to test with.

    ``train_x`` and ``test_x``: uint8, shape (count, 3, 32, 32), red, green, blue; ``train_y`` and ``test_y``: int64
    labels from 0 to 9 in the order of ``CLASSES``, shape (count,). The classes take turns, so every run of ten images
    holds each once. ``name``: "cifar10-binary" or "cifar10-jpeg"; ``source``: where they came from, for people (it may
    name a folder, so it belongs in no record).
    """

    train_x: ByteImages
    train_y: LabelArray
    test_x: ByteImages
    test_y: LabelArray
    name: str
    source: str


def cifar10(folder: str | os.PathLike[str] | None = None) -> ColourImages:
    """CIFAR-10 from the binary version in ``folder`` if it is there, else from a JPEG copy; ``name`` says which it was.

    What is to be the same wherever it runs asks for one of them: ``cifar10_binary`` or ``cifar10_jpeg``. Without
    ``folder``, the environment variable ``SLT_DATA`` names it. Raises DataError for files that are missing or damaged,
    MissingExtraError without Pillow if there are JPEGs only.
    """
    given = given_folder(folder)
    if given is not None and binary_folder(given.expanduser()) is not None:
        return cifar10_binary(folder)
    return cifar10_jpeg(folder)


def cifar10_binary(folder: str | os.PathLike[str] | None = None) -> ColourImages:
    """CIFAR-10 as it was published, from the six files in ``cifar-10-batches-bin`` in ``folder`` or its ``cifar10``.

    Without ``folder``, the environment variable ``SLT_DATA`` names it. Raises DataError for files that are missing or
    damaged.
    """
    given = given_folder(folder)
    if given is None:
        raise DataError(f"reading CIFAR-10: no folder was given; {BINARY_REMEDY}")
    place = binary_folder(given.expanduser())
    if place is None:
        raise DataError(f"reading CIFAR-10: {given} holds no folder {FOLDER}; {BINARY_REMEDY}")
    train, test = read_part(place, "train"), read_part(place, "test")
    train_y, test_y = (np.arange(len(x), dtype=np.int64) % len(CLASSES) for x in (train, test))
    return ColourImages(train, train_y, test, test_y, "cifar10-binary", f"CIFAR-10, binary version, {place}")


def cifar10_jpeg(folder: str | os.PathLike[str] | None = None) -> ColourImages:
    """The lossy JPEG copy of CIFAR-10 in ``folder`` or its subfolder ``cifar10``: an archive, or folders of images.

    Without ``folder``, the environment variable ``SLT_DATA`` names it. The archive is read as a stream and never
    unpacked. Decoded images are kept in ``cache_folder()`` under the SHA-256 of what was read; a damaged file there is
    made again, and where none can be written the images are decoded each time.
    Raises DataError for files that are missing, damaged or too few, MissingExtraError without Pillow.
    """
    given = given_folder(folder)
    if given is None:
        raise DataError(f"reading CIFAR-10: no folder was given; {REMEDY}")
    jpegs = _jpegs_in(given.expanduser())
    cached = cache_folder()
    path = None if cached is None else cached / f"cifar10-{jpegs.digest()}.npz"
    arrays = None if path is None else _cached(path)
    if arrays is None:
        arrays = _decoded(jpegs)
        if path is not None:
            _keep(path, arrays)
    source = f"CIFAR-10 as JPEG (lossy), {jpegs.place}"
    return ColourImages(arrays["train"], _labels("train"), arrays["test"], _labels("test"), "cifar10-jpeg", source)


def cache_folder() -> Path | None:
    """``$XDG_CACHE_HOME/slt`` where that is an absolute path, else ``~/.cache/slt``; None without a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return Path(named) / "slt"
    try:
        return Path.home() / ".cache" / "slt"
    except RuntimeError:
        return None


class _Jpegs(ABC):
    """Named JPEG files, somewhere."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of all there is to read, as hexadecimal digits."""

    @abstractmethod
    def files(self) -> Iterator[tuple[str, bytes]]:
        """(name with forward slashes, content) of each file."""


@final
class _Archive(_Jpegs):
    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.content = _content(place)

    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def files(self) -> Iterator[tuple[str, bytes]]:
        try:
            with tarfile.open(fileobj=io.BytesIO(self.content), mode="r|xz") as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    if not member.isreg():
                        raise _damaged(self.place, f"{member.name!r}, a link or device", "folders and plain files")
                    if member.size > LARGEST:
                        raise _damaged(self.place, f"{member.name!r} of {member.size} bytes", f"at most {LARGEST}")
                    file = archive.extractfile(member)
                    yield member.name, b"" if file is None else file.read()
        except (tarfile.TarError, lzma.LZMAError, EOFError, zlib.error) as error:
            raise _damaged(
                self.place, f"{len(self.content)} bytes that are no whole archive ({error})", "all of it"
            ) from error


@final
class _Folder(_Jpegs):
    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, content in self.files():
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()

    def files(self) -> Iterator[tuple[str, bytes]]:
        for part in COUNTS:
            for label in CLASSES:
                for path in sorted((self.place / part / label).glob("*.jpg")):
                    if path.stat().st_size > LARGEST:
                        raise _damaged(path, f"{path.stat().st_size} bytes", f"at most {LARGEST}")
                    yield f"{part}/{label}/{path.name}", _content(path)


def _jpegs_in(folder: Path) -> _Jpegs:
    for place in (folder / "cifar10", folder):
        if (place / ARCHIVE).exists():
            return _Archive(place / ARCHIVE)
        if all((place / part / CLASSES[0]).is_dir() for part in COUNTS):
            return _Folder(place)
    what = "holds no CIFAR-10" if folder.is_dir() else "is not a folder"
    raise DataError(f"reading CIFAR-10: {folder} {what}; {REMEDY}")


def _labels(part: str) -> LabelArray:
    return np.tile(np.arange(len(CLASSES), dtype=np.int64), COUNTS[part])


def _decoded(jpegs: _Jpegs) -> dict[str, ByteImages]:
    """The images of each part, image ``number`` of a class at place 10 * number + class."""
    arrays = {part: np.empty((len(CLASSES) * n, 3, SIDE, SIDE), dtype=np.uint8) for part, n in COUNTS.items()}
    seen = {part: np.zeros(len(array), dtype=bool) for part, array in arrays.items()}
    for name, content in jpegs.files():
        match = _NAME.fullmatch(name)
        if match is None or int(match[3]) >= COUNTS[match[1]]:
            raise _damaged(jpegs.place, f"a file {name!r}", "train/<class>/0000.jpg to 4999, test/<class>/0000 to 0999")
        part, place = match[1], len(CLASSES) * int(match[3]) + CLASSES.index(match[2])
        if seen[part][place]:
            raise _damaged(jpegs.place, f"{name!r} twice", "each image once")
        arrays[part][place] = _pixels(jpegs.place, name, content)
        seen[part][place] = True
    for part, found in seen.items():
        if not found.all():
            needed = f"{len(found)}, {COUNTS[part]} of each class"
            raise _damaged(jpegs.place, f"{found.sum()} images in its part {part}", needed)
    return arrays


def _pixels(place: Path, name: str, content: bytes) -> ByteImages:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            "reading CIFAR-10: Pillow is not installed, which decodes JPEG. Run `pip install pillow`"
        ) from error
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            # the header tells the size before anything is decoded
            if image.size != (SIDE, SIDE):
                width, height = image.size
                raise _damaged(place, f"{name!r} of {width} x {height} pixels", f"{SIDE} x {SIDE}")
            return np.asarray(image.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _damaged(place, f"{name!r}, which Pillow cannot decode ({error})", "a JPEG image") from error


def _cached(path: Path) -> dict[str, ByteImages] | None:
    """What was kept, or None where it is missing or damaged: the file format has checksums."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {part: file[part] for part in COUNTS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return None
    fits = all(
        array.dtype == np.uint8 and array.shape == (len(CLASSES) * COUNTS[part], 3, SIDE, SIDE)
        for part, array in arrays.items()
    )
    return arrays if fits else None


def _keep(path: Path, arrays: dict[str, ByteImages]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy types its keyword allow_pickle only
    with suppress(OSError):  # a cache that cannot be written costs time only; DataError is an OSError
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue(), DataError)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"reading CIFAR-10: {path} cannot be read ({error.strerror}); {REMEDY}") from error


def _damaged(path: Path, found: str, needed: str) -> DataError:
    return DataError(f"reading CIFAR-10: {path} holds {found}; needed: {needed}. Fetch or copy it again")
