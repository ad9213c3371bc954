"""Data: labelled images for the demo and the experiments, read from files at hand; nothing is downloaded."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from slt.errors import DataError, MissingExtraError

ImageArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]

VARIABLE = "SLT_DATA"
MNIST_FILES = "mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
REMEDY = (
    f"give a folder that holds {MNIST_FILES} (with or without .gz) by --data or in the environment variable {VARIABLE}"
)
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
SIDE = 28


@final
@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images, to train and to test with.

    ``train_x`` and ``test_x``: float32 in [0, 1], shape (count, pixels), an image's rows one after another;
    ``train_y`` and ``test_y``: int64 labels from 0 to 9, shape (count,); ``name``: "mnist" or "digits"; ``source``:
    where they came from, for people (it may name a folder, so it belongs in no record).
    """

    train_x: ImageArray
    train_y: LabelArray
    test_x: ImageArray
    test_y: LabelArray
    name: str
    source: str

    @property
    def pixels(self) -> int:
        return int(self.train_x.shape[1])


def images(folder: str | os.PathLike[str] | None = None) -> Images:
    """MNIST from ``folder``, else from the folder in ``SLT_DATA``; scikit-learn's digits only if neither is given."""
    return digits() if given_folder(folder) is None else mnist(folder)


def mnist(folder: str | os.PathLike[str] | None = None) -> Images:
    """MNIST's 28 x 28 digits from the four IDX files in ``folder`` or its subfolder ``mnist``, gzipped or not.

    Without ``folder``, the environment variable ``SLT_DATA`` names it. Raises DataError for a file that is missing or
    is not what its name says.
    """
    given = given_folder(folder)
    if given is None:
        raise DataError(f"reading MNIST: no folder was given; {REMEDY}")
    place = _folder_of_mnist(given.expanduser(), VARIABLE if folder is None else "the argument")
    train_x, train_y = _images_and_labels(place, "train")
    test_x, test_y = _images_and_labels(place, "t10k")
    return Images(train_x, train_y, test_x, test_y, "mnist", f"MNIST, IDX files in {place}")


def digits() -> Images:
    """The 1797 8 x 8 digits that come with scikit-learn, pixels divided by 16; every fifth (index 4, 9, ...) tests."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            f"reading the digits that come with scikit-learn: it is not installed. Run `pip install slt[digits]`, "
            f"or for MNIST {REMEDY}"
        ) from error
    bundle = load_digits()
    x = np.asarray(bundle.data, dtype=np.float32) / np.float32(16)
    y = np.asarray(bundle.target, dtype=np.int64)
    tests = np.arange(len(y)) % 5 == 4
    return Images(x[~tests], y[~tests], x[tests], y[tests], "digits", "the digits that come with scikit-learn")


def given_folder(folder: str | os.PathLike[str] | None) -> Path | None:
    """The folder given as argument, else the one in ``SLT_DATA``, else None."""
    # a variable set to nothing names no folder
    named = folder if folder is not None else os.environ.get(VARIABLE) or None
    return None if named is None else Path(named)


def _folder_of_mnist(folder: Path, told_by: str) -> Path:
    for place in (folder / "mnist", folder):
        if any(_either(place / name).exists() for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")):
            return place
    what = "holds no MNIST" if folder.is_dir() else "is not a folder"
    hint = f", or leave {VARIABLE} unset to work with scikit-learn's digits" if told_by == VARIABLE else ""
    raise DataError(f"reading MNIST: {folder}, given by {told_by}, {what}; {REMEDY}{hint}")


def _either(path: Path) -> Path:
    """The file itself where it is there, else its gzipped twin."""
    return path if path.exists() else path.with_name(path.name + ".gz")


def _images_and_labels(place: Path, part: str) -> tuple[ImageArray, LabelArray]:
    image_file, label_file = _either(place / f"{part}-images-idx3-ubyte"), _either(place / f"{part}-labels-idx1-ubyte")
    pictures = _idx(image_file, IMAGES_MAGIC, dimensions=3)
    labels = _idx(label_file, LABELS_MAGIC, dimensions=1)
    if pictures.shape[1:] != (SIDE, SIDE):
        rows, columns = pictures.shape[1:]
        raise _damaged(image_file, f"images of {rows} x {columns} pixels", f"{SIDE} x {SIDE}")
    if not len(pictures):
        raise _damaged(image_file, "no images", "at least one")
    if len(labels) != len(pictures):
        raise _damaged(label_file, f"{len(labels)} labels", f"{len(pictures)}, one for each image in {image_file.name}")
    if labels.max() > 9:
        raise _damaged(label_file, f"the label {labels.max()}", "labels from 0 to 9")
    x = pictures.reshape(len(pictures), SIDE * SIDE).astype(np.float32) / np.float32(255)
    return x, labels.astype(np.int64)


def _idx(path: Path, magic: int, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of bytes in an IDX file: a magic number, the sizes as big-endian 32-bit integers, then the bytes."""
    content = _content(path)
    header = 4 * (1 + dimensions)
    if len(content) < header:
        raise _damaged(path, f"{len(content)} bytes", f"a header of {header} bytes")
    found, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
    if found != magic:
        raise _damaged(path, f"the magic number {found}", f"{magic} (IDX, unsigned bytes, dimensions: {dimensions})")
    needed = header + math.prod(shape)
    if len(content) != needed:
        sizes = " x ".join(map(str, shape))
        raise _damaged(path, f"{len(content)} bytes", f"{needed}, for the sizes {sizes} in its header")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"reading MNIST: {path} is missing beside the other files; {REMEDY}") from error
    except OSError as error:
        raise DataError(f"reading MNIST: {path} cannot be read ({error.strerror}); {REMEDY}") from error
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise _damaged(path, f"a gzip file that ends early, after {len(content)} bytes", "all of it") from error
    except (OSError, zlib.error) as error:
        raise _damaged(path, f"{len(content)} bytes that gzip cannot read ({error})", "a gzip file") from error


def _damaged(path: Path, found: str, needed: str) -> DataError:
    return DataError(f"reading MNIST: {path} holds {found}; needed: {needed}. Fetch or copy that file again")
