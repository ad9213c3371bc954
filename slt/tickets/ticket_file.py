"""The bytes of a ticket file: a JSON header and named bodies in one safetensors container, no pickle.

Version 2 has up to four tensors of bytes: ``header`` (JSON, zlib with the preset
dictionary of ``header_words``), ``masks``, ``patches`` and ``carried``; the metadata
entry ``slt`` is the version. Version 1, which is read and not written, has the header in that entry, and a tensor for
every mask, ``mask/<name>``, and for everything carried, ``carried/<name>``. Both hold a SHA-256 over the canonical
header and all bodies.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import TicketFileError
from slt.tickets.header_words import WORDS

VERSION = 2
MOST_HEADER = 2**26  # bytes of JSON that a header may be once unpacked

Bytes = npt.NDArray[np.uint8]


@final
@dataclass(frozen=True, eq=False)
class TicketFile:
    """Header without its digest, and bodies, both as they stand in the file."""

    header: dict[str, Any]
    bodies: Mapping[str, Bytes]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical header and all bodies. ValueError for a header that is no plain JSON."""
        digest = hashlib.sha256(_canonical(self.header))
        for name in sorted(self.bodies):
            digest.update(f";{name} {self.bodies[name].shape};".encode())
            digest.update(np.ascontiguousarray(self.bodies[name]).data)
        return digest.hexdigest()

    def content(self) -> bytes:
        """The file, in version 2."""
        from safetensors.numpy import save as to_bytes

        deflater = zlib.compressobj(9, zdict=WORDS)
        header = deflater.compress(_canonical(self.header | {"digest": self.digest})) + deflater.flush()
        tensors = {"header": np.frombuffer(header, dtype=np.uint8)} | {n: b for n, b in self.bodies.items() if b.size}
        content: bytes = to_bytes(tensors, metadata={"slt": str(VERSION)})
        return content

    @staticmethod
    def parse(content: bytes, path: Any) -> TicketFile:
        """From the bytes of a file of any version. TicketFileError for one that is cut, altered or none at all."""
        header, bodies = _unpacked(content, path)
        version = header.get("version")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise TicketFileError(
                f"loading a ticket from {path}: the file has version {version!r}, this slt reads versions up to "
                f"{VERSION}; a newer slt may read it"
            )
        recorded = header.pop("digest", None)
        file = TicketFile(header, bodies)
        try:
            digest = file.digest
        except (ValueError, RecursionError) as error:
            raise TicketFileError(f"loading a ticket from {path}: its header is no plain JSON: {error!r}") from error
        if recorded != digest:
            raise TicketFileError(
                f"loading a ticket from {path}: the digest does not match header and masks: the file was altered or "
                "damaged; get it again or make the ticket anew"
            )
        return file

    def bytes_of(self, kind: str) -> int:
        """How many bytes the bodies of one kind are: ``masks``, ``patches`` or ``carried``."""
        older = {"masks": "mask/", "carried": "carried/"}.get(kind)
        return sum(b.size for n, b in self.bodies.items() if n == kind or (older is not None and n.startswith(older)))


def _unpacked(content: bytes, path: Any) -> tuple[dict[str, Any], dict[str, Bytes]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        bodies = from_bytes(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        said = json.loads(metadata["slt"])
        if set(metadata) != {"slt"} or any(b.dtype != np.uint8 or b.ndim != 1 for b in bodies.values()):
            raise ValueError("metadata or tensors are not those of a ticket")
        if type(said) is int and said == VERSION:
            header = json.loads(_inflated(bodies.pop("header").tobytes()))
            if header["version"] != said:
                raise ValueError("header and metadata give different versions")
        else:
            header = said if isinstance(said, dict) else {"version": said}
            if header.get("version") == VERSION:
                raise ValueError("the header is not where its version has it")
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError, zlib.error) as error:
        raise TicketFileError(
            f"loading a ticket from {path}: this is no complete ticket file ({len(content)} bytes): {error!r}; "
            "it may be truncated, or not a ticket at all"
        ) from error
    return header, bodies


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(zdict=WORDS)
    text = inflater.decompress(data, MOST_HEADER)
    if not inflater.eof or inflater.unused_data:
        raise ValueError(f"the header is cut, followed by something, or longer than {MOST_HEADER} bytes")
    return text


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
