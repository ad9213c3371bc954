"""Data: labelled images for the demo and the experiments, read from files at hand; ``slt data get`` fetches them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from slt.errors import DataError, MissingExtraError
from slt.idx_files import IdxFiles, either

ImageArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]

VARIABLE = "SLT_DATA"
MNIST_FILES = "mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
FASHION_FOLDER = "fashion-mnist"  # its files have the names of MNIST's, so only the folder tells them apart
REMEDY = (
    f"give a folder that holds {MNIST_FILES} (with or without .gz) by --data or in the environment variable "
    f"{VARIABLE}; `slt data get mnist` fetches them"
)
FASHION_REMEDY = (
    f"give a folder that holds {FASHION_FOLDER}/ with four files named like MNIST's, as argument or in the environment "
    f"variable {VARIABLE}; `slt data get fashion-mnist` fetches them"
)


@final
@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images, to train and to test with.

    ``train_x`` and ``test_x``: float32 in [0, 1], shape (count, pixels), an image's rows one after another;
    ``train_y`` and ``test_y``: int64 labels from 0 to 9, shape (count,); ``name``: "mnist", "fashion-mnist" or
    "digits"; ``source``: where they came from, for people (it may name a folder, so it belongs in no record).
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
    place, told_by = _given("MNIST", folder, REMEDY)
    # Fashion-MNIST in its own folder is not taken for MNIST
    places = (place / "mnist", *((place,) if _name(place) != FASHION_FOLDER else ()))
    hint = f", or leave {VARIABLE} unset to work with scikit-learn's digits" if told_by == VARIABLE else ""
    return _images("MNIST", "mnist", place, places, told_by, REMEDY, hint)


def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> Images:
    """Fashion-MNIST's 28 x 28 pieces of clothing: four IDX files in a folder called ``fashion-mnist``, gzipped or not.

    That is a subfolder of ``folder`` or ``folder`` itself; without it, the environment variable ``SLT_DATA`` names it.
    Labels from 0: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Raises DataError
    for a file that is missing or is not what its name says.
    """
    place, told_by = _given("Fashion-MNIST", folder, FASHION_REMEDY)
    places = (place / FASHION_FOLDER, *((place,) if _name(place) == FASHION_FOLDER else ()))
    return _images("Fashion-MNIST", "fashion-mnist", place, places, told_by, FASHION_REMEDY)


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


def _given(title: str, folder: str | os.PathLike[str] | None, remedy: str) -> tuple[Path, str]:
    given = given_folder(folder)
    if given is None:
        raise DataError(f"reading {title}: no folder was given; {remedy}")
    return given.expanduser(), VARIABLE if folder is None else "the argument"


def _name(folder: Path) -> str:
    return os.path.basename(os.path.abspath(folder))


def _images(
    title: str, name: str, given: Path, places: tuple[Path, ...], told_by: str, remedy: str, hint: str = ""
) -> Images:
    for place in places:
        if any(either(place / f"train-{kind}-ubyte").exists() for kind in ("images-idx3", "labels-idx1")):
            files = IdxFiles(place, title, remedy)
            (train_x, train_y), (test_x, test_y) = files.part("train"), files.part("t10k")
            return Images(train_x, train_y, test_x, test_y, name, f"{title}, IDX files in {place}")
    what = f"holds no {title}" if given.is_dir() else "is not a folder"
    raise DataError(f"reading {title}: {given}, given by {told_by}, {what}; {remedy}{hint}")
