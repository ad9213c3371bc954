from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import slt.cifar10_binary as module
from slt.cifar10 import ARCHIVE, ColourImages, cifar10, cifar10_binary, cifar10_jpeg
from slt.cifar10_binary import FILES, RECORD
from slt.errors import DataError
from slt.runner import find_experiment

EACH = 20  # images in a file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small binary CIFAR-10; its images are random, the labels in no order."""
    monkeypatch.delenv("SLT_DATA", raising=False)
    monkeypatch.setattr(module, "RECORDS", EACH)
    place = tmp_path / "cifar10" / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    random = np.random.default_rng(5)
    for names in FILES.values():
        labels = random.permutation(np.repeat(np.arange(10), EACH * len(names) // 10)).astype(np.uint8)
        records = random.integers(0, 256, (len(labels), RECORD), dtype=np.uint8)
        records[:, 0] = labels
        for name, part in zip(names, np.split(records, len(names)), strict=True):
            (place / name).write_bytes(part.tobytes())
    return tmp_path


def plainly(folder: Path, part: str) -> list[list[bytes]]:
    """The images of each class in the order of the files, read byte by byte."""
    found: list[list[bytes]] = [[] for _ in range(10)]
    for name in FILES[part]:
        content = (folder / "cifar10" / "cifar-10-batches-bin" / name).read_bytes()
        for start in range(0, len(content), 3073):
            found[content[start]].append(content[start + 1 : start + 3073])
    return found


def test_small_binary_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cifar10(folder)
    assert found.name == "cifar10-binary" and "cifar-10-batches-bin" in found.source
    for part, x, y in (("train", found.train_x, found.train_y), ("test", found.test_x, found.test_y)):
        images = plainly(folder, part)
        assert (x.dtype, y.dtype, x.shape[1:]) == (np.uint8, np.int64, (3, 32, 32))
        assert len(x) == len(y) == EACH * len(FILES[part])
        for index, (image, label) in enumerate(zip(x, y, strict=True)):
            assert label == index % 10 and image.tobytes() == images[label][index // 10]
    for given in (folder / "cifar10", folder / "cifar10" / "cifar-10-batches-bin"):
        assert np.array_equal(cifar10_binary(given).train_x, found.train_x)
    monkeypatch.setenv("SLT_DATA", str(folder))
    assert np.array_equal(cifar10().test_x, found.test_x)


def test_binary_is_preferred_and_jpeg_is_read_where_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cifar10" / ARCHIVE).write_bytes(b"")
    assert cifar10(folder).name == "cifar10-binary"
    with pytest.raises(DataError, match=ARCHIVE):
        cifar10_jpeg(folder)
    asked: list[object] = []

    def jpeg(given: object) -> ColourImages:
        asked.append(given)
        return cifar10_binary(folder)

    monkeypatch.setattr("slt.cifar10.cifar10_jpeg", jpeg)
    (folder / "jpeg").mkdir()
    cifar10(folder / "jpeg")
    assert asked == [folder / "jpeg"]


@pytest.mark.parametrize(
    ("experiment", "file", "more"), [("resnet8", "networks", {}), ("supermask-cifar", "searches", {"held": 30})]
)
def test_experiments_read_the_jpegs_of_their_records(
    folder: Path, experiment: str, file: str, more: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_experiment(experiment)
    reader = importlib.import_module(f"{type(found).__module__}.{file}")
    monkeypatch.setenv("SLT_DATA", str(folder))
    with pytest.raises(DataError, match="holds no CIFAR-10; give a folder that holds cifar10/cifar10-jpeg"):
        reader.parts(found.config(smoke=False)["data"], **more)
    images = reader.parts("cifar10-binary", **more)
    assert len(images.test[0]) == EACH and len(images.train[0]) == 5 * EACH - more.get("held", 0)
    reader.parts.cache_clear()


def test_missing_and_damaged(folder: Path) -> None:
    with pytest.raises(DataError, match="no folder was given; `slt data get cifar10` fetches it"):
        cifar10_binary()
    with pytest.raises(DataError, match="holds no folder cifar-10-batches-bin"):
        cifar10_binary(folder / "nowhere")
    place = folder / "cifar10" / "cifar-10-batches-bin"
    whole = (place / "data_batch_3.bin").read_bytes()
    for content, told in (
        (whole[:-1], r"data_batch_3.bin holds 61459 bytes; needed: 61460, 20 images of 3073"),
        (whole + b"0", "holds 61461 bytes"),
        (bytes([(whole[0] + 1) % 10]) + whole[1:], r"images of the classes in data_batch_1.bin.*; needed: 10 of each"),
        (b"\x0a" + whole[1:], "images of the classes"),
    ):
        (place / "data_batch_3.bin").write_bytes(content)
        with pytest.raises(DataError, match=told):
            cifar10(folder)
    (place / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin cannot be read .*`slt data get cifar10` fetches it"):
        cifar10(folder)
