"""Ticket files: what is saved comes back; what is damaged, foreign or from the future does not."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import safetensors.numpy
from torch import nn

import slt
from slt.errors import InputError, LimitError, SltError, TicketFileError, VerificationError
from slt.tickets.header_words import WORDS
from slt.tickets.storage import read
from slt.tickets.ticket_file import MOST_HEADER
from tests.tickets.ticket_files import deflated, forged, rewritten, save_version_1


@pytest.fixture
def saved(tmp_path):
    ticket = slt.find_ticket(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), width=9, seed=4)
    return ticket, ticket.save(tmp_path / "a.slt")


def test_tickets_survive_their_files(target, domain, tmp_path):
    ticket = slt.find_ticket(target, width=20, seed=slt.Key(6) / "run 3", inputs=domain)
    again = slt.load(ticket.save(tmp_path / "ticket.slt"))
    assert again.mask == ticket.mask
    assert again.source_network == ticket.source_network and again.domain == ticket.domain
    assert again.carried == ticket.carried
    assert again.verify() == ticket.verify()
    assert np.array_equal(again.residuals(target).errors, ticket.residuals().errors)
    assert again.save(tmp_path / "again.slt").read_bytes() == ticket.save(tmp_path / "ticket.slt").read_bytes()
    with pytest.raises(InputError, match="pass the model"):
        again.unreached(0.1)


def test_any_truncation_is_refused(saved, tmp_path):
    content = saved[1].read_bytes()
    for size in range(len(content)):
        (tmp_path / "cut.slt").write_bytes(content[:size])
        with pytest.raises(TicketFileError, match=r"truncated|altered"):
            slt.load(tmp_path / "cut.slt")


def test_any_altered_byte_is_refused_or_harmless(saved, tmp_path):
    ticket, path = saved
    content = bytearray(path.read_bytes())
    file = tmp_path / "altered.slt"
    for position in range(len(content)):
        for flip in (0x01, 0x20):
            content[position] ^= flip
            file.write_bytes(content)
            content[position] ^= flip
            try:
                loaded = slt.load(file)
            except TicketFileError:
                continue
            # bytes that mean nothing, such as padding between header and body
            assert loaded.mask == ticket.mask and loaded.source_network == ticket.source_network


def test_future_versions_and_encodings_are_refused(saved, tmp_path):
    path = saved[1]
    content = path.read_bytes()
    for version, said in ((b"3", "version 3, .*a newer slt may read it"), (b"0", "version 0"), (b"{", "no complete")):
        path.write_bytes(content.replace(b'"slt":"2"', b'"slt":"' + version + b'"'))
        with pytest.raises(TicketFileError, match=said):
            slt.load(path)
    for version in (3, True, "2", None):
        path.write_bytes(content)
        with pytest.raises(TicketFileError, match="different versions"):
            slt.load(rewritten(path, lambda h, b, version=version: h.update(version=version)))
    first = save_version_1(saved[0], tmp_path / "first.slt")
    with pytest.raises(TicketFileError, match="encoding"):
        slt.load(rewritten(first, lambda h, b: h.update(encoding="gaps")))


def test_files_of_version_1_are_read(target, domain, tmp_path):
    ticket = slt.find_ticket(target, width=9, seed=3, inputs=domain)
    again = slt.load(save_version_1(ticket, tmp_path / "first.slt"))
    assert again.mask == ticket.mask and again.source_network == ticket.source_network
    assert again.verify() == ticket.verify()


@pytest.mark.parametrize(
    "change",
    [
        lambda h, b: h["masks"].pop("layer 0/bias"),
        lambda h, b: h["masks"]["layer 0/bias"].update(kept=0),
        lambda h, b: h["masks"]["layer 0/bias"].update(shape=[3]),
        lambda h, b: b.pop("mask/layer 0/bias"),
        lambda h, b: b.update(masks=b["mask/layer 0/bias"]),
        lambda h, b: h.update(patches=[]),
        lambda h, b: h.pop("encoding"),
        lambda h, b: h.update(masks=[]),
    ],
)
def test_headers_of_version_1_that_make_no_ticket_are_refused(saved, tmp_path, change):
    with pytest.raises(TicketFileError, match="makes no ticket"):
        slt.load(rewritten(save_version_1(saved[0], tmp_path / "first.slt"), change))


@pytest.mark.parametrize(
    "change",
    [
        lambda h, b: h["source"].update(kind="three-layer"),
        lambda h, b: h["source"].update(law="gaussian"),
        lambda h, b: h["source"].update(width=8),
        lambda h, b: h["source"].update(width=-1),
        lambda h, b: h["source"].update(width="9"),
        lambda h, b: h["source"].update(seed=-3),
        lambda h, b: h["source"]["blocks"].pop(),
        lambda h, b: h["source"]["blocks"].clear(),
        lambda h, b: h["source"]["blocks"][0].update(outputs=3),
        lambda h, b: h["source"]["blocks"][0].update(relu="yes"),
        lambda h, b: h["source"]["blocks"][0].update(scale=0.5),
        lambda h, b: h["source"]["blocks"][0].update(weight=1),
        lambda h, b: h["source"]["blocks"][1].update(weight=0),
        lambda h, b: h["source"]["blocks"][0].update(inputs=True),
        lambda h, b: h["source"].update(flatten="no"),
        lambda h, b: h["source"].update(seed=4.0),
        lambda h, b: h["source"].pop("key", None) or h["source"].pop("path"),
        lambda h, b: h["masks"].pop(),
        lambda h, b: h["masks"].append([0, 0, 0]),
        lambda h, b: h["masks"][0].__setitem__(0, 0),
        lambda h, b: h["masks"][0].__setitem__(0, -1),
        lambda h, b: h["masks"][0].__setitem__(0, 2**60),
        lambda h, b: h["masks"][0].__setitem__(0, 4.0),
        lambda h, b: h["masks"][0].__setitem__(1, 2**60),
        lambda h, b: h["masks"][0].__setitem__(1, 5),
        lambda h, b: h["masks"][0].__setitem__(1, -5),
        lambda h, b: h["masks"][0].__setitem__(1, "m"),
        lambda h, b: h["masks"][0].__setitem__(2, -1),
        lambda h, b: h["masks"][0].__setitem__(2, True),
        lambda h, b: h["masks"][0].__setitem__(2, 10**9),
        lambda h, b: h["masks"][-1].__setitem__(2, 0),
        lambda h, b: h["masks"][0].pop(),
        lambda h, b: h["masks"].__setitem__(0, 7),
        lambda h, b: b.pop("masks"),
        lambda h, b: b.update(masks=b["masks"][:-1]),
        lambda h, b: b.update(masks=np.append(b["masks"], np.uint8(0))),
        lambda h, b: b.update(carried=np.zeros(3, np.uint8)),
        lambda h, b: b.update(patches=np.zeros(3, np.uint8)),
        lambda h, b: h.update(patches=[["flips", "x", 0, 0, 0, 0, 0]]),
        lambda h, b: h.update(carried=[["x", [1], "float32"]]),
        lambda h, b: h.update(carried=[["x", [0], "nn"]]),
        lambda h, b: h.update(carried=[["x", [0], "float32"]]),
        lambda h, b: h.update(encoding="packed-bits"),
        lambda h, b: h.update(domain={"kind": "torus"}),
        lambda h, b: h.update(domain={"kind": "ball", "radius": -1.0}),
        lambda h, b: h.pop("source_digest"),
        lambda h, b: h.update(source_digest=None),
        lambda h, b: h.update(source_digest=7),
        lambda h, b: h.update(extra=1),
        lambda h, b: b.update(extra=np.zeros(3, np.uint8)),
        lambda h, b: h["source"].update(path="abc"),
        lambda h, b: h["source"].update(path=["\ud800"]),
        lambda h, b: h["source"]["blocks"][0].update(scale=-3),
        lambda h, b: h["source"].update(law="signed-constant/" + "9" * 400),
        lambda h, b: h.update(masks=[]),
    ],
)
def test_headers_that_make_no_ticket_are_refused(saved, change):
    with pytest.raises(TicketFileError, match=r"makes no ticket|no class of weight laws"):
        slt.load(rewritten(saved[1], change))


def test_another_seed_under_the_same_masks_is_found_by_verification(saved):
    forged = slt.load(rewritten(saved[1], lambda h, b: h["source"].update(seed=5)))
    with pytest.raises(VerificationError, match="digest"):
        forged.verify()


def test_other_files_are_refused(tmp_path):
    for name, content in [
        ("empty", b""),
        ("text", b"hello"),
        ("json", json.dumps({"a": 1}).encode()),
        ("pickle", b"\x80\x04N."),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TicketFileError):
            slt.load(tmp_path / name)
    safe = safetensors.numpy.save({"x": np.zeros(3)}, metadata={"format": "pt"})
    (tmp_path / "weights").write_bytes(safe)
    with pytest.raises(TicketFileError):
        slt.load(tmp_path / "weights")
    with pytest.raises(TicketFileError, match="loading a ticket"):
        slt.load(tmp_path / "absent")
    with pytest.raises(TicketFileError):
        slt.load(tmp_path)


def test_saving_where_it_cannot_be_leaves_nothing(saved, tmp_path):
    with pytest.raises(TicketFileError):
        saved[0].save(tmp_path / "no" / "such" / "folder.slt")
    assert isinstance(TicketFileError("x"), SltError) and isinstance(TicketFileError("x"), OSError)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.slt"]


def test_a_network_larger_than_the_machine_is_refused_before_it_is_drawn():
    """One output, many inputs: a small mask for a first layer of 10**12 weights."""
    from slt.masks import Mask
    from slt.tickets import Block, Ticket, TwoLayerSource

    source = TwoLayerSource(slt.Key(0), slt.Uniform(), 1, (Block(10**6, 1, 0, None, False),))
    ticket = Ticket(source, {"layer 0/weight": Mask.of(np.ones((1, 10**6, 1), bool))})
    assert ticket.kept == 2 * 10**6
    assert "1,000,001,000,000 random weights" in str(ticket)
    for make in (ticket.module, ticket.source, ticket.verify):
        with pytest.raises(LimitError, match=r"3,725\.\d GiB .*collapsed"):
            make()


def test_a_mask_with_other_weights_but_as_many_is_refused(saved):
    """Two flipped bits leave every count as it was; only the digest sees them."""
    path = saved[1]
    file, content = read(path), bytearray(path.read_bytes())
    assert file.header["masks"][0][1] == 0  # packed bits
    start = content.rindex(file.bodies["masks"].tobytes())
    one = next(i for i in range(start, len(content)) if content[i] & 0x80 and not content[i] & 0x40)
    content[one] ^= 0xC0
    path.write_bytes(content)
    with pytest.raises(TicketFileError, match="digest"):
        slt.load(path)


def test_a_body_of_another_type_is_refused(saved):
    file = read(saved[1])
    file.bodies["masks"] = file.bodies["masks"].view(np.int8)
    saved[1].write_bytes(forged(file))
    with pytest.raises(TicketFileError):
        slt.load(saved[1])


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"no deflated text",
        deflated(b"[1, 2]"),
        deflated(b'{"version": 2}')[:-1],
        deflated(b'{"version": 2}') + b"x",
        deflated(b'{"version": 2'),
        deflated(b" " * (MOST_HEADER + 1)),
    ],
)
def test_headers_that_do_not_unpack_are_refused(header, tmp_path):
    bodies = {"header": np.frombuffer(header, dtype=np.uint8)}
    (tmp_path / "a.slt").write_bytes(safetensors.numpy.save(bodies, metadata={"slt": "2"}))
    with pytest.raises(TicketFileError, match="no complete ticket file"):
        slt.load(tmp_path / "a.slt")


def test_the_dictionary_of_headers_is_as_it_was():
    """Files of version 2 need it: another dictionary is another version."""
    assert hashlib.sha256(WORDS).hexdigest() == "15299ad6817f7a4653575f71792991c1a54895fa7e53f6e6f5973c5a19076a2a"
