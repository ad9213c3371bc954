"""Sources of module trees: random numbers of two-layer sources in the target's own tree, through verify and files."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import slt
from slt.carried import CarriedTensor
from slt.cli import main
from slt.errors import InputError, MaskError, TicketFileError, VerificationError
from slt.tickets import Block, TreeSource, TwoLayerSource
from slt.tickets.split_attention import SplitAttention
from slt.tickets.tree_module import RandomMap
from slt.tree_checks import outlines
from slt.tree_target import TreeTarget
from tests.tree_models import Encoder

ENCODER = Encoder().eval()


@pytest.fixture(scope="module")
def ticket():
    return slt.find_ticket(ENCODER, width=24, seed=slt.Key(5) / "trial")


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))


def test_the_random_tensors_are_those_of_two_layer_sources(ticket):
    source = ticket.source_network
    assert [u.name for u in source.units] == [p.name for p in TreeTarget.of(ENCODER).parameters]
    for unit in source.units:
        block = Block(unit.inputs, unit.outputs, 0, None, False)
        alone = TwoLayerSource(slt.Key(5) / "trial" / unit.name, source.law, 24, (block,))
        for tensor in ("first", "second"):
            name, there = f"{unit.name}.{tensor}", f"block0.{tensor}.weight"
            assert source.tensor_shapes[name] == alone.tensor_shapes[there]
            assert np.array_equal(source.draw(name), alone.draw(there))
            assert np.array_equal(source.draw_plain(name, slice(1, 3)), source.draw(name)[1:3])
            assert source.kept(name, ticket.mask) == np.count_nonzero(source.dense_mask(name, ticket.mask))
            assert np.array_equal(
                source.masked(name, ticket.mask),
                np.where(source.dense_mask(name, ticket.mask), source.draw(name), 0),
            )


def test_the_module_is_source_times_mask_and_the_carried_tensors(ticket):
    module, source = ticket.module(), ticket.source_network
    found = dict(module.named_parameters())
    carried = {c.name for c in ticket.carried}
    assert set(found) | {"positions", "temperature"} == set(source.tensor_shapes) | carried
    for name in source.tensor_shapes:
        drawn = (source.draw(name) * 2.0**-23).astype(np.float32)
        expected = np.where(source.dense_mask(name, ticket.mask), drawn, np.float32(0))
        assert np.array_equal(found[name].numpy().view(np.int32), expected.view(np.int32))
    report = ticket.verify()
    assert report.weights == source.weights and report.kept == ticket.kept
    assert report.carried == ticket.carried_count == TreeTarget.of(ENCODER).carried_count
    assert ticket.random_fraction == pytest.approx(source.weights / (source.weights + report.carried))
    assert not any(p.requires_grad for p in found.values()) and not module.training
    # a layer used twice is still one; tied maps share their random network
    assert module.blocks[0] is module.blocks[2]
    assert module.pooler.weight is module.blocks[1].attention.key.weight
    assert "pooler.weight.first" not in found


def test_the_source_knows_nothing_of_the_target(ticket):
    other = slt.find_ticket(Encoder(seed=3), width=24, seed=slt.Key(5) / "trial")
    from slt.tickets.verification import source_digest

    assert source_digest(other.source_network) == source_digest(ticket.source_network)
    assert other.mask != ticket.mask and other.carried_count == ticket.carried_count
    unpruned = dict(ticket.source().named_parameters())
    for name in ticket.source_network.tensor_shapes:
        assert np.array_equal(unpruned[name].numpy(), ticket.source_network.draw(name) / np.float32(2**23))


def test_the_collapsed_module_computes_the_same(ticket, tokens):
    mask = torch.arange(7) < torch.tensor([[7], [4], [2]])
    for arguments in ({}, {"mask": mask}, {"mask": mask, "pooled": True}):
        whole = ticket.module(torch.float64)(tokens, **arguments)
        small = ticket.collapsed_module(torch.float64)(tokens, **arguments)
        assert whole.dtype == small.dtype == torch.float64
        assert float((whole - small).abs().max()) < 1e-12
    collapsed = ticket.collapsed().maps
    assert set(collapsed) == {p.path for p in ticket.source_network.places}
    layer, x = collapsed["pooler"], np.random.default_rng(0).standard_normal((4, 8))
    answers = np.maximum(x, 0) @ layer.positive.T - np.maximum(-x, 0) @ layer.negative.T + layer.bias
    assert (
        float((ticket.module(torch.float64).pooler(torch.from_numpy(x)) - torch.from_numpy(answers)).abs().max())
        < 1e-13
    )


def test_verification_sees_what_is_not_as_declared(ticket, monkeypatch):
    from slt.tickets import tree_module

    build = tree_module.build
    state = {}

    def with_change(*arguments):
        module = build(*arguments)
        state["change"](module)
        return module

    monkeypatch.setattr(tree_module, "build", with_change)

    def set_to(name, place, value):
        def change(module):
            tensor = dict(module.named_parameters())[name] if "." in name else getattr(module, name)
            tensor.view(-1)[place] = value

        return change

    for name, text in (
        ("embedding.weight", "not the tensor that is declared"),
        ("temperature", "not the tensor that is declared"),
        ("positions", "not the tensor that is declared"),
        ("head.weight.second", "1 of .* weights of head.weight.second"),
    ):
        state["change"] = set_to(name, 0, 0.125)
        with pytest.raises(VerificationError, match=text):
            ticket.verify()
    state["change"] = lambda module: setattr(module, "extra", torch.ones(2))
    with pytest.raises(VerificationError, match="undeclared"):
        ticket.verify()


def test_tickets_of_trees_survive_their_files(ticket, tokens, tmp_path):
    path = ticket.save(tmp_path / "tree.slt")
    again = slt.load(path)
    assert again.mask == ticket.mask and again.source_network == ticket.source_network
    assert again.carried == ticket.carried
    assert again.save(tmp_path / "again.slt").read_bytes() == path.read_bytes()
    other = Encoder(seed=9)  # only its architecture counts
    assert torch.equal(again.module(like=other)(tokens), ticket.module()(tokens))
    assert torch.equal(again.collapsed_module(like=other)(tokens), ticket.collapsed_module()(tokens))
    assert np.array_equal(again.residuals(ENCODER).errors, ticket.residuals().errors)
    assert again.collapsed().maps.keys() == ticket.collapsed().maps.keys()
    assert again.verify() == ticket.verify()  # which needs the numbers alone
    for call in (again.module, again.source, again.collapsed_module):
        with pytest.raises(InputError, match=r"pass a model of that architecture, as in ticket.module\(like=model\)"):
            call()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    (tmp_path / "altered.slt").write_bytes(content)
    with pytest.raises(TicketFileError, match="altered"):
        slt.load(tmp_path / "altered.slt")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Encoder(width=6),
            r"linear parameters .* first blocks.0.attention.key.bias: \(6, 1, True\)",
        ),
        (lambda: Encoder(tokens=12), r"linear parameters .* 1 differ, first head.weight"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.GELU()),
            r"first 0.bias: \(2, 1, True\) in the model, absent in",
        ),
        (lambda: nn.ModuleDict({"inner": Encoder()}), "linear parameters"),
        (lambda: Encoder().double(), r"carried tensors .* 9 differ|carried tensors"),
    ],
)
def test_a_model_of_another_architecture_is_refused(ticket, make, text):
    with pytest.raises(InputError, match=text):
        ticket.module(like=make())
    with pytest.raises((InputError, MaskError)):
        ticket.residuals(make())


def test_weights_above_one_have_a_carried_scale(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    with torch.no_grad():
        model[0].weight.mul_(9)
    ticket = slt.find_ticket(model, width=44)
    names = [c.name for c in ticket.carried]
    assert names == ["0.weight.scale"] and ticket.carried[0].value in (2.0, 4.0, 8.0)
    assert ticket.verify().carried == 1
    x = torch.randn(20, 3)
    assert float((ticket.module()(x) - model(x)).detach().abs().max()) < 1e-2
    assert slt.load(ticket.save(tmp_path / "a.slt")).carried == ticket.carried


class Odd(nn.Module):
    """Buffers of every kind: expanded, shared, empty, boolean, half precision."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("expanded", torch.arange(3.0)[:, None].expand(3, 4))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("coarse", torch.rand(2).bfloat16())
        self.register_buffer("step", torch.tensor(3))
        self.again = nn.Module()
        self.again.register_buffer("flags", self.flags)
        self.count = torch.tensor([7, 8])
        self.phase = torch.tensor([1j, 2])

    def forward(self, x):
        return self.linear(x) * self.flags + self.expanded[0, :2] + self.coarse + self.count


