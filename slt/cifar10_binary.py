"""CIFAR-10 as Krizhevsky (2009) published it, from the binary version: six files of 10,000 images, no pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from slt.errors import DataError

ByteImages = npt.NDArray[np.uint8]

FOLDER = "cifar-10-batches-bin"
FILES = {"train": tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test": ("test_batch.bin",)}
RECORDS = 10_000  # images in a file
RECORD = 1 + 3 * 32 * 32  # bytes of one: its label; red, green and blue, each row by row
CLASSES = 10


def binary_folder(folder: Path) -> Path | None:
    """The folder of the six files in ``folder``, its subfolder ``cifar10``, or itself; None if it is nowhere."""
    places = (folder / "cifar10" / FOLDER, folder / FOLDER, *((folder,) if folder.name == FOLDER else ()))
    return next((place for place in places if place.is_dir()), None)


def read_part(place: Path, part: str) -> ByteImages:
    """The images of ``part``, train or test: shape (count, 3, 32, 32), image k of class c at place 10 * k + c.

    The order within a class is that of the files. Raises DataError for a file that is missing or damaged, and if the
    classes are not equally frequent, which in CIFAR-10 they are.
    """
    records = np.concatenate([_records(place / name) for name in FILES[part]])
    labels = records[:, 0]
    found = np.bincount(labels, minlength=CLASSES)
    each = len(records) // CLASSES
    if len(found) > CLASSES or (found != each).any():
        names = ", ".join(FILES[part])
        raise _damaged(place, f"{found.tolist()} images of the classes in {names}", f"{each} of each of {CLASSES}")
    by_class = np.argsort(labels, kind="stable").reshape(CLASSES, each)
    return records[by_class.T.ravel(), 1:].reshape(-1, 3, 32, 32)


def _records(path: Path) -> ByteImages:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"reading CIFAR-10: {path} cannot be read ({error.strerror}); `slt data get cifar10` fetches it"
        ) from error
    if len(content) != RECORDS * RECORD:
        raise _damaged(path, f"{len(content)} bytes", f"{RECORDS * RECORD}, {RECORDS} images of {RECORD} bytes")
    return np.frombuffer(content, dtype=np.uint8).reshape(RECORDS, RECORD)


def _damaged(path: Path, found: str, needed: str) -> DataError:
    return DataError(f"reading CIFAR-10: {path} holds {found}; needed: {needed}. `slt data get cifar10` puts it right")
