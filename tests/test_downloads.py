"""Against a server on this machine: nothing here needs a network."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

import slt.datasets
from slt.cli import main
from slt.datasets import DATASETS
from slt.downloads import Dataset, GzippedFile, UnpackedFolder, get
from slt.errors import DataError, InputError, MissingExtraError
from slt.mirrors import Progress, RemoteFile
from slt.unpacking import Member, unpack

pytest.importorskip("pooch", reason="pooch is not installed: pip install slt[download]")

Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Answers by path, and remembers what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

    def mirror(self, folder: str, answers: dict[str, Answer]) -> str:
        self.answers.update({f"/{folder}/{name}": answer for name, answer in answers.items()})
        return f"http://127.0.0.1:{self.server_port}/{folder}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answers.get(self.path, not_found)(self)

    def log_message(self, *_: object) -> None:
        pass


def not_found(handler: Handler) -> None:
    handler.send_error(404, "Not Found")


def whole(content: bytes) -> Answer:
    return cut(content, len(content))


def cut(content: bytes, sent: int) -> Answer:
    """Announces all of it, sends the first bytes, closes the connection."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:sent])

    return answer


def without_length(content: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def silent_after(content: bytes, sent: int) -> Answer:
    def answer(handler: Handler) -> None:
        cut(content, sent)(handler)
        handler.wfile.flush()
        handler.server.over.wait(60)

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("SLT_DATA", raising=False)
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    thread.join()
    made.server_close()


def closed_port() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as gone:
        return f"http://127.0.0.1:{gone.server_port}/"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def remote(name: str, content: bytes, *mirrors: str) -> RemoteFile:
    return RemoteFile(name, len(content), hashlib.sha256(content).hexdigest(), mirrors)


CONTENTS = {"one": b"first " * 500, "two": bytes(range(256)) * 500}
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
ANSWERS = {name: whole(content) for name, content in PACKED.items()}


def tiny(*mirrors: str) -> Dataset:
    """Two gzipped files."""
    pieces = (GzippedFile(remote(f"{name}.gz", PACKED[f"{name}.gz"], *mirrors), md5(c)) for name, c in CONTENTS.items())
    return Dataset("tiny", "sub", "two small files", tuple(pieces))


BATCHES = {"a.bin": b"a" * 3000, "b.bin": b"b" * 5000}


def tar(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return gzip.compress(buffer.getvalue(), mtime=0)


MEMBERS = tuple(Member(name, len(content), md5(content)) for name, content in BATCHES.items())
ARCHIVE = tar({f"batches/{name}": content for name, content in BATCHES.items()} | {"batches/readme.html": b"hello"})


def boxed(archive: bytes, *mirrors: str) -> Dataset:
    """A folder in an archive."""
    piece = UnpackedFolder(remote("batches.tar.gz", archive, *mirrors), "batches", MEMBERS)
    return Dataset("boxed", "sub", "an archive", (piece,))


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden or not; no folder of a fetch is left."""
    assert not list(folder.rglob(".fetching-*"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


WHOLE = {f"sub/{name}": content for name, content in PACKED.items()}


def test_get_and_get_again(server: Server, tmp_path: Path) -> None:
    dataset = tiny(server.mirror("m", ANSWERS))
    assert dataset.found(tmp_path) == ()
    obtained = get(dataset, tmp_path)
    assert (obtained.place, obtained.fetched, obtained.kept, obtained.aside) == (
        tmp_path / "sub",
        ("one.gz", "two.gz"),
        (),
        (),
    )
    assert files(tmp_path) == WHOLE
    assert dataset.found(tmp_path) == tuple(tmp_path / name for name in WHOLE)
    (tmp_path / "new").touch()  # the permissions of any new file, not those of a temporary one
    assert (tmp_path / "sub" / "one.gz").stat().st_mode == (tmp_path / "new").stat().st_mode
    server.asked.clear()
    assert get(dataset, tmp_path).kept == dataset.found(tmp_path)
    assert server.asked == []
    (tmp_path / "sub" / "two.gz").unlink()
    assert get(dataset, tmp_path).fetched == ("two.gz",)
    assert server.asked == ["/m/two.gz"]


def test_unpacked_or_packed_by_another_gzip_is_as_good(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "sub"
    place.mkdir()
    (place / "one").write_bytes(CONTENTS["one"])
    (place / "two.gz").write_bytes(gzip.compress(CONTENTS["two"], 1, mtime=7))
    assert get(tiny(server.mirror("m", ANSWERS)), tmp_path).kept == (place / "one", place / "two.gz")
    assert server.asked == []


FAILURES: list[tuple[Answer | None, str]] = [
    (None, "connection refused"),
    (not_found, "HTTP 404 Not Found"),
    (lambda h: h.send_error(503), "HTTP 503 Service Unavailable"),
    (cut(PACKED["two.gz"], 100), f"interrupted after 100 of {len(PACKED['two.gz']):,} bytes"),
    (cut(PACKED["two.gz"], 0), f"interrupted after 0 of {len(PACKED['two.gz']):,} bytes"),
    (lambda h: h.connection.close(), "interrupted after 0 of"),
    (whole(b"other"), f"wrong checksum: 5 bytes with sha256 {hashlib.sha256(b'other').hexdigest()} came; needed: "),
    (without_length(PACKED["two.gz"][:-1]), "wrong checksum: "),
    (whole(PACKED["two.gz"][:-1] + b"?"), f"wrong checksum: {len(PACKED['two.gz']):,} bytes with sha256 "),
    (without_length(b"endless" * 100_000), f"wrong file: more than the {len(PACKED['two.gz']):,} bytes came"),
    (silent_after(PACKED["two.gz"], 0), "nothing came for 0.3 seconds"),
    (silent_after(PACKED["two.gz"], 100), "nothing came for 0.3 seconds"),
]


@pytest.mark.parametrize(("answer", "told"), FAILURES, ids=[told[:20] for _, told in FAILURES])
def test_a_mirror_that_fails_is_told_and_the_next_is_tried(
    server: Server, tmp_path: Path, answer: Answer | None, told: str
) -> None:
    bad = closed_port() if answer is None else server.mirror("bad", {"one.gz": ANSWERS["one.gz"], "two.gz": answer})
    good = server.mirror("good", ANSWERS)
    lines: list[str] = []
    get(tiny(bad, good), tmp_path, timeout=0.3 if "0.3" in told else 20.0, tell=lines.append)
    assert files(tmp_path) == WHOLE
    assert f"{bad}two.gz: {told}" in lines[-1] and lines[-1].endswith("; the next mirror is tried")
    assert "\n" not in lines[-1]
    with pytest.raises(DataError, match=r"none of 2 mirrors gave it") as caught:
        get(tiny(bad, bad), tmp_path / "new", timeout=0.3 if "0.3" in told else 20.0)
    assert str(caught.value).count(f"two.gz: {told}" if answer else "one.gz: connection refused") == 2
    assert "Nothing half-fetched was kept" in str(caught.value) and str(tmp_path / "new" / "sub") in str(caught.value)
    # what came before it stays
    assert files(tmp_path / "new") == ({} if answer is None else {"sub/one.gz": PACKED["one.gz"]})


def test_all_mirrors_down_and_then_up(server: Server, tmp_path: Path) -> None:
    bad = server.mirror("bad", {"one.gz": ANSWERS["one.gz"], "two.gz": cut(PACKED["two.gz"], 99)})
    with pytest.raises(DataError, match="interrupted after 99 of"):
        get(tiny(bad, closed_port()), tmp_path)
    server.asked.clear()
    server.mirror("bad", ANSWERS)
    assert get(tiny(bad), tmp_path).fetched == ("two.gz",)
    assert server.asked == ["/bad/two.gz"] and files(tmp_path) == WHOLE


def test_an_interrupt_leaves_nothing_half_written(server: Server, tmp_path: Path) -> None:
    dataset = tiny(server.mirror("m", ANSWERS))

    def bar(name: str) -> AbstractContextManager[Progress | None]:
        def interrupt(done: int, total: int) -> None:
            assert 0 < done <= total == len(PACKED["two.gz"])
            raise KeyboardInterrupt

        return nullcontext(interrupt if name == "two.gz" else None)

    with pytest.raises(KeyboardInterrupt):
        get(dataset, tmp_path, bar=bar)
    assert files(tmp_path) == {"sub/one.gz": PACKED["one.gz"]}
    server.asked.clear()
    assert get(dataset, tmp_path).fetched == ("two.gz",)
    assert server.asked == ["/m/two.gz"] and files(tmp_path) == WHOLE


def test_a_wrong_file_is_set_aside_once_the_right_one_is_there(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "sub"
    place.mkdir()
    wrong = {"sub/one": b"not gzipped, wrong", "sub/one.gz": b"no gzip", "sub/two.gz": PACKED["two.gz"][:-9]}
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    (place / "one.gz.wrong").write_bytes(b"older")
    before = files(tmp_path)
    with pytest.raises(DataError, match="none of 1 mirrors"):
        get(tiny(closed_port()), tmp_path)
    assert files(tmp_path) == before
    lines: list[str] = []
    obtained = get(tiny(server.mirror("m", ANSWERS)), tmp_path, tell=lines.append)
    aside = {"sub/one.wrong": wrong["sub/one"], "sub/one.gz.wrong-2": wrong["sub/one.gz"]}
    aside["sub/two.gz.wrong"] = wrong["sub/two.gz"]
    assert files(tmp_path) == {**WHOLE, **aside, "sub/one.gz.wrong": b"older"}
    assert {str(path.relative_to(tmp_path)) for path in obtained.aside} == set(aside)
    assert len(lines) == 3 and "is not what it should be; it is now called one.wrong" in lines[0]


def test_a_wrong_file_that_would_be_read_first_gives_way(server: Server, tmp_path: Path) -> None:
    get(tiny(server.mirror("m", ANSWERS)), tmp_path)
    (tmp_path / "sub" / "one").write_bytes(b"wrong")
    assert len(tiny().found(tmp_path)) == 1
    assert get(tiny(), tmp_path).fetched == ()  # the right one is there already
    assert files(tmp_path) == {**WHOLE, "sub/one.wrong": b"wrong"}


def test_odd_things_in_the_place_give_way(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "sub"
    (place / "one.gz").mkdir(parents=True)
    (place / "two.gz").symlink_to("nowhere")
    get(tiny(server.mirror("m", ANSWERS)), tmp_path)
    assert {name: content for name, content in files(tmp_path).items() if name in WHOLE} == WHOLE
    assert (place / "one.gz.wrong").is_dir() and (place / "two.gz.wrong").is_symlink()


def test_an_archive_is_unpacked_and_not_kept(server: Server, tmp_path: Path) -> None:
    dataset = boxed(ARCHIVE, server.mirror("m", {"batches.tar.gz": whole(ARCHIVE)}))
    assert get(dataset, tmp_path).fetched == ("batches.tar.gz",)
    placed = {f"sub/batches/{name}": content for name, content in BATCHES.items()}
    assert files(tmp_path) == placed
    assert get(dataset, tmp_path).fetched == () and len(server.asked) == 1
    (tmp_path / "sub" / "batches" / "b.bin").write_bytes(b"B" * 5000)
    obtained = get(dataset, tmp_path)
    assert obtained.aside == (tmp_path / "sub" / "batches.wrong",)
    assert {k: v for k, v in files(tmp_path).items() if "wrong" not in k} == placed


def test_an_archive_that_was_put_there_by_hand(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "batches.tar.gz").write_bytes(ARCHIVE)
    obtained = get(boxed(ARCHIVE), tmp_path)
    assert obtained.fetched == () and (tmp_path / "sub" / "batches" / "a.bin").read_bytes() == BATCHES["a.bin"]
    assert (tmp_path / "sub" / "batches.tar.gz").exists()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ONE = {"batches/a.bin": BATCHES["a.bin"]}


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (tar(ONE), "holds no batches/b.bin"),
        (tar({**ONE, "../b.bin": BATCHES["b.bin"]}), "holds no batches/b.bin"),
        (tar({**ONE, "/batches/b.bin": BATCHES["b.bin"]}), "holds no batches/b.bin"),
        (tar({**ONE, "batches/../batches/b.bin": BATCHES["b.bin"]}), "holds no batches/b.bin"),
        (tar({**ONE, "batches/b.bin": b"b" * 4999}), "holds batches/b.bin of 4,999 bytes; 5,000 are needed"),
        (tar({**ONE, "batches/b.bin": b"c" * 5000}), "holds another batches/b.bin: its md5 is not"),
        (tar({**ONE, "./batches/a.bin": BATCHES["a.bin"]}), "a.bin twice"),
        (tar(ONE, special("batches/b.bin", tarfile.SYMTYPE, "/etc/passwd")), "b.bin as a link, folder or device"),
        (tar(ONE, special("batches/b.bin", tarfile.LNKTYPE, "batches/a.bin")), "as a link, folder or device"),
        (tar(ONE, special("batches/b.bin", tarfile.DIRTYPE)), "as a link, folder or device"),
        (tar(ONE, special("batches/b.bin", tarfile.FIFOTYPE)), "as a link, folder or device"),
        (ARCHIVE[:-200], "no whole gzipped tar archive"),
        (b"", "no whole gzipped tar archive"),
        (b"no archive", "no whole gzipped tar archive"),
    ],
)
def test_bad_archives(server: Server, tmp_path: Path, archive: bytes, told: str) -> None:
    dataset = boxed(archive, server.mirror("m", {"batches.tar.gz": whole(archive)}))
    with pytest.raises(DataError, match=told):
        get(dataset, tmp_path / "into")
    assert files(tmp_path) == {}


def test_nothing_but_the_members_is_unpacked(tmp_path: Path) -> None:
    more = {
        **{f"./batches/{name}": content for name, content in BATCHES.items()},
        "../out": b"x",
        "batches/c.bin": b"y",
    }
    links = (special("batches/l", tarfile.SYMTYPE, ".."), special("batches/l/d", tarfile.DIRTYPE))
    (tmp_path / "more.tar.gz").write_bytes(tar(more, *links))
    (tmp_path / "into").mkdir()
    assert unpack(tmp_path / "more.tar.gz", "batches", MEMBERS, tmp_path / "into") == tmp_path / "into" / "batches"
    assert files(tmp_path / "into") == {f"batches/{name}": content for name, content in BATCHES.items()}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["into", "more.tar.gz"]


PROGRAM = """
import sys
import tests.test_downloads as t
from slt.downloads import get
url, kind, folder = sys.argv[1:]
print(*get(t.tiny(url) if kind == "tiny" else t.boxed(t.ARCHIVE, url), folder).fetched)
"""


def process(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, *arguments]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root)


@pytest.mark.parametrize(("kind", "wrong"), [("tiny", "sub/one.gz"), ("boxed", "sub/batches/a.bin")])
def test_two_processes_at_once(server: Server, tmp_path: Path, kind: str, wrong: str) -> None:
    (tmp_path / wrong).parent.mkdir(parents=True)
    (tmp_path / wrong).write_bytes(b"wrong")
    both = threading.Barrier(2, timeout=60)  # nothing is served before both have asked, so both have found nothing
    names = ("one.gz", "two.gz") if kind == "tiny" else ("batches.tar.gz",)

    def together(content: bytes) -> Answer:
        def answer(handler: Handler) -> None:
            if handler.path.endswith(names[0]):
                both.wait()
            whole(content)(handler)

        return answer

    served = {"batches.tar.gz": ARCHIVE, **PACKED}
    url = server.mirror("m", {name: together(content) for name, content in served.items()})
    started = [process(PROGRAM, url, kind, str(tmp_path)) for _ in range(2)]
    ended = [(one.communicate(timeout=120), one.returncode) for one in started]
    assert [code for _, code in ended] == [0, 0], ended
    assert server.asked.count(f"/m/{names[0]}") == 2
    expected = WHOLE if kind == "tiny" else {f"sub/batches/{name}": content for name, content in BATCHES.items()}
    found = files(tmp_path)
    assert {name: content for name, content in found.items() if ".wrong" not in name} == expected
    assert b"wrong" in found.values()  # it was there before both, and is kept


CLI = """
import sys
import slt.datasets
import tests.test_downloads as t
slt.datasets.DATASETS["tiny"] = t.tiny(sys.argv[1])
from slt.cli import main
main(["data", "get", "tiny", "--into", sys.argv[2]])
"""


def test_ctrl_c_on_the_command_line(server: Server, tmp_path: Path) -> None:
    reached = threading.Event()

    def halfway(handler: Handler) -> None:
        cut(PACKED["two.gz"], 300)(handler)
        handler.wfile.flush()
        reached.set()
        handler.server.over.wait(60)

    url = server.mirror("m", {"one.gz": ANSWERS["one.gz"], "two.gz": halfway})
    running = process(CLI, url, str(tmp_path))
    assert reached.wait(120)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=120)
    assert running.returncode == 130 and b"interrupted; nothing half-written was left behind" in told
    assert files(tmp_path) == {"sub/one.gz": PACKED["one.gz"]}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, server: Server) -> str:
    url = server.mirror("m", ANSWERS)
    monkeypatch.setattr(slt.datasets, "DATASETS", {"tiny": tiny(url)})
    return url


def test_command_line(known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner()
    monkeypatch.chdir(tmp_path)
    listed = runner.invoke(main, ["data", "list"])
    assert listed.exit_code == 0 and f"not there: {tmp_path / 'data' / 'sub'}" in listed.output
    assert f"from {known}" in listed.output
    ran = runner.invoke(main, ["data", "get", "tiny"])
    assert ran.exit_code == 0
    assert f"tiny is whole in {tmp_path / 'data' / 'sub'}: 2 fetched, 0 there already" in ran.stdout
    assert f"export SLT_DATA={tmp_path / 'data'}" in ran.stdout
    assert "one.gz" in ran.stderr and "100%" in ran.stderr and "one.gz" not in ran.stdout  # progress
    assert files(tmp_path / "data") == WHOLE
    monkeypatch.setenv("SLT_DATA", str(tmp_path / "data"))
    again = runner.invoke(main, ["data", "get", "tiny"])
    assert "0 fetched, 2 there already" in again.stdout and "export" not in again.output
    (tmp_path / "data" / "sub" / "two.gz").unlink()
    assert "1 of 2 files there" in runner.invoke(main, ["data", "list"]).output
    monkeypatch.setenv("SLT_DATA", str(tmp_path / "other folder"))
    into = runner.invoke(main, ["data", "get", "tiny", "--into", str(tmp_path / "that one"), "--mirror", known[:-1]])
    assert f"export SLT_DATA='{tmp_path / 'that one'}'" in into.stdout


def test_command_line_refusals(server: Server, known: str, tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, told in (
        (["get", "mnits"], "'mnits' was given; one of tiny is needed"),
        (["get", "tiny", "--timeout", "nan"], "timeout=nan was given; seconds above 0 are needed"),
        (["get", "tiny", "--timeout", "0"], "seconds above 0"),
        (["get", "tiny", "--mirror", "ftp://there"], "starts with https:// or http://"),
    ):
        ran = runner.invoke(main, ["data", *arguments, *(["--into", str(tmp_path)])])
        assert ran.exit_code == 2 and told in ran.stderr, ran.output
    server.mirror("m", {"one.gz": not_found})
    ran = runner.invoke(main, ["data", "get", "tiny", "--into", str(tmp_path)])
    assert ran.exit_code == 2 and f"{known}one.gz: HTTP 404 Not Found" in ran.stderr and "--mirror URL" in ran.stderr
    assert files(tmp_path) == {}


def test_without_pooch(known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.gz").write_bytes(PACKED["one.gz"])
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"pip install slt\[download\]"):
        get(tiny(known), tmp_path)
    (tmp_path / "sub" / "two.gz").write_bytes(PACKED["two.gz"])
    assert get(tiny(known), tmp_path).fetched == ()  # nothing is missing


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_to(known: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="nothing can be written there"):
            get(tiny(known), tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_place_that_is_no_folder(known: str, tmp_path: Path) -> None:
    (tmp_path / "sub").write_bytes(b"")
    with pytest.raises(DataError, match="nothing can be written there"):
        get(tiny(known), tmp_path)


@pytest.mark.parametrize("mirror", ["", "m/", "file:///etc/", "https://x", "ftp://x/"])
def test_bad_mirrors(mirror: str) -> None:
    with pytest.raises(InputError, match="the address of a folder is needed"):
        tiny(mirror)


def test_what_is_known() -> None:
    assert sorted(DATASETS) == ["cifar10", "fashion-mnist", "mnist"]
    for dataset in DATASETS.values():
        assert any(mirror.startswith("https://") for mirror in dataset.mirrors) and len(dataset.mirrors) > 1
        for piece in dataset.pieces:
            assert len(bytes.fromhex(piece.remote.checksum)) == 32
    sums = [piece.contents for name in ("mnist", "fashion-mnist") for piece in DATASETS[name].pieces]
    assert len(set(sums)) == 8 and all(len(bytes.fromhex(found)) == 16 for found in sums)


def test_the_mnist_at_hand_is_the_known_one(data_folder: Path) -> None:
    assert len(DATASETS["mnist"].found(data_folder)) == 4
