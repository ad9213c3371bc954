"""Search tickets: what their weights are, what verification proves, what files bring back."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import slt
from slt.carried import CarriedTensor
from slt.cli import main
from slt.errors import InputError, LimitError, MaskError, TicketFileError, VerificationError
from slt.masks import Mask
from slt.tensor_draws import draw_tensor
from slt.tickets import Constant, Copies, Flips, Redraws, SearchSource, SearchTensor, Ticket, search_module
from slt.tickets.storage import read
from slt.tree_checks import outlines
from tests.tickets.search_tickets import TENSORS, Words, masks_of, source_of, ticket_of
from tests.tickets.ticket_files import rewritten

KINDS = list(TENSORS)
NORMAL = slt.Normal()


def bits(tensor):
    return tensor.detach().numpy().view(np.int32)


# -- what the weights are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", [slt.Uniform(), slt.SignedConstant(0.25), NORMAL], ids=lambda law: law.name)
def test_every_weight_is_the_declared_product(kind, law):
    """One weight at a time, in the declared order of float32 roundings."""
    ticket = ticket_of(kind, law)
    before = {name: p.numpy() for name, p in ticket.source().named_parameters()}
    one = np.float32
    for tensor in ticket.source_network.tensors:
        draws = draw_tensor(law, slt.Key(5) / "search" / "weights" / tensor.name, tensor.shape)
        found = ticket.kept_weights()[tensor.name].numpy()
        masks = {name.removeprefix(tensor.name): ticket.mask[name].unpack() for name in tensor.supersets}
        for at in np.ndindex(tensor.shape):
            k = math.copysign(2**law.exponent, draws[at]) if tensor.binarised else int(draws[at])
            weight = one(one(k * 2.0**-law.exponent) * one(tensor.scale))
            assert before[tensor.name][at] == weight
            coats = 1 + sum(int(masks[f"/{level}"][at]) for level in range(2, tensor.levels + 1))
            value = one(one(weight * one(coats)) * one(tensor.multiplier))
            if tensor.signed and masks["/negative"][at]:
                value = -value
            expected = value if masks[""][at] else one(0.0)
            assert found[at].tobytes() == expected.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    st.floats(2**-10, 2**10, width=32),
    st.floats(2**-10, 2**10, width=32),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_both_ways_to_work_out_the_weights_agree(scale, multiplier, signed, levels, seed):
    tensor = SearchTensor("w", (4, 5), scale, multiplier, signed=signed, levels=levels)
    source = SearchSource(slt.Key(seed), slt.Uniform(), (tensor,))
    masks = masks_of(source, seed)
    draws = source.draw("w")
    assert np.array_equal(
        source.kept_values("w", masks).view(np.int32), source.expected("w", masks, draws).view(np.int32)
    )


def test_the_module_is_the_skeleton_with_what_is_declared():
    ticket = ticket_of()
    module = ticket.module()
    assert isinstance(module, Words) and not module.training
    assert not any(p.requires_grad for p in module.parameters())
    assert module.head.weight is module.embedding.weight
    weights = ticket.kept_weights()
    assert all(np.array_equal(bits(module.get_parameter(n)), bits(w)) for n, w in weights.items())
    assert torch.equal(module.norm.weight, torch.ones(8)) and torch.equal(module.head.bias, torch.zeros(11))
    carried = ticket.source_network.skeleton
    assert torch.equal(module.table, carried.table) and torch.equal(module.mix.bias, carried.mix.bias)
    assert module.norm.num_batches_tracked.dtype == torch.int64
    assert ticket.carried_count == 8 + 8 + 8 + 1 + 8
    assert all(p.requires_grad for p in ticket.source_network.skeleton.parameters())  # nothing of it was touched
    double = ticket.module(torch.float64)
    words = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))
    assert double.norm.running_var.dtype == torch.float64 and double(words).dtype == torch.float64
    assert torch.allclose(double(words).float(), module(words), atol=1e-5)
    assert torch.equal(double.mix.weight.float(), module.mix.weight)


def test_the_source_before_pruning():
    module = ticket_of("ternary, scaled").source()
    draws = draw_tensor(slt.Uniform(), slt.Key(5) / "search" / "weights" / "back.weight", (6, 8))
    expected = draws.astype(np.float32) * np.float32(2.0**-23) * np.float32(0.7)
    assert np.array_equal(bits(module.back.weight), expected.view(np.int32))


def test_what_a_search_ticket_has_not():
    ticket = ticket_of()
    with pytest.raises(InputError, match="nothing to collapse"):
        ticket.collapsed()
    with pytest.raises(InputError, match="nothing to collapse"):
        ticket.collapsed_module()
    with pytest.raises(InputError, match="no target weight by weight"):
        ticket.residuals(Words())
    with pytest.raises(InputError, match="does not hold its target"):
        ticket.residuals()
    two_layer = slt.find_ticket(nn.Linear(2, 2), width=20)
    with pytest.raises(InputError, match="no domain"):
        dataclasses.replace(two_layer, domain=None).residuals()


# -- masks ---------------------------------------------------------------------------------------------------------


def test_masks_must_be_parts_of_those_that_they_refine():
    source = source_of("binarised, coated")
    masks = masks_of(source)
    for name in ("mix.weight/2", "mix.weight/3", "back.weight/negative", "back.weight/2"):
        superset = source.supersets[name]
        outside = np.argwhere(~masks[superset].unpack())[0]
        wrong = masks[name].unpack()
        wrong[tuple(outside)] = True
        with pytest.raises(MaskError, match=rf"1 weights are in mask '{name}' and not in '{superset}'"):
            Ticket(source, masks | {name: Mask.of(wrong)}, domain=None)
    with pytest.raises(MaskError, match="the source needs"):
        Ticket(source, {n: m for n, m in masks.items() if n != "mix.weight/3"}, domain=None)


def test_the_entropy_of_parts_is_that_within_their_supersets():
    ticket = ticket_of("ternary, scaled")
    expected = 0.0
    for name in ticket.source_network.tensor_shapes:
        kept, negative = ticket.mask[name], ticket.mask[f"{name}/negative"].kept
        expected += kept.entropy_bits + math.log2(math.comb(kept.kept, negative))
    assert abs(ticket.entropy_bits - expected) < 1e-6
    assert ticket.kept == sum(ticket.mask[name].kept for name in ticket.source_network.tensor_shapes)


# -- verification --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_tickets_verify_and_survive_their_files(kind, tmp_path):
    ticket = ticket_of(kind)
    again = slt.load(ticket.save(tmp_path / "a.slt"))
    assert again.mask == ticket.mask and again.source_network == ticket.source_network and again.domain is None
    assert again.verify() == ticket.verify()  # without the network's code
    assert "bit for bit" in str(again.verify())
    with pytest.raises(InputError, match=r"ticket\.module\(like=model\)"):
        again.module()
    words = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.module(like=Words())(words), ticket.module()(words))
    assert again.save(tmp_path / "b.slt").read_bytes() == (tmp_path / "a.slt").read_bytes()


def tampered(monkeypatch, change):
    """Verification of a ticket whose modules are changed before they are looked at."""
    honest = search_module.build

    def build(*args):
        module = honest(*args)
        change(module)
        return module

    monkeypatch.setattr(search_module, "build", build)
    ticket_of("ternary, scaled").verify()


@torch.no_grad()
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.mix.weight.data.view(-1)[:1].add_(2**-20), "1 of 144 weights of mix.weight are not source times"),
        (lambda m: m.mix.weight.data.mul_(2), "of mix.weight are not source times mask"),
        (lambda m: m.mix.weight.data.masked_fill_(m.mix.weight.data == 0, -0.0), "of mix.weight are not source times"),
        (lambda m: m.back.weight.data.neg_(), "of back.weight are not source times mask"),
        (lambda m: m.norm.bias.data[0].fill_(-0.0), "norm.bias is not 0.0 everywhere"),
        (lambda m: m.norm.weight.data[3].fill_(1.0000001), "norm.weight is not 1.0 everywhere"),
        (lambda m: m.table.add_(1), "table is not the tensor that is declared"),
        (lambda m: m.norm.num_batches_tracked.add_(1), "num_batches_tracked is not the tensor"),
        (lambda m: m.register_buffer("more", torch.zeros(1)), r"holds \['more'\] undeclared"),
        (lambda m: setattr(m, "secret", torch.zeros(1)), r"holds \['secret'\] undeclared"),
        (lambda m: setattr(m.head, "weight", nn.Parameter(torch.zeros(11, 6), False)), "'head.weight'"),
        (lambda m: m.back.register_parameter("bias", None), r"lacks \['back.bias'\]"),
        (lambda m: m.mix.weight.requires_grad_(), "not frozen"),
        (lambda m: m.back.weight.requires_grad_(), "not frozen"),
        (lambda m: m.double(), "not float32"),
        (lambda m: setattr(m.back.weight, "data", torch.zeros(6, 9)), "of shape"),
    ],
)
def test_verification_catches_what_is_not_as_declared(monkeypatch, change, text):
    with pytest.raises(VerificationError, match=text):
        tampered(monkeypatch, change)


@pytest.mark.parametrize("field", ["scale", "multiplier", "binarised", "signed", "levels"])
def test_verification_catches_other_declarations(monkeypatch, field):
    """What the module holds was worked out with one field of the declaration changed."""
    ticket = ticket_of("binarised, coated")
    honest = SearchTensor.kept_values
    changed = {"scale": 0.7000001, "multiplier": 1.7000002, "binarised": True, "signed": False, "levels": 1}

    def dishonest(self, lattice, law, masks):
        if self.name != "back.weight":
            return honest(self, lattice, law, masks)
        draws = draw_tensor(law, slt.Key(5) / "search" / "weights" / self.name, self.shape)
        other = dataclasses.replace(self, **{field: changed[field]})
        return honest(other, other.lattice(draws, law), law, masks)

    monkeypatch.setattr(SearchTensor, "kept_values", dishonest)
    with pytest.raises(VerificationError, match=r"of back\.weight are not source times mask"):
        ticket.verify()


def test_another_seed_is_found_by_its_digest(tmp_path):
    path = ticket_of().save(tmp_path / "a.slt")
    with pytest.raises(VerificationError, match="digest"):
        slt.load(rewritten(path, lambda h, b: h["source"].update(seed=6))).verify()


def test_a_stale_generator_is_found(monkeypatch):
    import slt.tickets.search_source as module

    monkeypatch.setattr(module, "draw_tensor", lambda law, key, shape: draw_tensor(law, key / "stale", shape))
    with pytest.raises(VerificationError, match="compiled and the plain generator disagree"):
        ticket_of().verify()


# -- patches -------------------------------------------------------------------------------------------------------


def patched_ticket(kind="plain", law=None):
    source = source_of(kind, law)
    masks = masks_of(source)
    rng = np.random.default_rng(3)
    patches = [
        Copies("mix.weight", np.arange(0, 144, 3), rng.integers(0, 144, 48)),
        Redraws("back.weight", np.arange(48), rng.integers(1, 5, 48)),
    ]
    source = source.with_patches(patches, masks)
    return Ticket(source, masks, domain=None)


@pytest.mark.parametrize("kind", KINDS)
def test_patched_weights_are_copies_and_redraws_of_the_seeds_own(kind):
    ticket = patched_ticket(kind)
    source = ticket.source_network
    key = slt.Key(5) / "search"
    copies = source._by_name["mix.weight"], source.patches[0]
    redraws = source._by_name["back.weight"], source.patches[1]
    first = copies[0].lattice(draw_tensor(source.law, key / "weights" / "mix.weight", (8, 6, 3)), source.law).copy()
    origins = np.random.default_rng(3).integers(0, 144, 48)
    own = first.reshape(-1).copy()
    first.reshape(-1)[::3] = own[origins]
    assert np.array_equal(
        bits(ticket.kept_weights()["mix.weight"]),
        copies[0].kept_values_plain(first, source.law, ticket.mask).view(np.int32),
    )
    rng = np.random.default_rng(3)
    rng.integers(0, 144, 48)
    events = rng.integers(1, 5, 48)
    drawn = [draw_tensor(source.law, key / "events" / str(r) / "back.weight", (6, 8)).reshape(-1) for r in range(1, 5)]
    second = redraws[0].lattice(np.array([drawn[r - 1][i] for i, r in enumerate(events)]), source.law).reshape(6, 8)
    assert np.array_equal(
        bits(ticket.kept_weights()["back.weight"]),
        redraws[0].kept_values_plain(second, source.law, ticket.mask).view(np.int32),
    )
    assert source.patched_count == sum(p.indices.size for p in source.patches) > 20
    assert all(set(p.indices) <= set(np.flatnonzero(ticket.mask[p.name].unpack())) for p in source.patches)


@pytest.mark.parametrize(("law", "kinds"), [(slt.Uniform(), {Copies, Redraws}), (slt.SignedConstant(), {Flips})])
def test_patched_tickets_survive_their_files(law, kinds, tmp_path):
    ticket = patched_ticket(law=law)
    assert {type(patch) for patch in ticket.source_network.patches} == kinds
    path = ticket.save(tmp_path / "a.slt")
    again = slt.load(path)
    assert again.source_network == ticket.source_network and again.verify() == ticket.verify()
    assert f"{ticket.source_network.patched_count} of them as a declared patch says" in str(again.verify())
    assert ticket.patch_bits == 8 * read(path).bytes_of("patches") > 0
    words = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.module(like=Words())(words), ticket.module()(words))


def test_flips_cost_less_than_what_made_them():
    assert patched_ticket(law=slt.SignedConstant()).patch_bits < patched_ticket().patch_bits
    assert ticket_of().patch_bits == 0


def test_verification_catches_another_patch(monkeypatch):
    ticket = patched_ticket()
    honest = SearchSource.kept_values
    for other in (
        (),
        ticket.source_network.patches[:1],
        ticket.source_network.patches[1:],
        (dataclasses.replace(ticket.source_network.patches[0], origins=ticket.source_network.patches[0].indices),),
    ):
        source = dataclasses.replace(ticket.source_network, patches=other)
        with monkeypatch.context() as patched:
            patched.setattr(
                SearchSource, "kept_values", lambda self, name, masks, source=source: honest(source, name, masks)
            )
            with pytest.raises(VerificationError, match="not source times mask"):
                ticket.verify()


def test_a_stale_generator_of_events_is_found(monkeypatch):
    import slt.tickets.search_source as module

    ticket = patched_ticket()
    honest = module.draw_tensor_at
    monkeypatch.setattr(module, "draw_tensor_at", lambda law, key, *rest: honest(law, key / "stale", *rest))
    with pytest.raises(VerificationError, match="compiled and the plain generator disagree"):
        ticket.verify()


def test_patches_that_do_not_fit_are_refused():
    source = source_of()
    masks = masks_of(source)
    dropped = np.flatnonzero(~masks["mix.weight"].unpack())[:2]
    with pytest.raises(MaskError, match=r"2 of 2 weights in a patch of mix\.weight are not kept"):
        Ticket(dataclasses.replace(source, patches=(Flips("mix.weight", dropped),)), masks, domain=None)
    for patches, text in (
        ((Flips("norm.weight", [0]),), "no random tensor"),
        ((Flips("mix.weight", [144]),), "below 144"),
        ((Flips("mix.weight", [1]), Flips("mix.weight", [2])), "at most one patch"),
    ):
        with pytest.raises(InputError, match=text):
            dataclasses.replace(source, patches=patches)


# -- models and files ----------------------------------------------------------------------------------------------


class OtherName(Words):
    pass


class OtherKind(Words):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Tanh()


class OtherTies(Words):
    def __init__(self) -> None:
        super().__init__()
        self.again = self.mix


class Untied(Words):
    def __init__(self) -> None:
        super().__init__()
        self.head.weight = nn.Parameter(torch.zeros(11, 6))


class Wider(Words):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv1d(6, 8, 5, padding=2)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (OtherKind, "other kinds of modules"),
        (OtherTies, r"ties others together: .*\('mix.weight', 'again.weight'\)"),
        (Untied, "1 differ, first head.weight"),
        (Wider, r"first mix.weight: \(8, 6, 5\) in the model, \(8, 6, 3\) in the ticket"),
        (lambda: nn.Linear(2, 2), "tensors are not those of the ticket"),
        (lambda: "model", "a torch module is needed"),
    ],
)
def test_models_of_other_architectures_are_refused(model, text):
    with pytest.raises(InputError, match=text):
        ticket_of().module(like=model())


def test_the_name_of_a_class_does_not_count():
    ticket = ticket_of()
    assert isinstance(ticket.module(like=OtherName()), OtherName)
    before = dataclasses.replace(ticket.source_network, outline=outlines(Words())[1])  # as earlier files have it
    assert before.outline != ticket.source_network.outline
    Ticket(before, ticket.mask, domain=None).module(like=Words())
    with pytest.raises(InputError, match="other kinds of modules"):
        Ticket(before, ticket.mask, domain=None).module(like=OtherName())


def test_a_model_given_for_its_architecture_is_left_alone():
    model = Words()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    ticket_of().module(like=model)
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items()) and model.training


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tensors": ()}, "at least one random tensor"),
        ({"law": slt.Normal(23)}, "float32"),
        ({"outline": 3}, "must be text"),
        ({"method": None}, "must be text"),
        ({"ties": (("embedding.weight", "mix.bias"),)}, "there twice"),
        ({"ties": (("embeddings", "head.weight"),)}, "'embeddings'"),
        ({"ties": (("embedding.weight", 3),)}, "text"),
        ({"constants": (Constant("mix.weight", (1,), "float32", 0.0),)}, "there twice"),
        (
            {"tensors": (SearchTensor("a", (1,), 1.0, levels=2), SearchTensor("a/2", (1,), 1.0)), "ties": ()},
            "same name",
        ),
    ],
)
def test_sources_that_make_no_sense_are_refused(changes, text):
    with pytest.raises(InputError, match=text):
        dataclasses.replace(source_of(), **changes)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SearchTensor("", (1,), 1.0), "name"),
        (lambda: SearchTensor("a", [1], 1.0), "sizes"),
        (lambda: SearchTensor("a", (-1,), 1.0), "sizes"),
        (lambda: SearchTensor("a", (1,), 0.0), "scale 0.0"),
        (lambda: SearchTensor("a", (1,), float("nan")), "scale nan"),
        (lambda: SearchTensor("a", (1,), 1.0, -1.0), "multiplier -1.0"),
        (lambda: SearchTensor("a", (1,), 1.0, float("inf")), "multiplier inf"),
        (lambda: SearchTensor("a", (1,), 1.0, binarised=1), "binarised 1"),
        (lambda: SearchTensor("a", (1,), 1.0, levels=0), "levels 0"),
        (lambda: SearchTensor("a", (1,), 1.0, levels=65), "levels 65"),
        (lambda: SearchTensor("a", (1,), "1"), "scale '1'"),
        (lambda: Constant("a", (1,), "float32", float("nan")), "finite"),
        (lambda: Constant("a", (1,), "float32", 0.1).tensor(), "exactly"),
        (lambda: Constant("a", (1,), "int8", 300).tensor(), "does not hold"),
        (lambda: Constant("a", (1,), "int64", 0.5).tensor(), "does not hold"),
        (lambda: Constant("a", (1,), "nn", 0.0).tensor(), "no real dtype"),
        (lambda: Constant("a", (1,), "complex64", 0.0).tensor(), "no real dtype"),
    ],
)
def test_declarations_that_make_no_sense_are_refused(make, text):
    with pytest.raises(InputError, match=text):
        make()


def test_weights_of_a_lattice_that_is_too_fine_are_refused():
    with pytest.raises(InputError, match="float32"):
        SearchSource(slt.Key(0), slt.Uniform(25), (SearchTensor("a", (1,), 1.0),))


@pytest.mark.parametrize(
    "change",
    [
        lambda h, b: h["source"]["tensors"][0].__setitem__(0, ""),
        lambda h, b: h["source"]["tensors"][0].__setitem__(1, [11, 7]),
        lambda h, b: h["source"]["tensors"][0].__setitem__(1, "ab"),
        lambda h, b: h["source"]["tensors"][0].__setitem__(2, None),
        lambda h, b: h["source"]["tensors"][0].extend([False] * 9),
        lambda h, b: h["source"].update(tensors={}),
        lambda h, b: h["source"].update(tensors=[]),
        lambda h, b: h["source"]["constants"].append(["x"]),
        lambda h, b: h["source"].update(ties=[["embedding.weight"]]),
        lambda h, b: h["source"].update(law="cauchy"),
        lambda h, b: h["source"].pop("method"),
        lambda h, b: h["masks"][1].__setitem__(0, h["masks"][1][0] + 40),
        lambda h, b: h["carried"][0].__setitem__(1, [9]),
        lambda h, b: h["carried"][0].__setitem__(1, [-8]),
        lambda h, b: h["carried"][0].__setitem__(1, 8),
        lambda h, b: h["carried"][0].__setitem__(2, "float99"),
        lambda h, b: h["carried"].pop(),
        lambda h, b: b.update(carried=b["carried"][:-1]),
        lambda h, b: h["patches"].pop(),
        lambda h, b: h["patches"][0].pop(),
        lambda h, b: h["patches"][0].__setitem__(0, "swaps"),
        lambda h, b: h["patches"][0].__setitem__(1, "norm.weight"),
        lambda h, b: h["patches"][0].__setitem__(2, 10**15),
        lambda h, b: h["patches"][0].__setitem__(2, True),
        lambda h, b: h["patches"][0].__setitem__(4, -1),
        lambda h, b: h["patches"][0].__setitem__(4, 0),
        lambda h, b: h["patches"][0].__setitem__(5, 2**60),
        lambda h, b: h["patches"][0].__setitem__(6, "x"),
        lambda h, b: h["patches"].append(h["patches"][0]),
        lambda h, b: h.update(patches=3),
        lambda h, b: b.pop("patches"),
        lambda h, b: b.update(patches=np.append(b["patches"], np.uint8(0))),
        lambda h, b: b.update(patches=np.full_like(b["patches"], 255)),
    ],
)
def test_headers_that_make_no_ticket_are_refused(change, tmp_path):
    path = patched_ticket().save(tmp_path / "a.slt")
    with pytest.raises(TicketFileError, match=r"makes no ticket|no class of weight laws"):
        slt.load(rewritten(path, change))


@pytest.mark.parametrize("names", [("a", "a.b"), ("a.b", "a"), ("training", "c"), ("a..b", "c"), (".a", "c")])
def test_names_that_no_module_has_are_refused_by_verification(names):
    tensors = tuple(SearchTensor(name, (2, 2), 1.0) for name in names)
    source = SearchSource(slt.Key(0), slt.Uniform(), tensors)
    with pytest.raises((InputError, VerificationError), match=r"as no module can|undeclared"):
        Ticket(source, masks_of(source), domain=None).verify()


def test_constants_larger_than_the_machine_are_refused():
    source = SearchSource(
        slt.Key(0),
        slt.Uniform(),
        (SearchTensor("a", (2, 2), 1.0),),
        constants=(Constant("b", (10**7, 10**7), "float32", 0.0),),
    )
    with pytest.raises(LimitError, match="GiB"):
        Ticket(source, masks_of(source), domain=None).verify()


def test_any_truncation_and_any_altered_byte_is_refused_or_harmless(tmp_path):
    ticket = patched_ticket()
    path = ticket.save(tmp_path / "a.slt")
    content = bytearray(path.read_bytes())
    for position in range(0, len(content), 7):
        path.write_bytes(content[:position])
        with pytest.raises(TicketFileError):
            slt.load(path)
        content[position] ^= 0x10
        path.write_bytes(content)
        content[position] ^= 0x10
        try:
            loaded = slt.load(path)
        except TicketFileError:
            continue
        assert loaded.mask == ticket.mask and loaded.source_network == ticket.source_network


def test_the_command_line_says_what_a_file_holds(tmp_path):
    path = patched_ticket().save(tmp_path / "a.slt")
    shown = CliRunner().invoke(main, ["ticket", "show", str(path)], standalone_mode=False)
    assert "domain none" in shown.output and "patches" in shown.output and "entropy bound" in shown.output
    file = read(path)
    assert f"masks {file.bytes_of('masks'):,}" in shown.output and f"carried {33 * 4 + 4:,}" in shown.output


def test_a_stored_ticket_is_within_five_percent_of_the_entropy_bound(tmp_path):
    """LeNet-300-100 at 10 %: one mask of 266,200 weights, drawn once."""
    shapes = {"0.weight": (300, 784), "2.weight": (100, 300), "4.weight": (10, 100)}
    tensors = tuple(SearchTensor(name, shape, (2 / shape[1]) ** 0.5, 10**0.5) for name, shape in shapes.items())
    constants = tuple(Constant(f"{n}.bias", (s,), "float32", 0.0) for n, s in ((0, 300), (2, 100), (4, 10)))
    source = SearchSource(
        slt.Key(0), slt.SignedConstant(), tensors, constants, outline="0123456789abcdef" * 4, method="edge-popup"
    )
    rng = np.random.default_rng(4)
    masks = {n: Mask.of((rng.permutation(math.prod(s)) < math.prod(s) // 10).reshape(s)) for n, s in shapes.items()}
    ticket = Ticket(source, masks, domain=None)
    path = ticket.save(tmp_path / "a.slt")
    assert 8 * read(path).bytes_of("masks") < 1.015 * ticket.entropy_bits
    assert 8 * path.stat().st_size < 1.05 * ticket.entropy_bits


def test_carried_numbers_are_counted():
    ticket = ticket_of()
    assert all(isinstance(c, CarriedTensor) for c in ticket.carried)
    assert ticket.random_fraction == ticket.source_network.weights / (ticket.source_network.weights + 33)


class TiedBuffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 2)
        table = torch.ones(3)
        self.first.register_buffer("table", table)
        self.second.register_buffer("table", table)

    def forward(self, x):
        return self.second(self.first(x) * self.second.table)


def test_tied_buffers_are_saved_and_loaded(tmp_path):
    from slt.search import EdgePopup, fit

    found = fit(TiedBuffers(), [(torch.randn(8, 4), torch.zeros(8, dtype=torch.long))], EdgePopup(0.5), 1)
    loaded = slt.load(found.ticket.save(tmp_path / "a.slt"))
    assert loaded.verify().carried == 3
    x = torch.randn(5, 4)
    assert torch.equal(loaded.module(like=TiedBuffers())(x), found.module()(x))
