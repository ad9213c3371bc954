"""The phase diagram: its batches against find_ticket and the scores, its widths and bounds, its committed records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slt
from slt.errors import NoUsableItemError
from slt.records import Records
from slt.runner import load_experiment
from slt.subset_sum import solve

FOLDER = Path(__file__).parents[2] / "experiments" / "phase-diagram"
SYSTEMS = ("weight", "layer", "head", "network")


@pytest.fixture(scope="module")
def experiment() -> Any:
    return load_experiment(FOLDER / "experiment.py")


@pytest.fixture(scope="module")
def beside(experiment: Any) -> Any:
    """The files beside the experiment's, by name."""
    return lambda name: sys.modules[f"{type(experiment).__module__}.{name}"]


@pytest.fixture(scope="module")
def committed() -> list[Any]:
    return Records(FOLDER / "records.jsonl").load("phase-diagram")


# -- against the package's own way ----------------------------------------------------------------------------------


def residuals_of(name: str, ticket: Any) -> list[list[np.ndarray]]:
    """As the experiment orders them."""
    found = []
    for part, residual in ticket.residuals().parts.items():
        needed = [b.units for b in residual.branches if not np.isnan(b.residual).any()]
        if name == "head":
            needed = [u[0].T if part == "value-output" else u[0] for u in needed]
        found.append(needed)
    return found


def find(system: Any, targets: Any, index: int, number: int, width: int, **how: Any) -> Any:
    """The ticket of one seed, verified: random source times mask."""
    ticket = slt.find_ticket(
        system.model(targets, index),
        width=width,
        seed=system.source_key(3, number),
        inputs=system.domain,
        construction=system.construction(),
        **how,
    )
    ticket.verify()
    return ticket


@pytest.mark.parametrize(
    ("name", "width", "count", "bits"),
    [("weight", 20, 6, 12), ("layer", 22, 2, 10), ("head", 14, 4, 9), ("network", 26, 3, 9)],
)
def test_residuals_of_a_batch_are_those_of_the_tickets(
    beside: Any, name: str, width: int, count: int, bits: int
) -> None:
    """To the bit, at two widths of one batch of sources, and so are the collapsed matrices; the tickets verify."""
    system, measures = beside("systems").SYSTEMS[name], beside("measures")
    targets, found = measures.solved(system, 3, 5, count, width + 2, bits)
    compared = 0
    for here in (width, width + 2):
        residuals, there, _ = found.at(here)
        for i in range(count):
            if not there[i]:
                continue
            ticket = find(system, targets, i, 5 + i, here, tolerance=2.0**-bits)
            for mine, wanted in zip(residuals, residuals_of(name, ticket), strict=True):
                for a, b in zip(mine, wanted, strict=True):
                    np.testing.assert_array_equal(a[i], b)
            mine, wanted = system.collapsed(targets, residuals, i), ticket.collapsed()
            if name == "head":
                np.testing.assert_array_equal(mine.query_key, wanted.query_key)
                np.testing.assert_array_equal(mine.value_output, wanted.value_output)
            else:
                for a, b in zip(mine.layers, wanted.layers, strict=True):
                    np.testing.assert_array_equal(a.positive, b.positive)
                    np.testing.assert_array_equal(a.negative, b.negative)
            compared += 1
    assert compared > count


def test_without_a_tolerance_they_are_the_exact_optima_of_the_tickets(beside: Any) -> None:
    """Asked for more bits than so few units give, no sum stops early."""
    system = beside("systems").SYSTEMS["head"]
    targets, found = beside("measures").solved(system, 3, 0, 3, 13, 44)
    residuals, there, _ = found.at(13)
    assert there.all()
    for i in range(3):
        ticket = find(system, targets, i, i, 13, tolerance=None, max_items=13)
        for mine, wanted in zip(residuals, residuals_of("head", ticket), strict=True):
            np.testing.assert_array_equal(mine[0][i], wanted[0])


