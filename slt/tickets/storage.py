"""Ticket files: what of a ticket is written, and how it is read back.

Header fields: ``version``, ``source``, ``source_digest`` (of the regenerated weights), ``domain``, ``masks`` (kept,
parameter and bytes of each code, in the order of the source's masks), and where there are any ``carried`` (name, shape,
dtype) and ``patches``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.domains import Ball, Box, Domain
from slt.errors import InputError, SltError, TicketFileError, UnknownLawError
from slt.files import write_whole
from slt.mask_coding import LARGEST, CodedMask, decode_mask, encode_mask
from slt.masks import Mask
from slt.tickets.attention_source import AttentionSource
from slt.tickets.graph_source import GraphSource
from slt.tickets.looks_linear_source import LooksLinearSource
from slt.tickets.perturbed_source import PerturbedSource
from slt.tickets.replicated_source import ReplicatedSource
from slt.tickets.rotary_source import RotarySource
from slt.tickets.search_source import SearchSource
from slt.tickets.source import Source
from slt.tickets.ticket import Ticket
from slt.tickets.ticket_file import VERSION, TicketFile
from slt.tickets.transformer_source import TransformerSource
from slt.tickets.tree_source import TreeSource
from slt.tickets.two_layer_source import TwoLayerSource
from slt.tickets.verification import source_digest
from slt.weights import PROBE, WeightLaw, named_law

SOURCES: dict[str, type[Source]] = {
    source.kind: source
    for source in (
        TwoLayerSource,
        LooksLinearSource,
        PerturbedSource,
        ReplicatedSource,
        AttentionSource,
        RotarySource,
        TransformerSource,
        TreeSource,
        GraphSource,
        SearchSource,
    )
}

Bytes = npt.NDArray[np.uint8]


def save(ticket: Ticket, path: str | os.PathLike[str]) -> Path:
    """Writes the ticket whole or not at all and returns the path. TicketFileError if the folder cannot be written."""
    return write_whole(path, _file(ticket).content(), error=TicketFileError)


def load(path: str | os.PathLike[str]) -> Ticket:
    """Reads a ticket file. TicketFileError for one that is missing, truncated, altered, from a future version, or whose
    weight law is of a class that is not there: a file holds the law's name alone."""
    file = read(path)
    header, bodies = file.header, file.bodies
    try:
        _check_fields(file)
        source = SOURCES[header["source"]["kind"]].from_header(header["source"])
        if header["version"] == 1:
            masks = _masks_of_version_1(header, bodies)
            tensors = [(name, e["shape"], e["dtype"]) for name, e in header.get("carried", {}).items()]
            data = np.concatenate([_none(), *(bodies[f"carried/{name}"] for name, _, _ in tensors)])
        else:
            masks = _masks(source, header["masks"], bodies.get("masks", _none()))
            tensors = header.get("carried", [])
            data = bodies.get("carried", _none())
        source = source.with_tensors(_tensors(tensors, data))
        source = source.decode_patches(header.get("patches", []), bodies.get("patches", _none()), masks)
        return Ticket(source, masks, _domain(header["domain"]), recorded_digest=header["source_digest"])
    except UnknownLawError as error:
        raise TicketFileError(f"loading a ticket from {path}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError, SltError) as error:
        raise TicketFileError(f"loading a ticket from {path}: its header makes no ticket: {error!r}") from error


def read(path: str | os.PathLike[str]) -> TicketFile:
    """Header and bodies of a ticket file, checked against its digest. TicketFileError as for ``load``."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise TicketFileError(f"loading a ticket from {path}: {error}; give the path of a saved ticket") from error
    return TicketFile.parse(content, path)


def _file(ticket: Ticket) -> TicketFile:
    source = ticket.source_network
    _check_law(source.law)
    supersets = source.supersets
    gaps = sum(mask.size for mask in ticket.mask.values()) <= LARGEST
    coded = [
        encode_mask(ticket.mask[name], ticket.mask[supersets[name]] if name in supersets else None, gaps=gaps)
        for name in source.mask_shapes
    ]
    header: dict[str, Any] = {
        "version": VERSION,
        "source": source.header(),
        "source_digest": ticket.recorded_digest or source_digest(source),
        "domain": _domain_header(ticket.domain),
        "masks": [[mask.kept, mask.parameter, mask.data.size] for mask in coded],
    }
    bodies = {"masks": np.concatenate([_none(), *(mask.data for mask in coded)])}
    tensors = [c for c in ticket.carried if isinstance(c, CarriedTensor)]
    if tensors:
        header["carried"] = [[c.name, list(c.shape), c.dtype] for c in tensors]
        bodies["carried"] = np.concatenate([c.data for c in tensors])
    entries, patches = source.encode_patches(ticket.mask)
    if entries:
        header["patches"] = entries
        bodies["patches"] = np.frombuffer(patches, dtype=np.uint8)
    return TicketFile(header, {name: body for name, body in bodies.items() if body.size})


def _check_law(law: WeightLaw) -> None:
    """Raises InputError for a law that its name would not bring back: no loader could read the file."""
    try:
        back = named_law(law.name)
    except InputError as error:
        raise InputError(f"saving a ticket: its weight law cannot be named: {error}") from error
    # of a class that was defined again since, as when a cell is run twice, the two are alike and not equal
    alike = type(back).__qualname__ == type(law).__qualname__ and repr(back) == repr(law)
    # the name may leave out what only the object knows; its draws do not
    same = np.array_equal(back.draw(PROBE, (1, 1, 64)), law.draw(PROBE, (1, 1, 64)))
    if (back != law and not alike) or not same:
        raise InputError(
            f"saving a ticket: files name its weight law {law!r} {law.name!r}, which reads as {back!r}"
            f"{'' if same else ' and draws other weights'}; make its class a frozen dataclass whose fields are plain "
            "numbers and say all, or override name and of_numbers so that they agree"
        )


def _masks(source: Source, entries: list[Any], data: Bytes) -> dict[str, Mask]:
    shapes, supersets = source.mask_shapes, source.supersets
    entropy_coded = sum(math.prod(shape) for (_, p, _), shape in zip(entries, shapes.values(), strict=True) if p)
    if entropy_coded > LARGEST:
        raise InputError(f"gaps code masks of at most {LARGEST} weights in all; {entropy_coded} were declared")
    masks: dict[str, Mask] = {}
    start = 0
    for (kept, parameter, length), (name, shape) in zip(entries, shapes.items(), strict=True):
        coded = CodedMask(kept, parameter, _piece(data, start, length, f"mask {name!r}"))
        masks[name] = decode_mask(coded, shape, masks[supersets[name]] if name in supersets else None)
        start += length
    _at_end(data, start, "masks")
    return masks


def _tensors(entries: list[Any], data: Bytes) -> tuple[CarriedTensor, ...]:
    import torch

    found, start = [], 0
    for name, shape, dtype in entries:
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise InputError(f"the carried tensor {name!r} has shape {shape!r}; a list of sizes is needed")
        if not isinstance(getattr(torch, str(dtype), None), torch.dtype):
            raise InputError(f"the carried tensor {name!r} has dtype {dtype!r}, which is none of torch")
        length = math.prod(shape) * getattr(torch, dtype).itemsize
        found.append(CarriedTensor(name, tuple(shape), dtype, _piece(data, start, length, f"carried {name!r}").copy()))
        start += length
    _at_end(data, start, "carried tensors")
    return tuple(found)


def _piece(data: Bytes, start: int, length: Any, what: str) -> Bytes:
    if type(length) is not int or length < 0 or start + length > data.size:
        raise InputError(f"{what} takes {length!r} bytes from byte {start} on; the file holds {data.size}")
    return data[start : start + length]


def _at_end(data: Bytes, end: int, what: str) -> None:
    if end != data.size:
        raise InputError(f"the {what} end at byte {end}; the file holds {data.size}")


def _none() -> Bytes:
    return np.zeros(0, dtype=np.uint8)


def _masks_of_version_1(header: dict[str, Any], bodies: Mapping[str, Bytes]) -> dict[str, Mask]:
    """Packed bits, each mask a body of its own."""
    masks = {}
    for name, entry in header["masks"].items():
        masks[name] = Mask(tuple(entry["shape"]), bodies[f"mask/{name}"])
        if masks[name].kept != entry["kept"]:
            raise InputError(f"mask {name!r} keeps {masks[name].kept} weights, the header says {entry['kept']}")
    return masks


def _check_fields(file: TicketFile) -> None:
    """Raises InputError for fields or bodies that no ticket has, or a source digest that is none."""
    header, first = file.header, file.header["version"] == 1
    needed = {"version", "source", "source_digest", "domain", "masks"}
    needed |= ({"encoding"} | (set(header) & {"carried"})) if first else (set(header) & {"carried", "patches"})
    if set(header) != needed or (first and header["encoding"] != "packed-bits"):
        raise InputError(f"the header has fields {sorted(header)}, {sorted(needed)} are needed")
    if first:
        listed = {f"mask/{name}" for name in header["masks"]} | {
            f"carried/{name}" for name in header.get("carried", {})
        }
        strange = set(file.bodies) ^ listed
    else:
        strange = set(file.bodies) - {"masks", "carried", "patches"}
    if strange:
        raise InputError(f"the file holds {sorted(file.bodies)}; the header does not fit {sorted(strange)}")
    digest = header["source_digest"]
    if not isinstance(digest, str) or len(digest) != 64:
        raise InputError(f"the digest of the source is {digest!r}; 64 hexadecimal digits are needed")


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