def test_buffers_of_every_kind_are_carried_as_they_are(tmp_path):
    model = Odd()
    ticket = slt.find_ticket(model, width=40)
    carried = {c.name: c for c in ticket.carried}
    assert set(carried) == {"expanded", "flags", "empty", "coarse", "step", "count", "phase"}
    assert carried["expanded"].count == 12 and carried["empty"].count == 0 and carried["coarse"].dtype == "bfloat16"
    ticket.verify()
    x = torch.randn(5, 2)
    assert float((ticket.module()(x) - model(x)).detach().abs().max()) < 1e-2
    again = slt.load(ticket.save(tmp_path / "odd.slt"))
    assert again.carried == ticket.carried
    assert torch.equal(again.module(like=Odd())(x), ticket.module()(x))


def test_carried_tensors_know_their_digest_and_their_size():
    tensor = torch.randn(2, 3)
    carried = CarriedTensor.of("a", tensor)
    assert carried.count == 6 and torch.equal(carried.tensor(), tensor)
    assert carried == CarriedTensor.of("a", tensor.clone()) and carried != CarriedTensor.of("a", tensor + 1)
    assert carried.digest != CarriedTensor.of("a", tensor.reshape(3, 2)).digest
    for bad in (
        lambda: CarriedTensor("a", (2, 2), "float32", carried.data),
        lambda: CarriedTensor("a", (2, 3), "float", carried.data.astype(np.int8)),
        lambda: CarriedTensor("a", (2, 3), "nonsense", carried.data),
        lambda: CarriedTensor.of("a", tensor.to_sparse()),
    ):
        with pytest.raises(InputError):
            bad()