def test_prefix_optima_are_the_optima_of_the_prefixes(beside: Any) -> None:
    rng = np.random.default_rng(4)
    items = rng.integers(-(2**46), 2**46, (30, 15))
    wanted, available = rng.integers(-(2**46), 2**46, 30), rng.integers(0, 16, 30)
    allowed = 2**39
    table = beside("prefixes").prefix_optima(items, available, wanted, allowed)
    for row in range(30):
        residual = -int(wanted[row])
        for k in range(len(table)):
            if k and k <= available[row] and abs(residual) > allowed:
                residual = int(solve(items[row : row + 1, :k], wanted[row : row + 1]).residual_lattice[0])
            assert table[k, row] == residual


@pytest.mark.parametrize(
    ("name", "widths", "count"),
    [("weight", range(1, 13), 16), ("layer", (20, 21, 24), 2), ("head", range(1, 12), 4)],
)
def test_failures_are_those_of_tickets_found_one_by_one(beside: Any, name: str, widths: Any, count: int) -> None:
    """Sources without a ticket fail at every error; the score that decides is the certified one of a linear map, which
    is its sup error, and the sampled one of the head."""
    systems, measures = beside("systems"), beside("measures")
    system, bits = systems.SYSTEMS[name], [2, 4, 6]
    targets, found = measures.solved(system, 3, 0, count, max(widths), 40)
    table, plain = measures.failures(system, targets, found, list(widths), bits), []
    for width in widths:
        errors = []
        for i in range(count):
            try:
                ticket = find(system, targets, i, i, width, max_items=width)
            except NoUsableItemError:
                errors.append(np.inf)
                continue
            model = system.model(targets, i)
            score = (
                slt.sampled(ticket, model, systems.SEQUENCES)
                if name == "head"
                else slt.certified(ticket, model, system.domain)
            )
            errors.append(float(score))
        plain.append([sum(error > 2.0**-b for error in errors) for b in bits])
    np.testing.assert_array_equal(table, plain)


def test_certified_failures_are_those_of_the_certificate(beside: Any) -> None:
    system, measures = beside("systems").SYSTEMS["head"], beside("measures")
    targets, found = measures.solved(system, 3, 0, 4, 12, 20)
    table = measures.certified_failures(system, targets, found, [4, 8, 12], [1, 3])
    sampled = measures.failures(system, targets, found, [4, 8, 12], [1, 3])
    for row, width in zip(table, (4, 8, 12), strict=True):
        tickets = [find(system, targets, i, i, width, tolerance=2.0**-20) for i in range(4)]
        bounds = [float(slt.certified(t, system.model(targets, i), system.domain)) for i, t in enumerate(tickets)]
        assert row.tolist() == [sum(b > 0.5 for b in bounds), sum(b > 0.125 for b in bounds)]
    assert np.all(table >= sampled)


@pytest.mark.parametrize("name", SYSTEMS)
def test_errors_are_the_scores(beside: Any, name: str) -> None:
    """A linear map: the certified and the attained sup error; the others: what slt.sampled finds at the same inputs."""
    systems = beside("systems")
    system = systems.SYSTEMS[name]
    targets = system.targets(1, 0, 5)
    rng = np.random.default_rng(1)
    residuals = [
        [rng.integers(-(2**36), 2**36, t.shape) for _ in p.signs] for p, t in zip(system.parts, targets, strict=True)
    ]
    found = system.errors(targets, residuals)
    for i in range(5):
        collapsed, model = system.collapsed(targets, residuals, i), system.model(targets, i)
        upper = system.certified(targets, residuals, i)
        if system.exact:
            P, N = (np.ldexp(r[i].astype(float), -46) for r in residuals[0])
            # the worst inputs of each output
            up = np.where(np.maximum(-N, 0) <= P, 1.0, np.where(N < 0, -1.0, 0.0))
            down = np.where(np.maximum(N, 0) <= -P, 1.0, np.where(N > 0, -1.0, 0.0))
            inputs = np.concatenate([up, down])
            assert found[i] == pytest.approx(upper, rel=1e-9)
            assert found[i] == pytest.approx(float(slt.sampled(collapsed, model, inputs)), rel=1e-9)
            continue
        inputs = systems.SEQUENCES if name == "head" else systems.POINTS.T
        sampled = float(slt.sampled(collapsed, model, inputs))
        assert sampled - 2 * systems.SLACK <= found[i] <= sampled <= upper


