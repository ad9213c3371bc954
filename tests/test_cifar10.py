from __future__ import annotations

import io
import itertools
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import slt.cifar10 as module
from slt.cifar10 import ARCHIVE, CLASSES, cache_folder, cifar10
from slt.errors import DataError, MissingExtraError

Files = dict[str, bytes]

pytest.importorskip("PIL", reason="Pillow is not installed: pip install pillow")


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (32, 32), kind: str = "JPEG") -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind, quality=95)
    return buffer.getvalue()


def some_files() -> Files:
    """Two images of each class to train, one to test: flat colours, red the class, green the number, blue the part."""
    return {
        f"{part}/{label}/{number:04}.jpg": jpeg((20 * CLASSES.index(label), 80 * number, 200 * (part == "test")))
        for part, count in (("train", 2), ("test", 1))
        for label in CLASSES
        for number in range(count)
    }


FILES = some_files()


def archive(files: Files, extra: tarfile.TarInfo | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=0) as tar:
        folder = tarfile.TarInfo("train")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if extra is not None:
            tar.addfile(extra)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small CIFAR-10 in the subfolder cifar10; the environment names none; a cache of its own."""
    monkeypatch.delenv("SLT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "COUNTS", {"train": 2, "test": 1})
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / ARCHIVE).write_bytes(archive(FILES))
    return tmp_path


def cache_files(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("**/*.*"))


def unpack(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_small_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cifar10(folder)
    assert (found.train_x.shape, found.test_x.shape) == ((20, 3, 32, 32), (10, 3, 32, 32))
    assert (found.train_x.dtype, found.train_y.dtype) == (np.uint8, np.int64)
    assert found.train_y.tolist() == [*range(10), *range(10)]
    assert found.test_y.tolist() == [*range(10)]
    assert found.name == "cifar10-jpeg" and "lossy" in found.source
    for x, y, blue in ((found.train_x, found.train_y, 0), (found.test_x, found.test_y, 200)):
        colours = x.mean((2, 3))
        numbers = np.arange(len(y)) // 10
        assert np.abs(colours - np.stack([20 * y, 80 * numbers, np.full(len(y), blue)], 1)).max() < 4
    monkeypatch.setenv("SLT_DATA", str(folder / "cifar10"))
    assert np.array_equal(cifar10().train_x, found.train_x)


def test_order_in_the_archive_does_not_matter(folder: Path) -> None:
    found = cifar10(folder)
    turned = {f"./{name}": FILES[name] for name in reversed(FILES)}
    (folder / "cifar10" / ARCHIVE).write_bytes(archive(turned))
    assert np.array_equal(cifar10(folder).train_x, found.train_x)
    assert len(cache_files(folder)) == 2


def test_plain_folders(folder: Path, tmp_path: Path) -> None:
    found = cifar10(folder)
    plain = cifar10(unpack(tmp_path / "plain", FILES))
    assert np.array_equal(plain.train_x, found.train_x) and np.array_equal(plain.test_x, found.test_x)
    (tmp_path / "plain" / "train" / "cat" / "0001.jpg").write_bytes(jpeg((9, 9, 9)))
    assert abs(int(cifar10(tmp_path / "plain").train_x[13].mean()) - 9) < 3  # no stale cache


def test_the_cache_is_used_and_made_again_when_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cifar10(folder)
    (kept,) = cache_files(folder)
    whole = kept.read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("decoded although kept")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_pixels", never)
        assert np.array_equal(cifar10(folder).train_x, first.train_x)
    middle = len(whole) // 2
    for damaged in (
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        whole[:-100],
        b"",
        b"no zip",
        other_arrays(test=first.test_x),
        other_arrays(train=first.train_x[:3], test=first.test_x),
        other_arrays(train=first.train_x.astype(np.int64), test=first.test_x),
        other_arrays(train=np.array([{}]), test=first.test_x),
    ):
        kept.write_bytes(damaged)
        assert np.array_equal(cifar10(folder).train_x, first.train_x)
        assert np.array_equal(np.load(kept)["train"], first.train_x)
        assert cache_files(folder) == [kept]


def other_arrays(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def test_without_a_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    assert cifar10(folder).train_x.shape == (20, 3, 32, 32)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", tempfile.gettempdir())
    assert cache_folder() == Path(tempfile.gettempdir()) / "slt"
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        monkeypatch.setenv("HOME", os.sep + "somebody")
        assert cache_folder() == Path(os.sep + "somebody") / ".cache" / "slt"


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("train/cat/0000.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def without(name: str) -> Files:
    return {n: c for n, c in FILES.items() if n != name}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: archive(FILES)[:-60], r"no whole archive|9 images in its part test"),
        (lambda: archive(FILES)[:300], "no whole archive"),
        (lambda: b"", "0 bytes that are no whole archive"),
        (lambda: b"plain text", "no whole archive"),
        (lambda: archive(without("test/dog/0000.jpg")), "9 images in its part test; needed: 10, 1 of each class"),
        (lambda: archive({}), "0 images in its part train"),
        (lambda: archive({"../train/cat/0000.jpg": b""}), r"a file '../train/cat/0000.jpg'; needed"),
        (lambda: archive({"/train/cat/0000.jpg": b""}), "a file '/train/cat"),
        (lambda: archive({**FILES, "train/cow/0000.jpg": b""}), "train/cow/0000.jpg"),
        (lambda: archive({**FILES, "train/cat/0002.jpg": b""}), "train/cat/0002.jpg"),
        (lambda: archive({**FILES, "train/cat/٠.jpg": b""}), "a file 'train/cat/"),
        (lambda: archive({**FILES, "./train/cat/0000.jpg": FILES["train/cat/0000.jpg"]}), "0000.jpg' twice"),
        (lambda: archive(FILES, link(tarfile.SYMTYPE)), "a link or device; needed: folders and plain files"),
        (lambda: archive(FILES, link(tarfile.LNKTYPE)), "a link or device"),
        (lambda: archive(FILES, link(tarfile.FIFOTYPE)), "a link or device"),
        (lambda: archive({"train/cat/0000.jpg": bytes(2**16 + 1)}), "of 65537 bytes; needed: at most 65536"),
        (lambda: archive({**FILES, "train/cat/0000.jpg": b"text"}), "train/cat/0000.jpg', which Pillow cannot decode"),
        (lambda: archive({**FILES, "train/cat/0000.jpg": FILES["test/cat/0000.jpg"][:400]}), "cannot decode"),
        (lambda: archive({**FILES, "train/cat/0000.jpg": jpeg((1, 2, 3), kind="PNG")}), "cannot decode"),
        (lambda: archive({**FILES, "train/cat/0000.jpg": jpeg((1, 2, 3), (28, 32))}), "28 x 32 pixels; needed: 32 x"),
    ],
)
def test_bad_archives(folder: Path, make: Callable[[], bytes], told: str) -> None:
    (folder / "cifar10" / ARCHIVE).write_bytes(make())
    with pytest.raises(DataError, match=told) as caught:
        cifar10(folder)
    assert ARCHIVE in str(caught.value)
    assert not cache_files(folder)
    assert {p.name for p in folder.iterdir()} == {"cifar10"}  # nothing is unpacked


def test_bad_folders(folder: Path, tmp_path: Path) -> None:
    plain = unpack(tmp_path / "plain", without("train/ship/0001.jpg"))
    with pytest.raises(DataError, match="19 images in its part train"):
        cifar10(plain)
    (plain / "train" / "ship" / "0001.jpg").write_bytes(bytes(2**16 + 1))
    with pytest.raises(DataError, match="holds 65537 bytes"):
        cifar10(plain)


def test_missing_data(folder: Path) -> None:
    with pytest.raises(DataError, match=f"no folder was given; give a folder that holds cifar10/{ARCHIVE}"):
        cifar10()
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no CIFAR-10; give a folder.*slt.data.digits\(\) needs none"):
        cifar10(folder / "empty")
    with pytest.raises(DataError, match="absent is not a folder"):
        cifar10(folder / "absent")
    (folder / "empty" / ARCHIVE).mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        cifar10(folder / "empty")


def test_without_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match="pip install pillow"):
        cifar10(folder)


def real() -> Path:
    data = os.environ.get("SLT_DATA")
    if not data or not (Path(data) / "cifar10" / ARCHIVE).exists():
        pytest.skip("no CIFAR-10 at hand: SLT_DATA points at no folder with cifar10/ in it")
    return Path(data)


def test_the_first_real_images() -> None:
    jpegs = module._jpegs_in(real())
    for name, content in itertools.islice(jpegs.files(), 20):
        pixels = module._pixels(jpegs.place, name, content)
        assert pixels.shape == (3, 32, 32) and pixels.dtype == np.uint8
        assert pixels.std() > 0


@pytest.mark.full
def test_all_real_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = cifar10(real())
    assert (found.train_x.shape, found.test_x.shape) == ((50000, 3, 32, 32), (10000, 3, 32, 32))
    again = cifar10(real())
    assert np.array_equal(found.train_x, again.train_x) and np.array_equal(found.test_x, again.test_x)
    # known of CIFAR-10: means of the training channels 0.4914, 0.4822, 0.4465; JPEG keeps them to a few thousandths
    assert np.allclose(found.train_x.mean((0, 2, 3)) / 255, (0.4914, 0.4822, 0.4465), atol=4e-3)