def test_the_map_of_a_weight_is_no_tensor():
    """A module that reaches for the numbers of a Linear fails loudly, not wrongly."""
    random = RandomMap(torch.ones(4, 2), torch.ones(3, 4), 0)
    assert random.shape == (3, 2) and random.dtype == torch.float32 and random.device.type == "cpu"
    with pytest.raises(TypeError, match="must be Tensor, not RandomMap"):
        nn.functional.linear(torch.ones(2), random)


def attentions():
    for first, bias, added, zero in itertools.product((True, False), repeat=4):
        yield {"batch_first": first, "bias": bias, "add_bias_kv": added, "add_zero_attn": zero}
    yield {"kdim": 3, "vdim": 5}


@pytest.mark.parametrize("arguments", list(attentions()), ids=str)
@pytest.mark.filterwarnings("ignore")
def test_attention_taken_apart_computes_what_torch_does(arguments):
    torch.manual_seed(2)
    packed = nn.MultiheadAttention(8, 2, **arguments)
    if packed.in_proj_bias is not None:
        nn.init.normal_(packed.in_proj_bias)
    parameters = {p.name: torch.from_numpy(p.matrix).float() for p in TreeTarget.of(packed).parameters}
    linear = {}
    for place in TreeTarget.of(packed).places:
        weight = parameters[place.weight]
        linear[place.path] = nn.Linear(weight.shape[1], weight.shape[0], bias=place.bias is not None)
        linear[place.path].weight.data = weight
        if place.bias is not None:
            linear[place.path].bias.data = parameters[place.bias][:, 0]
    split = SplitAttention(packed, *linear.values())
    q, k, v = torch.randn(3, 4, 8), torch.randn(3, 6, packed.kdim), torch.randn(3, 6, packed.vdim)
    padding = torch.zeros(3, 6, dtype=torch.bool)
    padding[0, 4:] = padding[2, 5:] = True
    masks = [
        {},
        {"attn_mask": torch.rand(4, 6) < 0.3},
        {"attn_mask": torch.randn(4, 6)},
        {"attn_mask": torch.randn(6, 4, 6)},
        {"key_padding_mask": padding},
        {"key_padding_mask": padding, "attn_mask": torch.randn(6, 4, 6)},
        {"attn_mask": torch.ones(4, 6, dtype=torch.bool).triu(1), "is_causal": True},
        {"key_padding_mask": padding, "attn_mask": torch.ones(4, 6, dtype=torch.bool).triu(1), "is_causal": True},
    ]
    given = (q, k, v) if packed.batch_first else tuple(x.transpose(0, 1) for x in (q, k, v))
    for training, mask, weights, average in itertools.product((True, False), masks, (True, False), (True, False)):
        options = {**mask, "need_weights": weights, "average_attn_weights": average}
        with torch.no_grad():
            wanted, found = packed.train(training)(*given, **options), split.train(training)(*given, **options)
        torch.testing.assert_close(found[0], wanted[0], atol=1e-5, rtol=1e-5)
        assert (found[1] is None) == (wanted[1] is None)
        if weights:
            torch.testing.assert_close(found[1], wanted[1], atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        wanted = packed(q[0], k[0], v[0], key_padding_mask=padding[0])
        found = split(q[0], k[0], v[0], key_padding_mask=padding[0])
    torch.testing.assert_close(found[0], wanted[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], wanted[1], atol=1e-5, rtol=1e-5)
    for bad in ({"is_causal": True}, {"attn_mask": torch.zeros(3, 3)}):
        with pytest.raises(InputError, match="attn_mask"):
            split(*given, **bad)
    hidden = torch.zeros(3, 6, dtype=torch.bool)
    hidden[1] = hidden[0, 0] = True
    late = torch.ones(4, 6, dtype=torch.bool).triu(1)
    refused = [
        ({"key_padding_mask": hidden}, r"from 4 queries \(index \(1, 0\), \(1, 1\)"),
        ({"key_padding_mask": hidden, "attn_mask": late}, r"from 5 queries \(index \(0, 0\), \(1, 0\)"),
        ({"attn_mask": torch.zeros(4, 6).index_fill(0, torch.tensor([2]), -torch.inf)}, r"from 3 queries .*\(2, 2\)\)"),
    ]
    for masks, text in refused:
        if packed.bias_k is not None or packed.add_zero_attn:  # keys that no mask hides
            assert split(*given, **masks)[0].isfinite().all()
            continue
        for weights in (True, False):
            with pytest.raises(InputError, match=text):
                split(*given, **masks, need_weights=weights)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("units", [], "at least one"),
        ("units", [["weight", 2, 3, False, 0]] * 2, "names of their own"),
        ("units", [["weight", 2, 3, False, 0], ["other", 2, 3, False, 0]], "names of their own and be used"),
        ("units", [["weight", 2, 3, True, 0]], "no parameters of fitting shapes"),
        ("units", [["weight", 2, 0, False, 0]], "no unit"),
        ("units", [["weight", 2, 3, False, 200]], "cannot be block"),
        ("places", [["", "weight", "weight"]], "no parameters of fitting shapes"),
        ("places", [["", "absent", None]], "no parameters of fitting shapes"),
        ("places", [[3, "weight", None]], "must be text"),
        ("places", "weight", "must be a list"),
        ("width", 0, "width"),
        ("modules", "weight", "must be a list"),
        ("modules", [["", 3]], "pairs of texts"),
        ("modules", [["", "torch.nn.modules.linear.Linear"]], "do not have the digest"),
    ],
)
def test_headers_that_make_no_source_are_refused(field, value, text):
    model = nn.Linear(3, 2, bias=False)
    header = slt.find_ticket(TreeTarget.of(model), width=12).source_network.header()
    assert TreeSource.from_header(header).units[0].name == "weight"
    with pytest.raises(InputError, match=text):
        TreeSource.from_header({**header, field: value})


