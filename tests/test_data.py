from __future__ import annotations

import gzip
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slt.data import digits, fashion_mnist, images, mnist
from slt.errors import DataError, MissingExtraError

PIXELS = (np.arange(3 * 28 * 28) % 256).astype(np.uint8)
IMAGES = struct.pack(">4I", 2051, 3, 28, 28) + PIXELS.tobytes()
LABELS = struct.pack(">2I", 2049, 3) + bytes([7, 0, 9])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small MNIST in the subfolder mnist; the environment names none."""
    monkeypatch.delenv("SLT_DATA", raising=False)
    (tmp_path / "mnist").mkdir()
    for part in ("train", "t10k"):
        (tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(IMAGES))
        (tmp_path / "mnist" / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(LABELS))
    return tmp_path


def test_small_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mnist(folder)
    assert found.train_x.dtype == np.float32
    assert np.array_equal(found.test_x, PIXELS.reshape(3, 784).astype(np.float32) / np.float32(255))
    assert found.train_y.tolist() == [7, 0, 9]
    assert (found.name, found.pixels, found.train_y.dtype) == ("mnist", 784, np.dtype(np.int64))
    # the subfolder itself, files without .gz, and the environment
    (folder / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(LABELS[:-1] + b"\x01")
    monkeypatch.setenv("SLT_DATA", str(folder / "mnist"))
    assert images().test_y.tolist() == [7, 0, 1]


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "mnist" / f"{name}-ubyte.gz"
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))

    return apply


def edit_file(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "mnist" / f"{name}-ubyte.gz"
        path.write_bytes(change(path.read_bytes()))

    return apply


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "mnist" / f"{name}-ubyte.gz").unlink()


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("train-images-idx3", remove, "train-images-idx3-ubyte.gz is missing beside"),
        ("t10k-labels-idx1", remove, "t10k-labels-idx1-ubyte.gz is missing beside"),
        ("train-images-idx3", lambda n: edit_file(n, lambda b: b[:-20]), "gzip file that ends early"),
        ("train-images-idx3", lambda n: edit_file(n, lambda b: b""), "holds 0 bytes"),
        ("t10k-images-idx3", lambda n: edit_file(n, lambda b: IMAGES), "needed: a gzip file"),
        ("train-labels-idx1", lambda n: edit_file(n, lambda b: b[:12] + b"\xff\xff" + b[14:]), "gzip cannot read"),
        ("train-images-idx3", lambda n: edit(n, lambda b: LABELS + bytes(9)), "magic number 2049; needed: 2051"),
        ("train-labels-idx1", lambda n: edit(n, lambda b: b[:7]), "holds 7 bytes; needed: a header of 8"),
        ("train-images-idx3", lambda n: edit(n, lambda b: b[:-1]), "holds 2367 bytes; needed: 2368"),
        ("train-images-idx3", lambda n: edit(n, lambda b: b + b"0"), "holds 2369 bytes; needed: 2368"),
        ("t10k-images-idx3", lambda n: edit(n, lambda b: b[:4] + b"\xff" * 12 + b[16:]), r"needed: \d{29}, for"),
        ("t10k-images-idx3", lambda n: edit(n, lambda b: b[:8] + struct.pack(">2I", 14, 56) + b[16:]), "14 x 56"),
        ("t10k-images-idx3", lambda n: edit(n, lambda b: b[:4] + struct.pack(">3I", 0, 28, 28)), "holds no images"),
        ("t10k-labels-idx1", lambda n: edit(n, lambda b: b[:4] + struct.pack(">I", 2) + b"01"), "2 labels; needed: 3"),
        ("train-labels-idx1", lambda n: edit(n, lambda b: b[:-1] + b"\x0a"), "the label 10; needed"),
    ],
)
def test_bad_files(folder: Path, name: str, damage: Callable[[str], Callable[[Path], None]], told: str) -> None:
    damage(name)(folder)
    with pytest.raises(DataError, match=told) as caught:
        images(folder)
    assert name in str(caught.value)


def test_a_folder_without_mnist_is_never_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no folder was given; give a folder that holds mnist/"):
        mnist()
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="given by the argument, holds no MNIST; give a folder"):
        images(folder / "empty")
    with pytest.raises(DataError, match="is not a folder"):
        images(folder / "absent")
    with pytest.raises(DataError, match="given by the argument"):
        images("")
    monkeypatch.setenv("SLT_DATA", str(folder / "empty"))
    with pytest.raises(DataError, match=r"given by SLT_DATA, holds no MNIST.*leave SLT_DATA unset"):
        images()


def test_fashion_mnist_and_mnist_are_told_apart_by_their_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"holds no Fashion-MNIST; .*`slt data get fashion-mnist` fetches them"):
        fashion_mnist(folder)
    with pytest.raises(DataError, match="holds no Fashion-MNIST"):
        fashion_mnist(folder / "mnist")  # the names of the files are the same
    with pytest.raises(DataError, match="reading Fashion-MNIST: no folder was given"):
        fashion_mnist()
    place = folder / "fashion-mnist"
    place.mkdir()
    for path in (folder / "mnist").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    (place / "t10k-labels-idx1-ubyte").write_bytes(LABELS[:-1] + b"\x02")
    for given in (folder, place):
        found = fashion_mnist(given)
        assert (found.name, found.test_y.tolist(), found.train_y.tolist()) == ("fashion-mnist", [7, 0, 2], [7, 0, 9])
        assert found.source == f"Fashion-MNIST, IDX files in {place}"
    assert mnist(folder).test_y.tolist() == [7, 0, 9]
    with pytest.raises(DataError, match="holds no MNIST"):
        mnist(place)
    monkeypatch.chdir(place)
    with pytest.raises(DataError, match="holds no MNIST"):
        mnist(".")
    monkeypatch.setenv("SLT_DATA", str(folder))
    assert fashion_mnist().name == "fashion-mnist"
    (place / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"reading Fashion-MNIST: .*train-labels-idx1-ubyte.gz is missing beside"):
        fashion_mnist()


def test_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install slt[digits]")
    monkeypatch.setenv("SLT_DATA", "")
    found = images()
    assert found.name == "digits"
    assert (found.train_x.shape, found.test_x.shape) == ((1438, 64), (359, 64))
    assert (found.train_x.min(), found.train_x.max()) == (0, 1)
    assert set(found.test_y.tolist()) == set(range(10))
    assert np.array_equal(found.train_x, digits().train_x)


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install slt\[digits\]"):
        digits()


def test_real_mnist() -> None:
    if not os.environ.get("SLT_DATA"):
        pytest.skip("no MNIST at hand: SLT_DATA names no folder")
    found = mnist()
    assert (found.train_x.shape, found.test_x.shape) == ((60000, 784), (10000, 784))
    assert (found.train_x.min(), found.train_x.max()) == (0, 1)
    assert np.bincount(found.test_y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
