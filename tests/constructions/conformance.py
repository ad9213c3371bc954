"""What every construction must satisfy, whatever its theorem. A test file joins by subclassing ``Conformance``."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch

import slt
from slt.constructions import CONSTRUCTIONS, Construction


class Conformance:
    """Fill in the first four; the rest has defaults.

    ``widths``      a smaller and a larger one; both must serve every coordinate with the seeds 0 .. ``seeds`` - 1
    ``certified``   whether ``slt.certified`` bounds its tickets; else ``slt.sampled`` need not know them either
    ``nested``      whether no sum gets worse with width, as with exact optima over all units
    ``listed``      whether ``slt list constructions`` shows it
    """

    widths: tuple[int, int] = (8, 16)
    seeds: int = 3
    certified: bool = True
    nested: bool = True
    listed: bool = True

    def construction(self) -> Construction:
        raise NotImplementedError

    def model(self, seed: int) -> Any:
        """A small target; the same for the same seed."""
        raise NotImplementedError

    def domain(self) -> Any:
        return slt.Ball(1.0)

    def points(self, model: Any, seed: int) -> Any:
        """Inputs in the domain, for the sampled error."""
        d = model.inputs if isinstance(model, slt.Target) else model[0].in_features
        return self.domain().sample(d, 200, np.random.default_rng(seed))

    def find(self, width: int, seed: int, tolerance: float | None = None) -> slt.Ticket:
        return slt.find_ticket(
            self.model(seed),
            width=width,
            seed=seed,
            inputs=self.domain(),
            max_items=width,
            tolerance=tolerance,
            construction=self.construction(),
        )

    # -- the invariant ---------------------------------------------------------------------------------------------

    def test_every_weight_is_the_source_s_where_kept_and_zero_elsewhere(self) -> None:
        ticket = self.find(self.widths[0], 0)
        report = ticket.verify()
        assert report.kept == ticket.kept and report.weights == ticket.source_network.weights
        state = {name: value.detach() for name, value in ticket.module().state_dict().items()}
        source = ticket.source_network
        for name, shape in source.tensor_shapes.items():
            drawn = source.draw(name)
            assert drawn.shape == shape
            # an independent generator draws the same
            assert np.array_equal(drawn, source.draw_plain(name, slice(None)))
            mask = source.dense_mask(name, ticket.mask)
            real = drawn.astype(np.float64) * 2.0**-source.law.exponent
            expected = np.where(mask, real, 0.0).astype(np.float32)
            found = state[name].numpy()
            assert np.array_equal(found.view(np.int32), expected.view(np.int32)), name
            # and what is kept is there
            assert np.all(drawn[mask] != 0), name
        declared = set(source.tensor_shapes) | {c.name for c in source.carried} | {c.name for c in source.constants}
        assert set(state) <= declared

    def test_the_source_knows_nothing_of_the_target(self) -> None:
        here, there = self.find(self.widths[0], 0), slt.find_ticket(
            _moved(self.model(0)),
            width=self.widths[0],
            seed=0,
            inputs=self.domain(),
            max_items=self.widths[0],
            construction=self.construction(),
        )  # fmt: skip
        for name in here.source_network.tensor_shapes:
            assert np.array_equal(here.source_network.draw(name), there.source_network.draw(name))

    def test_the_same_arguments_give_the_same_ticket_and_another_seed_another(self) -> None:
        a, b = self.find(self.widths[0], 1), self.find(self.widths[0], 1)
        assert a.source_network == b.source_network and a.findings == b.findings
        assert all(np.array_equal(a.mask[name].packed, b.mask[name].packed) for name in a.mask)
        other = self.find(self.widths[0], 2)
        assert any(
            not np.array_equal(a.source_network.draw(n), other.source_network.draw(n))
            for n in a.source_network.tensor_shapes
        )

    def test_a_saved_ticket_is_the_ticket(self, tmp_path: Any) -> None:
        ticket = self.find(self.widths[0], 0)
        loaded = slt.load(ticket.save(tmp_path / "ticket.slt"))
        loaded.verify()
        assert loaded.source_network.header() == ticket.source_network.header()
        assert all(np.array_equal(loaded.mask[name].packed, ticket.mask[name].packed) for name in ticket.mask)
        assert loaded.kept == ticket.kept and loaded.carried_count == ticket.carried_count
        assert np.array_equal(loaded.residuals(self.model(0)).errors, ticket.residuals().errors)

    # -- its errors ------------------------------------------------------------------------------------------------

    def test_certified_is_never_below_sampled(self) -> None:
        if not self.certified:
            pytest.skip("this construction has no certificate")
        for seed in range(self.seeds):
            for width in self.widths:
                model, ticket = self.model(seed), self.find(width, seed)
                points = self.points(model, seed)
                for order in (np.inf, 2):
                    low = slt.sampled(ticket, model, points, order=order).value
                    high = slt.certified(ticket, model, self.domain(), order=order).value
                    assert low <= high and np.isfinite(high)

    def test_its_module_computes_what_its_residuals_say(self) -> None:
        """The module, in float64, is no farther from the target than the certificate allows."""
        if not self.certified:
            pytest.skip("this construction has no certificate")
        model, ticket = self.model(0), self.find(self.widths[1], 0)
        points = self.points(model, 7)
        with torch.no_grad():
            got = ticket.module(dtype=torch.float64)(torch.from_numpy(points)).numpy()
            wanted = _forward(model, points)
        high = slt.certified(ticket, model, self.domain()).value
        assert np.abs(got - wanted).max() <= high * (1 + 1e-9) + 1e-12

    def test_no_sum_gets_worse_with_width(self) -> None:
        if not self.nested:
            pytest.skip("sums of this construction may get worse with width")
        for seed in range(self.seeds):
            small, large = (self.find(width, seed).residuals() for width in self.widths)
            assert set(small.parts) == set(large.parts)
            for name in small.parts:
                self.compare_nested(small.parts[name], large.parts[name])

    def compare_nested(self, small: Any, large: Any) -> None:
        """Errors of the smaller width are no smaller; constructions with more sums at larger widths override it."""
        for before, after in zip(small.branches, large.branches, strict=True):
            needed = ~np.isnan(before.residual)
            assert before.name == after.name and np.array_equal(needed, ~np.isnan(after.residual))
            assert np.all(np.abs(after.units) <= np.abs(before.units), where=needed)

    def test_sums_beyond_the_tolerance_are_listed(self) -> None:
        tolerance = 0.02
        ticket = self.find(self.widths[1], 0, tolerance)
        beyond = ticket.unreached(tolerance)
        assert ticket.findings.missed == len(beyond) == int((ticket.residuals().errors > tolerance).sum())
        assert all(u.error > tolerance for u in beyond)

    # -- what it says of itself ------------------------------------------------------------------------------------

    def test_it_names_theorem_depth_law_and_status(self) -> None:
        kind = type(self.construction())
        for name in ("theorem", "depth", "law", "status"):
            assert isinstance(getattr(kind, name), str) and getattr(kind, name)
        module, _, function = kind.law.rpartition(".")
        try:
            importlib.import_module(kind.law)
        except ModuleNotFoundError:
            assert callable(getattr(importlib.import_module(module), function))
        assert (kind in CONSTRUCTIONS) == self.listed
        assert not self.listed or getattr(slt, kind.__name__) is kind


def _moved(model: Any) -> Any:
    """The same architecture with other numbers: turned round, all but the largest halved; same scales, same zeros."""

    def other(values: Any) -> Any:
        turned = np.flip(np.asarray(values), 0).copy()
        return np.where(np.abs(turned) == np.abs(turned).max(initial=0.0), turned, turned / 2)

    if isinstance(model, slt.Target):
        layers = model.layers
        return slt.Target.from_arrays(
            [other(layer.weight) for layer in layers],
            [None if layer.bias is None else other(layer.bias) for layer in layers],
        )
    import copy

    turned = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in turned.parameters():
            parameter.copy_(torch.from_numpy(other(parameter.numpy())))
    return turned


def _forward(model: Any, points: Any) -> Any:
    if isinstance(model, slt.Target):
        return model.forward(points)
    return model.double()(torch.from_numpy(points)).detach().numpy()


def random_chain(seed: int, sizes: tuple[int, ...] = (3, 4, 2), biases: bool = True, size: float = 0.5) -> slt.Target:
    """A chain of linear layers and ReLUs with weights uniform on [-size, size]."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [rng.uniform(-size, size, shape) for shape in shapes]
    return slt.Target.from_arrays(weights, [rng.uniform(-size, size, m) if biases else None for m, _ in shapes])