def test_settings_that_shapes_do_not_tell_must_be_the_targets(tmp_path):
    def make(**settings):
        torch.manual_seed(0)
        return nn.TransformerEncoderLayer(4, **({"nhead": 2, "dim_feedforward": 8, "batch_first": True} | settings))

    model = make().eval()
    again = slt.load(slt.find_ticket(model, width=40, tolerance=1e-3).save(tmp_path / "layer.slt"))
    assert again.module(like=make())(torch.randn(1, 3, 4)).shape == (1, 3, 4)
    kind = r"torch.nn.modules.transformer.TransformerEncoderLayer"
    for other, text in (
        ({"nhead": 4}, r"1 differ, first self_attn: torch\..*MultiheadAttention 4 True False in the model, .* 2 True"),
        ({"norm_first": True}, rf"1 differ, first \(root\): {kind} True relu in the model, {kind} False relu in the"),
        ({"activation": "gelu"}, rf"{kind} False gelu in the model, {kind} False relu in the ticket"),
    ):
        for call in (again.module, again.collapsed_module):
            with pytest.raises(InputError, match=f"other kinds of modules or other settings .*{text}"):
                call(like=make(**other))


class Skip(nn.Module):
    def __init__(self, slope=0.1):
        super().__init__()
        self.inner, self.act = nn.Linear(3, 3), nn.LeakyReLU(slope)

    def forward(self, x):
        return x + self.act(self.inner(x))


