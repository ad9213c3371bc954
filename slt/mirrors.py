"""One file from a list of mirrors, by its checksum; pooch does the fetching (the extra ``download``)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

from slt.arguments import is_number
from slt.errors import DataError, InputError, MissingExtraError

Progress = Callable[[int, int], None]  # bytes so far, bytes in all
Bar = Callable[[str], AbstractContextManager[Progress | None]]  # a progress bar for a named file
Tell = Callable[[str], None]  # told what happens, a line at a time

BLOCK = 2**16  # bytes at a time
MOST_SECONDS = 1e6


def no_bar(name: str) -> AbstractContextManager[Progress | None]:
    return nullcontext()


def tell_nobody(line: str) -> None:
    pass


def checksum_of(stream: BinaryIO, algorithm: str) -> str:
    """Checksum of all that a stream holds, as hexadecimal digits; ``algorithm``: a name that hashlib knows."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    while block := stream.read(2**20):
        digest.update(block)
    return digest.hexdigest()


@final
@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors serve.

    ``size``: bytes; ``checksum``: SHA-256 as hexadecimal digits; both of the file as it is served. ``mirrors``:
    addresses of folders, in the order in which they are tried, each ending in a slash.
    """

    name: str
    size: int
    checksum: str
    mirrors: tuple[str, ...]

    def __post_init__(self) -> None:
        for mirror in self.mirrors:
            if not mirror.startswith(("https://", "http://")) or not mirror.endswith("/"):
                raise InputError(
                    f"a mirror of {self.name}: {mirror!r} was given; the address of a folder is needed that starts "
                    "with https:// or http:// and ends in a slash"
                )

    def at(self, path: Path) -> bool:
        """Whether this very file lies there. OSError where it cannot be read."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with open(path, "rb") as file:
            return checksum_of(file, "sha256") == self.checksum

    def fetch(self, into: Path, *, timeout: float = 30.0, bar: Bar = no_bar, tell: Tell = tell_nobody) -> Path:
        """Fetch it into a folder, from the first mirror that gives it whole and right; its path.

        ``timeout``: seconds of silence after which a mirror is given up; a whole file may take longer. A failing mirror
        is told in one line and the next one is tried. Nothing is left behind by a mirror that fails, nor by an
        interrupt. Raises DataError when no mirror gives it or the folder cannot be written, MissingExtraError without
        pooch.
        """
        if not (is_number(timeout) and 0 < timeout <= MOST_SECONDS):
            raise InputError(
                f"fetching {self.name}: timeout={timeout!r} was given; seconds above 0 are needed, "
                f"{MOST_SECONDS:.0f} at most"
            )
        pooch, failures = _pooch(), []
        for index, mirror in enumerate(self.mirrors, start=1):
            failure = self._fetch_from(pooch, mirror + self.name, into, timeout, bar)
            if failure is None:
                return into / self.name
            failures.append(f"{mirror + self.name}: {failure}")
            if index < len(self.mirrors):
                tell(f"{failures[-1]}; the next mirror is tried")
        raise DataError("\n  ".join((f"fetching {self.name}: none of {len(self.mirrors)} mirrors gave it", *failures)))

    def _fetch_from(self, pooch: Any, address: str, into: Path, timeout: float, bar: Bar) -> str | None:
        """None when it lies in the folder, else in a few words what went wrong."""
        import requests
        import urllib3

        received = _Received(self.size)
        # gzip is what is wanted, not a way to send it: a server is not to unpack or to pack anything
        download = pooch.HTTPDownloader(chunk_size=BLOCK, timeout=timeout, headers={"Accept-Encoding": "identity"})

        def downloader(url: str, output_file: str, pooch_: Any) -> None:
            with open(output_file, "wb") as file, bar(self.name) as progress:
                download(url, received.going_to(file, progress), pooch_)
            received.ended = True

        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(address, f"sha256:{self.checksum}", self.name, into.absolute(), downloader=downloader)
        except _TooMuchError:
            return f"wrong file: more than the {self.size:,} bytes came that are needed"
        except requests.HTTPError as error:
            told = error.response
            return "an HTTP error" if told is None else f"HTTP {told.status_code} {told.reason}".rstrip()
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return _words(error, timeout, received)
        except OSError as error:
            raise DataError(
                f"fetching {self.name} into {into}: {error.strerror or error}; give a folder that may be written to "
                "and has room"
            ) from error
        except ValueError:
            if not received.ended:
                raise  # not about the checksum
            return (
                f"wrong checksum: {received.count:,} bytes with sha256 {received.checksum} came; "
                f"needed: {self.size:,} bytes with sha256 {self.checksum}"
            )
        return None


class _TooMuchError(Exception):
    """A mirror sends more than the file has."""


@final
class _Received:
    """Counts and sums what comes, and stops a mirror that sends without end."""

    def __init__(self, size: int) -> None:
        self.size, self.count, self.ended = size, 0, False
        self._digest = hashlib.sha256()

    def going_to(self, file: BinaryIO, progress: Progress | None) -> _Received:
        self._file, self._progress = file, progress
        return self

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()

    def write(self, block: bytes) -> int:
        self.count += len(block)
        if self.count > self.size:
            raise _TooMuchError
        self._digest.update(block)
        written = self._file.write(block)
        if self._progress is not None:
            self._progress(self.count, self.size)
        return written

    def flush(self) -> None:  # pooch flushes after every block; closing does it once
        pass


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise MissingExtraError(
            "fetching data: pooch is not installed, which fetches files. Run `pip install slt[download]`"
        ) from error
    return pooch


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _words(error: BaseException, timeout: float, received: _Received) -> str:
    """What went wrong with a connection, without the names of four libraries' classes around it."""
    import requests
    import urllib3

    causes = list(_causes(error))
    if any(isinstance(c, requests.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError) for c in causes):
        silence = f"nothing came for {timeout:g} seconds"
        return f"{silence}, after {received.count:,} of {received.size:,} bytes" if received.count else silence
    told = [c.strerror for c in causes if isinstance(c, OSError) and isinstance(c.strerror, str)]
    why = told[-1].lower() if told else ""
    if any(isinstance(c, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError) for c in causes):
        # what came of the last block was not handed on
        lost = [c.partial for c in causes if isinstance(c, urllib3.exceptions.IncompleteRead)]
        count = max([received.count, *lost])
        return f"interrupted after {count:,} of {received.size:,} bytes" + (f" ({why})" if why else "")
    return why or f"{type(causes[-1]).__name__}: {causes[-1]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised for, by any of the ways in which requests and urllib3 keep it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        with suppress(AttributeError):
            waiting.append(found.reason)  # type: ignore[attr-defined]
        waiting += [found.__cause__, found.__context__, *(a for a in found.args if isinstance(a, BaseException))]
