"""Rotary attention tickets: the separable construction, its module, its file and its scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.errors import InputError, TicketFileError, UnreachedError, UnsupportedModuleError
from slt.merged_rotary import MergedRotary
from slt.pairings import PAIRINGS, Halves, Interleaved, default_frequencies, pairing_of
from slt.rotary_model import RotaryAttention
from slt.rotary_target import RotaryTarget

CASES = [(name, causal) for name in PAIRINGS for causal in (False, True)]


def torch_model(pairing: str = "halves", causal: bool = True, heads: int = 4, groups: int = 2) -> RotaryAttention:
    torch.manual_seed(2)
    return RotaryAttention(3, heads, 4, groups, pairing=pairing, causal=causal, outputs=2).double()


def random_target(
    rng: np.random.Generator, d: int, heads: int, planes: int, scale: float, causal: bool
) -> RotaryTarget:
    def draw(*shape: int) -> np.ndarray:
        return rng.uniform(-scale, scale, shape)

    matrices = draw(heads, d, 2 * planes), draw(1, d, 2 * planes), draw(1, d, 3), draw(heads, 3, 2)
    return RotaryTarget(*matrices, rng.uniform(0, 2, planes), causal=causal)


@pytest.fixture(scope="module")
def ticket() -> slt.Ticket:
    return slt.find_ticket(torch_model(), width=18, seed=3)


@pytest.mark.parametrize(("pairing", "causal"), CASES)
def test_a_target_is_the_function_of_its_model_merged_or_not(pairing: str, causal: bool) -> None:
    model = torch_model(pairing, causal)
    target = RotaryTarget.of(model)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 7, 3))
    allowed = rng.random((7, 7)) < 0.7
    np.fill_diagonal(allowed, True)
    padding = np.zeros((2, 7), dtype=bool)
    padding[1, 5:] = True
    for mask, hidden, padded in (
        (None, None, None),
        (allowed, ~allowed, None),
        (allowed & ~padding[:, None], ~allowed, padding),
    ):
        given = [None if m is None else torch.from_numpy(m) for m in (hidden, padded)]
        with torch.no_grad():
            wanted = model(torch.from_numpy(x), *given).numpy()
        for found in (target.forward(x, mask), target.merged().forward(x, mask)):
            known = np.ones((2, 7), dtype=bool) if padded is None else ~padded
            np.testing.assert_allclose(found[known], wanted[known], atol=1e-12)
    assert target.weights == sum(p.numel() for p in model.parameters())


def test_only_distances_count_and_pairings_differ_by_a_permutation() -> None:
    target = RotaryTarget.of(torch_model("interleaved"))
    x = np.random.default_rng(0).standard_normal((2, 6, 3))
    here, there = target.forward(x), target.forward(x, positions=np.arange(6) + 1000)
    np.testing.assert_allclose(there, here, atol=1e-9)
    assert np.abs(target.forward(x, positions=2 * np.arange(6)) - here).max() > 1e-3
    order = np.argsort(Halves().dimensions(2).ravel())
    halves = RotaryTarget(
        target.query[:, :, Interleaved().dimensions(2).ravel()[order]],
        target.key[:, :, Interleaved().dimensions(2).ravel()[order]],
        target.value,
        target.output,
        target.frequencies,
        Halves(),
    )
    np.testing.assert_allclose(halves.forward(x), here, atol=1e-14)


def test_without_frequencies_it_is_attention_without_positions() -> None:
    target = RotaryTarget.of(torch_model(causal=False))
    still = RotaryTarget(target.query, target.key, target.value, target.output, np.zeros(2), causal=False)
    plain = slt.AttentionTarget.from_arrays(target.query, target.key, target.value, target.output)
    x = np.random.default_rng(0).standard_normal((2, 6, 3))
    np.testing.assert_allclose(still.forward(x), plain.forward(x), atol=1e-14)
    np.testing.assert_allclose(still.merged().forward(x), plain.forward(x), atol=1e-14)


@pytest.mark.parametrize(("pairing", "causal"), CASES)
def test_every_weight_is_the_sources_and_the_module_computes_the_collapsed_map(pairing: str, causal: bool) -> None:
    model = torch_model(pairing, causal)
    ticket = slt.find_ticket(model, width=16)
    report = ticket.verify()
    assert report.carried == 2 == ticket.carried_count
    state, source = ticket.module().state_dict(), ticket.source().state_dict()
    for name in ticket.source_network.tensor_shapes:
        kept = torch.from_numpy(ticket.source_network.dense_mask(name, ticket.mask))
        assert torch.equal(state[name], torch.where(kept, source[name], torch.zeros_like(source[name])))
    x = torch.randn(2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = ticket.module(torch.float64)(x).numpy()
    np.testing.assert_allclose(found, ticket.collapsed().forward(x.numpy()), atol=1e-12)
    with torch.no_grad():
        assert np.abs(found - model(x).numpy()).max() < 0.02


def test_half_of_the_keys_is_pruned_and_one_weight_of_each_other_dimension_kept(ticket: slt.Ticket) -> None:
    source = ticket.source_network
    assert source.head_size == 4 * 3 * 18  # d_K d width
    mask = source.dense_mask("key.weight", ticket.mask).reshape(2, source.head_size, 3)
    first, second = Halves().dimensions(source.head_size // 2).T
    assert not mask[:, second].any()
    assert (mask[:, first].sum(axis=2) == 1).all()
    assert ticket.kept == sum(int(source.dense_mask(n, ticket.mask).sum()) for n in source.tensor_shapes)


def test_residuals_are_those_of_the_merged_matrices(ticket: slt.Ticket) -> None:
    collapsed, merged = ticket.collapsed(), ticket.target.merged()
    residuals = ticket.residuals()
    for m in range(2):
        found = residuals.parts[f"plane {m}"].branches[0].residual
        np.testing.assert_allclose(found[:, :3], collapsed.cosine[:, m] - merged.cosine[:, m], atol=1e-15)
        np.testing.assert_allclose(found[:, 3:], collapsed.sine[:, m] - merged.sine[:, m], atol=1e-15)
    assert residuals.sums == ticket.findings.sums == 4 * (2 * 2 * 9 + 6)
    assert np.median(residuals.errors) < 1e-4


def test_every_row_of_queries_and_keys_is_drawn_at_its_own_address(ticket: slt.Ticket) -> None:
    source = ticket.source_network
    for name in ("query.weight", "key.weight"):
        whole = source.draw(name)
        for start in (0, 17, source.head_size // 2 - 1, source.head_size - 1, len(whole) - 2):
            rows = slice(start, start + 2)
            np.testing.assert_array_equal(source.draw_plain(name, rows), whole[rows])


def test_narrower_sources_are_part_of_wider_ones_and_heads_may_share_keys() -> None:
    target = RotaryTarget.of(torch_model())
    narrow, wide = (slt.find_ticket(target, width=w, tolerance=0.5).source_network for w in (5, 8))
    for name in ("plane 0", "plane 1", "value-output"):
        a, b = narrow.products[name], wide.products[name]
        np.testing.assert_array_equal(a.first(1), b.first(1)[:, :5])
        np.testing.assert_array_equal(a.second(3, slice(None)), b.second(3, slice(None))[:, :, :5])
    shared = slt.find_ticket(target, width=16, construction=slt.Rotary(shared_keys=True))
    assert shared.source_network.groups == 1 and np.median(shared.residuals().errors) < 1e-3
    shared.verify()


def test_large_weights_are_scaled_and_the_scales_carried() -> None:
    target = random_target(np.random.default_rng(0), 2, 2, 2, 3.0, True)
    ticket = slt.find_ticket(target, width=16)
    assert {c.name for c in ticket.carried} == {"frequencies", "logit_scale.factor", "output_scale.factor"}
    ticket.verify()
    x = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 5, 2))
    found = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, ticket.collapsed().forward(x), atol=1e-11)
    bare = slt.find_ticket(target, width=16, construction=slt.Rotary(scaled=False))
    assert bare.carried_count == 2


def test_a_ticket_is_the_same_after_its_file(ticket: slt.Ticket, tmp_path: Path) -> None:
    path = ticket.save(tmp_path / "ticket.slt")
    loaded = slt.load(path)
    assert loaded.source_network == ticket.source_network and dict(loaded.mask) == dict(ticket.mask)
    assert loaded.carried == ticket.carried
    loaded.verify()
    np.testing.assert_array_equal(loaded.residuals(torch_model()).errors, ticket.residuals().errors)
    for other in (torch_model("interleaved"), torch_model(causal=False), torch_model(groups=4, heads=8)):
        with pytest.raises(InputError, match="pass the model that the ticket was made"):
            loaded.residuals(other)
    header = ticket.source_network.header()
    with pytest.raises(InputError, match="frequencies"):
        type(ticket.source_network).from_header({**header, "frequencies": [1.0, 2.0]}).with_tensors(
            tuple(c for c in ticket.carried if c.name == "frequencies")  # type: ignore[arg-type]
        )
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "altered.slt").write_bytes(content)
    with pytest.raises(TicketFileError):
        slt.load(tmp_path / "altered.slt")


@pytest.mark.parametrize("order", [2, np.inf])
def test_sampled_errors_are_below_the_certified_one(order: float) -> None:
    """100 random tickets each: every sampled error is at most the certified one, and the plain difference lies
    between, whatever the positions."""
    rng = np.random.default_rng(int(order == 2))
    for seed in range(100):
        d, heads, planes = (int(rng.integers(1, top)) for top in (4, 3, 3))
        target = random_target(rng, d, heads, planes, float(rng.uniform(0.2, 1.5)), seed % 2 == 0)
        ticket = slt.find_ticket(target, width=int(rng.integers(4, 16)), seed=seed).collapsed()
        radius = float(rng.uniform(0.3, 3))
        tokens = rng.standard_normal((6, 5, d))
        tokens *= radius * (1 - 1e-9) / np.linalg.norm(tokens, axis=2, keepdims=True)
        mask = rng.random((5, 5)) < 0.7
        np.fill_diagonal(mask, True)
        below = slt.sampled(ticket, target, tokens, mask=mask, order=order)
        above = slt.certified(ticket, target, slt.Ball(radius), order=order)
        plain = np.linalg.norm(ticket.forward(tokens, mask) - target.forward(tokens, mask), axis=2, ord=order).max()
        assert below.value <= plain * (1 + 1e-9) and plain - below.value <= 2 * below.rounding + 1e-9 * plain
        assert below.value <= above.value and below.rounding < 1e-9
        far = 7 * np.arange(5) + 100
        moved = ticket.forward(tokens, mask, far) - target.merged().forward(tokens, mask, far)
        assert np.linalg.norm(moved, axis=2, ord=order).max() <= above.value * (1 + 1e-9)


def test_a_target_has_no_sampled_error_against_itself() -> None:
    target = random_target(np.random.default_rng(1), 3, 2, 2, 1.0, True)
    tokens = np.random.default_rng(0).uniform(-1, 1, (3, 40, 3))
    assert slt.sampled(target.merged(), target, tokens).value == 0
    assert 0 < slt.certified(target.merged(), target, slt.Ball(1.0)).value < 1e-12


def test_a_requirement_missed_says_which_plane_and_about_what_width() -> None:
    with pytest.raises(UnreachedError, match=r"(plane|value).*about \d+ should"):
        slt.find_ticket(torch_model(), width=4, require=1e-3, tolerance=1e-3)


def test_unfit_models_and_scores_are_refused(ticket: slt.Ticket) -> None:
    target = ticket.target
    with pytest.raises(UnsupportedModuleError, match="RotaryAttention or a RotaryTarget"):
        RotaryTarget.of(nn.Linear(2, 2))
    with pytest.raises(UnsupportedModuleError, match="module of a ticket"):
        RotaryTarget.of(ticket.module())
    hooked = torch_model()
    hooked.query.register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModuleError, match="hooks"):
        slt.find_ticket(hooked)
    with pytest.raises(InputError, match="even d_K"):
        RotaryTarget(np.ones((1, 2, 3)), np.ones((1, 2, 3)), np.ones((1, 2, 2)), np.ones((1, 2, 2)), [1.0])
    with pytest.raises(InputError, match="NaN"):
        RotaryTarget(target.query * np.nan, target.key, target.value, target.output, target.frequencies)
    with pytest.raises(InputError, match="must be even"):
        RotaryAttention(3, 2, 3)
    with pytest.raises(InputError, match="no pairing is called 'other'"):
        pairing_of("other")
    with pytest.raises(InputError, match="planes, d, d"):
        MergedRotary(np.ones((1, 2, 3, 3)), np.ones((1, 1, 3, 3)), np.ones(2), np.ones((1, 3, 2)))
    with pytest.raises(InputError, match="positions"):
        target.merged().forward(np.zeros((4, 3)), positions=np.arange(3))
    with pytest.raises(InputError, match="no rotary positions"):
        slt.certified(ticket, slt.Target.from_arrays([np.eye(3)]), slt.Ball(1.0))
    with pytest.raises(InputError, match="give the model that the ticket is for"):
        slt.certified(ticket, torch_model(causal=False), slt.Ball(1.0))
    with pytest.raises(InputError, match="sequences"):
        slt.sampled(ticket, target, np.zeros((3, 3)))
    with pytest.raises(InputError, match="keys and values"):
        slt.sampled(ticket, target, np.zeros((3, 4, 3)), keys=np.zeros((3, 4, 3)))
    with pytest.raises(InputError, match="Rotary: scaled"):
        slt.Rotary(scaled=1)  # type: ignore[arg-type]


def test_default_frequencies_are_roformers() -> None:
    np.testing.assert_allclose(default_frequencies(4), 10000.0 ** (-np.array([0, 2, 4, 6]) / 8))


@pytest.mark.parametrize("causal", [False, True])
def test_unfit_tokens_and_masks_are_refused(causal: bool) -> None:
    model = torch_model(causal=causal)
    x = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    row, padding = torch.zeros(5, 5, dtype=torch.bool), torch.zeros(2, 5, dtype=torch.bool)
    row[3], whole, first = True, padding.clone(), padding.clone()
    whole[1] = first[1, 0] = True
    wrong: list[tuple[torch.Tensor, dict[str, torch.Tensor], str]] = [
        (x[0], {}, r"tokens of shape \(5, 3\) were given; \(count, tokens, 3\)"),
        (x[..., :2], {}, "tokens of shape"),
        (x[:, :0], {}, "tokens of shape"),
        (x, {"attn_mask": torch.zeros(5, 5)}, "a bool mask"),
        (x, {"key_padding_mask": torch.zeros(2, 5)}, "a bool mask"),
        (x, {"attn_mask": row[:4]}, "attn_mask of shape"),
        (x, {"key_padding_mask": padding[0]}, "key_padding_mask of shape"),
        (x, {"attn_mask": row}, r"from 2 queries \(index \(0, 3\), \(1, 3\)\)"),
        (x, {"key_padding_mask": whole}, r"from 5 queries \(index \(1, 0\)"),
    ]
    for made in (model, slt.find_ticket(model, width=6).module(torch.float64)):
        for tokens, masks, text in wrong:
            with pytest.raises(InputError, match=text):
                made(tokens, **masks)
        if causal:
            with pytest.raises(InputError, match=r"from 1 queries \(index \(1, 0\)\)"):
                made(x, key_padding_mask=first)
        else:
            assert made(x, key_padding_mask=first).isfinite().all()
