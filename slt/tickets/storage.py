"""Ticket files: one safetensors container, no pickle.

The masks are uint8 tensors ``mask/<part>``; carried tensors are bytes, ``carried/<name>``. The metadata entry ``slt``
is a JSON header with ``version``, ``encoding``, the source, the domain, the digest of the regenerated source, and a
SHA-256 over the canonical header and all bodies.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from slt.carried import CarriedTensor
from slt.domains import Ball, Box, Domain
from slt.errors import InputError, SltError, TicketFileError
from slt.files import write_whole
from slt.masks import Mask
from slt.tickets.attention_source import AttentionSource
from slt.tickets.rotary_source import RotarySource
from slt.tickets.search_source import SearchSource
from slt.tickets.source import Source
from slt.tickets.ticket import Ticket
from slt.tickets.transformer_source import TransformerSource
from slt.tickets.tree_source import TreeSource
from slt.tickets.two_layer_source import TwoLayerSource
from slt.tickets.verification import source_digest

VERSION = 1
ENCODING = "packed-bits"
KINDS = {"mask": "masks", "carried": "carried"}  # how bodies are named, and the field that lists them
SOURCES: dict[str, type[Source]] = {
    source.kind: source
    for source in (TwoLayerSource, AttentionSource, RotarySource, TransformerSource, TreeSource, SearchSource)
}


def save(ticket: Ticket, path: str | os.PathLike[str]) -> Path:
    """Writes the ticket whole or not at all and returns the path. TicketFileError if the folder cannot be written."""
    from safetensors.numpy import save as to_bytes

    header: dict[str, Any] = {
        "version": VERSION,
        "encoding": ENCODING,
        "source": ticket.source_network.header(),
        "source_digest": ticket.recorded_digest or source_digest(ticket.source_network),
        "domain": _domain_header(ticket.domain),
        "masks": {name: {"shape": list(mask.shape), "kept": mask.kept} for name, mask in ticket.mask.items()},
    }
    bodies = {f"mask/{name}": mask.packed for name, mask in ticket.mask.items()}
    tensors = [c for c in ticket.carried if isinstance(c, CarriedTensor)]
    if tensors:
        header["carried"] = {c.name: {"shape": list(c.shape), "dtype": c.dtype} for c in tensors}
        bodies |= {f"carried/{c.name}": c.data for c in tensors}
    header["digest"] = _digest(header, bodies)
    content = to_bytes({n: np.ascontiguousarray(b) for n, b in bodies.items()}, metadata={"slt": _canonical(header)})
    return write_whole(path, content, error=TicketFileError)


def load(path: str | os.PathLike[str]) -> Ticket:
    """Reads a ticket file. TicketFileError for one that is missing, truncated, altered or from a future version."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise TicketFileError(f"loading a ticket from {path}: {error}; give the path of a saved ticket") from error
    header, bodies = _parse(content, path)
    version = header.get("version")
    if type(version) is not int or version != VERSION or header.get("encoding") != ENCODING:
        raise TicketFileError(
            f"loading a ticket from {path}: the file has version {version!r} and encoding {header.get('encoding')!r}, "
            f"this slt reads version {VERSION} with {ENCODING!r}; a newer slt may read it"
        )
    recorded = header.pop("digest", None)
    try:
        digest = _digest(header, bodies)
    except (ValueError, RecursionError) as error:
        raise TicketFileError(f"loading a ticket from {path}: its header is no plain JSON: {error!r}") from error
    if recorded != digest:
        raise TicketFileError(
            f"loading a ticket from {path}: the digest does not match header and masks: the file was altered or "
            "damaged; get it again or make the ticket anew"
        )
    try:
        _check_fields(header, bodies)
        source = SOURCES[header["source"]["kind"]].from_header(header["source"])
        masks = {}
        for name, entry in header["masks"].items():
            mask = Mask(tuple(entry["shape"]), bodies[f"mask/{name}"])
            if mask.kept != entry["kept"]:
                raise InputError(f"mask {name!r} keeps {mask.kept} weights, the header says {entry['kept']}")
            masks[name] = mask
        source = source.with_tensors(
            tuple(
                CarriedTensor(name, tuple(entry["shape"]), entry["dtype"], bodies[f"carried/{name}"])
                for name, entry in header.get("carried", {}).items()
            )
        )
        ticket = Ticket(source, masks, _domain(header["domain"]), recorded_digest=header["source_digest"])
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError, SltError) as error:
        raise TicketFileError(f"loading a ticket from {path}: its header makes no ticket: {error!r}") from error
    return ticket


def _check_fields(header: dict[str, Any], bodies: dict[str, np.ndarray]) -> None:
    """Raises InputError for fields or bodies that no ticket has, or a source digest that is none."""
    needed = {"version", "encoding", "source", "source_digest", "domain", "masks"} | (set(header) & {"carried"})
    if set(header) != needed:
        raise InputError(f"the header has fields {sorted(header)}, {sorted(needed)} are needed")
    listed = {f"{kind}/{name}" for kind, field in KINDS.items() for name in header.get(field, {})}
    if set(bodies) != listed:
        raise InputError(f"the file holds {sorted(bodies)}, its header lists {sorted(header['masks'])}")
    digest = header["source_digest"]
    if not isinstance(digest, str) or len(digest) != 64:
        raise InputError(f"the digest of the source is {digest!r}; 64 hexadecimal digits are needed")


def _parse(content: bytes, path: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        bodies = from_bytes(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        header = json.loads(metadata["slt"])
        if (
            not isinstance(header, dict)
            or set(metadata) != {"slt"}
            or any(b.dtype != np.uint8 for b in bodies.values())
        ):
            raise ValueError("metadata or tensors are not those of a ticket")
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TicketFileError(
            f"loading a ticket from {path}: this is no complete ticket file ({len(content)} bytes): {error!r}; "
            "it may be truncated, or not a ticket at all"
        ) from error
    return header, bodies


def _canonical(header: dict[str, Any]) -> str:
    return json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(header: dict[str, Any], bodies: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(_canonical(header).encode())
    for name in sorted(bodies):
        digest.update(f";{name} {bodies[name].shape};".encode())
        digest.update(np.ascontiguousarray(bodies[name]).data)
    return digest.hexdigest()


def _domain_header(domain: Domain | None) -> dict[str, Any]:
    if domain is None:
        return {"kind": "none"}
    if isinstance(domain, Ball):
        return {"kind": "ball", "radius": float(domain.radius)}
    if isinstance(domain, Box):
        return {"kind": "box", "low": domain.low, "high": domain.high}
    raise InputError(f"saving a ticket: a domain of type {type(domain).__name__} has no file form; use Ball or Box")


def _domain(header: dict[str, Any]) -> Domain | None:
    if header["kind"] == "none":
        return None
    if header["kind"] == "ball":
        return Ball(header["radius"])
    if header["kind"] == "box":
        low, high = (tuple(v) if isinstance(v, list) else v for v in (header["low"], header["high"]))
        return Box(low, high)
    raise InputError(f"unknown domain {header['kind']!r}")
