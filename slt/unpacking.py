"""Named files out of a tar archive: only those, each of the right size and sum, never outside the folder."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from slt.errors import DataError
from slt.mirrors import checksum_of


@final
@dataclass(frozen=True)
class Member:
    """A file in an archive. ``size``: bytes; ``checksum``: MD5 as hexadecimal digits, of the file once unpacked."""

    name: str
    size: int
    checksum: str

    def at(self, path: Path) -> bool:
        """Whether this very file lies there. OSError where it cannot be read."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with open(path, "rb") as file:
            return checksum_of(file, "md5") == self.checksum


def unpack(archive: Path, folder: str, members: Iterable[Member], into: Path) -> Path:
    """Make ``into / folder`` of the members that lie under ``folder`` in a gzipped tar archive; its path.

    All else in the archive is passed over: other names, links, devices. The names under which files are written are
    those of ``members``, never the archive's. Raises DataError if a member is missing, there twice, no plain file,
    or of a wrong size or sum; what was unpacked until then is for the caller to remove.
    """
    wanted = {f"{folder}/{member.name}": member for member in members}
    place = into / folder
    place.mkdir()
    try:
        with tarfile.open(archive, mode="r|gz") as tar:
            for info in tar:
                member = wanted.get(info.name.removeprefix("./"))
                if member is not None:
                    _write(archive, tar, info, member, place / member.name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"unpacking {archive.name}: it is no whole gzipped tar archive ({error}); fetch it again"
        ) from error
    missing = sorted(name for name, member in wanted.items() if not (place / member.name).exists())
    if missing:
        raise _bad(archive, f"holds no {', '.join(missing)}")
    return place


def _write(archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo, member: Member, path: Path) -> None:
    content = tar.extractfile(info) if info.isreg() else None
    if content is None:
        raise _bad(archive, f"holds {info.name} as a link, folder or device; a plain file is needed")
    if info.size != member.size:
        raise _bad(archive, f"holds {info.name} of {info.size:,} bytes; {member.size:,} are needed")
    if path.exists():
        raise _bad(archive, f"holds {info.name} twice")
    with content, open(path, "xb") as file:
        while block := content.read(2**20):
            file.write(block)
    if not member.at(path):
        raise _bad(archive, f"holds another {info.name}: its md5 is not {member.checksum}")


def _bad(archive: Path, found: str) -> DataError:
    return DataError(f"unpacking {archive.name}: it {found}. Nothing of it was kept; fetch it again")
