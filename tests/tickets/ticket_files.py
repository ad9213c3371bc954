"""Forged and older ticket files."""

from __future__ import annotations

import zlib

import safetensors.numpy

from slt.carried import CarriedTensor
from slt.tickets.header_words import WORDS
from slt.tickets.storage import _domain_header, read
from slt.tickets.ticket_file import TicketFile, _canonical
from slt.tickets.verification import source_digest


def forged(file: TicketFile) -> bytes:
    """The bytes of a file in the version that its header says, with a digest that is right."""
    if type(file.header.get("version")) is int and file.header["version"] == 1:
        header = _canonical(file.header | {"digest": file.digest}).decode()
        return safetensors.numpy.save(dict(file.bodies), metadata={"slt": header})
    return file.content()


def rewritten(path, change):
    """The file with its header or bodies changed and its digest made right again: a forgery that is internally
    consistent."""
    file = read(path)
    change(file.header, file.bodies)
    path.write_bytes(forged(file))
    return path


def save_version_1(ticket, path):
    """The ticket as slt wrote it before masks were coded."""
    header = {
        "version": 1,
        "encoding": "packed-bits",
        "source": ticket.source_network.header(),
        "source_digest": source_digest(ticket.source_network),
        "domain": _domain_header(ticket.domain),
        "masks": {name: {"shape": list(mask.shape), "kept": mask.kept} for name, mask in ticket.mask.items()},
    }
    bodies = {f"mask/{name}": mask.packed for name, mask in ticket.mask.items()}
    tensors = [c for c in ticket.carried if isinstance(c, CarriedTensor)]
    if tensors:
        header["carried"] = {c.name: {"shape": list(c.shape), "dtype": c.dtype} for c in tensors}
        bodies |= {f"carried/{c.name}": c.data for c in tensors}
    path.write_bytes(forged(TicketFile(header, bodies)))
    return path


def deflated(text: bytes) -> bytes:
    """A header's bytes in version 2."""
    deflater = zlib.compressobj(9, zdict=WORDS)
    return deflater.compress(text) + deflater.flush()