def test_what_a_class_is_called_and_where_does_not_count(tmp_path):
    """A ticket saved from a script, whose classes are in ``__main__``, is taken up elsewhere."""
    in_a_script = type("SkipMLP", (Skip,), {"__module__": "__main__", "__init__": Skip.__init__})
    ticket = slt.find_ticket(in_a_script(), width=12)
    path, x = ticket.save(tmp_path / "skip.slt"), torch.randn(4, 3)
    again = slt.load(path)
    assert torch.equal(again.module(like=Skip())(x), ticket.module()(x))
    assert torch.equal(again.collapsed_module(like=Skip())(x), ticket.collapsed_module()(x))
    assert again.residuals(Skip()).sums == ticket.residuals().sums
    text = "1 differ, first act: torch.*LeakyReLU negative_slope=0.2 in the model, .*=0.1 in the ticket"
    with pytest.raises(InputError, match=text):
        again.module(like=Skip(0.2))
    torch_own = nn.ModuleDict({"inner": nn.Linear(3, 3), "act": nn.LeakyReLU(0.1)})
    with pytest.raises(InputError, match=r"first \(root\): torch.nn.modules.container.ModuleDict in the model"):
        again.module(like=torch_own)
    in_order = nn.Module()
    in_order.act, in_order.inner = nn.LeakyReLU(0.1), nn.Linear(3, 3)
    with pytest.raises(InputError, match="its modules come in another order"):
        again.module(like=in_order)


def test_files_from_before_class_names_stopped_counting(tmp_path):
    """Their outline is over all class names; they still load, for models of the same names."""
    ticket = slt.find_ticket(Skip(), width=12)
    source = dataclasses.replace(ticket.source_network, modules=(), outline=outlines(Skip())[1])
    header = source.header()
    del header["modules"]
    assert source.outline != ticket.source_network.outline
    assert dataclasses.replace(TreeSource.from_header(header), skeleton=source.skeleton) == source
    again = slt.load(slt.Ticket(source, ticket.mask).save(tmp_path / "old.slt"))
    x = torch.randn(4, 3)
    assert torch.equal(again.module(like=Skip())(x), ticket.module()(x))
    with pytest.raises(InputError, match="written by an earlier slt, for which class names counted"):
        again.module(like=type("Other", (Skip,), {})())
    assert len(set(outlines(nn.Sequential(nn.Linear(2, 2), nn.ReLU())))) == 1  # torch's own classes: as ever


def test_the_command_line_shows_no_domain_where_there_is_none(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    shown = {}
    for name, target in (("tree", model), ("chain", model[0])):
        path = slt.find_ticket(target, width=12).save(tmp_path / f"{name}.slt")
        shown[name] = CliRunner().invoke(main, ["ticket", "show", str(path)]).output
    assert "domain none\n" in shown["tree"] and "carried 1.bias = 2 numbers" in shown["tree"]
    assert "domain Ball(radius=1.0)\n" in shown["chain"]