def test_inputs_are_in_the_domains(beside: Any) -> None:
    systems = beside("systems")
    assert np.linalg.norm(systems.POINTS, axis=0).max() < 1 and systems.POINTS.shape == (3, 200)
    assert np.linalg.norm(systems.SEQUENCES, axis=2).max() < np.sqrt(2.0)


def test_seeds_do_not_depend_on_their_block(experiment: Any) -> None:
    unit = {"kind": "sampled", "system": "head", "width": 14, "step": 1, "seed": 2, "bits": [3, 6], "spare_bits": 4}
    whole = experiment.measure({**unit, "first": 0, "seeds": 30})["failures"]
    parts = [experiment.measure({**unit, "first": a, "seeds": b})["failures"] for a, b in ((0, 11), (11, 19))]
    np.testing.assert_array_equal(whole, parts[0] + parts[1])


# -- widths and bounds ----------------------------------------------------------------------------------------------


def block(seeds: int, failures: Any, first: int = 0, widths: Any = (2, 4, 6, 8)) -> Any:
    config = {"kind": "sampled", "system": "weight", "first": first, "seed": 0}
    return {"config": config, "result": {"seeds": seeds, "widths": list(widths), "bits": [4, 5], "failures": failures}}


def test_needed_widths_are_the_first_from_which_on_all_shares_are_small(beside: Any) -> None:
    diagram = beside("diagram")
    records = [
        block(50, [[50, 50], [4, 25], [6, 0], [0, 0]]),
        block(50, [[50, 50], [0, 25], [6, 0], [0, 0]], first=50),
        block(50, [[50, 50], [0, 25], [6, 0], [0, 0]], first=50),  # the same seeds once more
    ]
    merged = diagram.merged(diagram.blocks(records, "sampled", "weight"))
    assert merged.seeds == 100 and merged.failures.tolist() == [[100, 100], [4, 50], [12, 0], [0, 0]]
    needed = merged.needed([0.5, 0.1, 0.01])
    # at 0.1 the 4 of width 4 do not count, as 12 fail at width 6
    assert needed[0, :, 0].tolist() == [4, 8, 8] and needed[1, :, 0].tolist() == [4, 6, 6]
    assert np.all(needed[:, :, 1] <= needed[:, :, 0]) and np.all(needed[:, :, 0] <= needed[:, :, 2])
    # 0 of 100: the failure probability is at most 0.036, which is no proof of 0.01
    assert np.isinf(needed[:, 2, 2]).all() and np.isfinite(needed[:, 1, 2]).all()
    assert diagram.merged([]) is None


def test_bands_hold_the_needed_width(beside: Any) -> None:
    """500 diagrams of 300 seeds with a known failure probability 2^-(n / 4): the high end is too low, or the low end
    too high, in at most 2.5 % each; one-sided level 0.999: at most 25."""
    diagram, rng = beside("diagram"), np.random.default_rng(3)
    widths, low, high = np.arange(1, 41), 0, 0
    true = np.exp2(-widths / 4)
    needed = int(widths[true <= 0.1][0])
    for _ in range(500):
        # nested in width, as tickets are
        failures = (rng.random((300, 1)) < true).sum(axis=0)[:, None]
        band = diagram.Diagram(np.array([4]), widths, failures, 300).needed([0.1])[0, 0]
        low, high = low + (band[1] > needed), high + (band[2] < needed)
    assert low <= 25 and high <= 25


