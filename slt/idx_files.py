"""The IDX files of MNIST and of what came after it in the same format: 28 x 28 grey images and labels from 0 to 9."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from slt.errors import DataError

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
SIDE = 28


def either(path: Path) -> Path:
    """The file itself where it is there, else its gzipped twin."""
    return path if path.exists() else path.with_name(path.name + ".gz")


@final
@dataclass(frozen=True)
class IdxFiles:
    """The four files of a data set in a folder, gzipped or not. ``title`` and ``remedy``: for what errors say."""

    place: Path
    title: str
    remedy: str

    def part(self, part: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Images, float32 in [0, 1], shape (count, 784), and labels, shape (count,), of ``part``: train or t10k.

        Raises DataError for a file that is missing or is not what its name says.
        """
        image_file = either(self.place / f"{part}-images-idx3-ubyte")
        label_file = either(self.place / f"{part}-labels-idx1-ubyte")
        pictures = self._array(image_file, IMAGES_MAGIC, dimensions=3)
        labels = self._array(label_file, LABELS_MAGIC, dimensions=1)
        if pictures.shape[1:] != (SIDE, SIDE):
            rows, columns = pictures.shape[1:]
            raise self._damaged(image_file, f"images of {rows} x {columns} pixels", f"{SIDE} x {SIDE}")
        if not len(pictures):
            raise self._damaged(image_file, "no images", "at least one")
        if len(labels) != len(pictures):
            needed = f"{len(pictures)}, one for each image in {image_file.name}"
            raise self._damaged(label_file, f"{len(labels)} labels", needed)
        if labels.max() > 9:
            raise self._damaged(label_file, f"the label {labels.max()}", "labels from 0 to 9")
        x = pictures.reshape(len(pictures), SIDE * SIDE).astype(np.float32) / np.float32(255)
        return x, labels.astype(np.int64)

    def _array(self, path: Path, magic: int, dimensions: int) -> npt.NDArray[np.uint8]:
        """The bytes of an IDX file: a magic number, the sizes as big-endian 32-bit integers, then they."""
        content = self._content(path)
        header = 4 * (1 + dimensions)
        if len(content) < header:
            raise self._damaged(path, f"{len(content)} bytes", f"a header of {header} bytes")
        found, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
        if found != magic:
            needed = f"{magic} (IDX, unsigned bytes, dimensions: {dimensions})"
            raise self._damaged(path, f"the magic number {found}", needed)
        needed_bytes = header + math.prod(shape)
        if len(content) != needed_bytes:
            sizes = " x ".join(map(str, shape))
            raise self._damaged(path, f"{len(content)} bytes", f"{needed_bytes}, for the sizes {sizes} in its header")
        return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)

    def _content(self, path: Path) -> bytes:
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise DataError(f"reading {self.title}: {path} is missing beside the other files; {self.remedy}") from error
        except OSError as error:
            raise DataError(f"reading {self.title}: {path} cannot be read ({error.strerror}); {self.remedy}") from error
        if path.suffix != ".gz":
            return content
        try:
            return gzip.decompress(content)
        except EOFError as error:
            found = f"a gzip file that ends early, after {len(content)} bytes"
            raise self._damaged(path, found, "all of it") from error
        except (OSError, zlib.error) as error:
            found = f"{len(content)} bytes that gzip cannot read ({error})"
            raise self._damaged(path, found, "a gzip file") from error

    def _damaged(self, path: Path, found: str, needed: str) -> DataError:
        return DataError(f"reading {self.title}: {path} holds {found}; needed: {needed}. Fetch or copy that file again")