@pytest.mark.parametrize("name", SYSTEMS)
def test_residuals_within_the_sum_error_make_an_output_within_the_error(beside: Any, name: str) -> None:
    systems = beside("systems")
    system, bounds = systems.SYSTEMS[name], beside("bounds")
    targets, rng = system.targets(2, 0, 400), np.random.default_rng(2)
    for error in (0.25, 2.0**-10):
        entry = bounds.sum_error(system, error)
        size = int(np.ldexp(entry, 46))
        residuals = [
            [size * rng.choice([-1, 1], t.shape) for _ in p.signs] for p, t in zip(system.parts, targets, strict=True)
        ]
        found = system.errors(targets, residuals)
        assert 0.05 * error < found.max() <= error


@pytest.mark.parametrize("name", SYSTEMS)
def test_necessary_widths_are_below_sufficient_ones(beside: Any, name: str) -> None:
    bounds, system = beside("bounds"), beside("systems").SYSTEMS[name]
    low, high = (np.array(f(system, [4, 12], [0.5, 0.01])) for f in (bounds.necessary_widths, bounds.sufficient_widths))
    assert np.all(low < high) and np.all(np.diff(low, axis=0) > 0) and np.all(np.diff(high, axis=1) > 0)


def test_drawn_residuals_fail_about_as_often_as_solved_ones(beside: Any) -> None:
    """2,000 each, of one weight at widths 10 .. 20: shares within 0.1, of which 0.045 are four standard deviations; the
    rest the law may be off where the reach decides."""
    system, measures = beside("systems").SYSTEMS["weight"], beside("measures")
    targets, found = measures.solved(system, 0, 0, 2000, 20, 12)
    drawn = beside("prefixes").Drawn.of(list(zip(system.parts, targets, strict=True)), 20, 0)
    tables = [measures.failures(system, targets, f, [10, 15, 20], [4, 6]) / 2000 for f in (found, drawn)]
    np.testing.assert_allclose(tables[0], tables[1], atol=0.1)


# -- what is committed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_committed_widths_keep_to_the_laws(beside: Any, committed: Any, name: str) -> None:
    """No band is wholly below the counting bound, a theorem; none above the upper law; the law of single sums is within
    4 units of every needed width whose band is finite."""
    diagram = beside("diagram")
    (law,) = diagram.blocks(committed, "law", name)
    levels = law["config"]["probabilities"]
    measured, told = diagram.merged(diagram.blocks(committed, "sampled", name)), diagram.merged([law])
    assert measured.seeds >= 16384 and measured.bits.tolist() == list(range(4, 21)) and min(levels) == 0.001
    needed = measured.needed(levels)
    assert np.all(needed[:, :, 2] >= law["result"]["necessary"])
    assert np.all(needed[:, :, 1] <= law["result"]["sufficient"])
    known = np.isfinite(needed).all(axis=2)
    assert known.all()
    assert np.abs(told.needed(levels)[:, :, 0] - needed[:, :, 0])[known].max() <= 4


def test_committed_certificates_need_more(beside: Any, committed: Any) -> None:
    diagram = beside("diagram")
    for name in ("head", "network"):
        certified, sampled = (diagram.merged(diagram.blocks(committed, k, name)) for k in ("certified", "sampled"))
        assert np.all(certified.needed([0.5, 0.1])[:, :, 2] >= sampled.needed([0.5, 0.1])[:, :, 1])


@pytest.mark.full
def test_a_committed_block_comes_out_again(experiment: Any, committed: Any) -> None:
    (record,) = [
        r
        for r in committed
        if r["config"]["kind"] == "sampled" and r["config"]["system"] == "weight" and not r["config"]["first"]
    ]
    np.testing.assert_array_equal(experiment.measure(record["config"])["failures"], record["result"]["failures"])
