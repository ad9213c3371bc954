"""The committed experiments: a run of seconds each, and their committed records measured again."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slt
from slt.laws.needed_width import needed_width, quantile_band
from slt.laws.networks import network_error_quantile
from slt.laws.random_subset_sum import error_quantile, geometric_mean_error
from slt.laws.two_layer_sums import SIGN_OPTIMAL
from slt.records import Record, Records
from slt.runner import Experiment, load_experiment
from slt.subset_sum import solve
from slt.weights import Key, Uniform
from tests.experiments.conformance import Conformance

FOLDER = Path(__file__).parents[2] / "experiments"
NAMES = (
    "subset-sum-laws",
    "needed-width",
    "phase-diagram",
    "mlp-law",
    "constructions-compared",
    "looks-linear-law",
    "neuron-subnetworks",
    "two-layer-options",
    "attention-law",
    "attention-paper",
    "attention-scale",
    "shared-keys-law",
    "char-transformer",
    "replicated-rows-law",
    "rotary-law",
    "transformer-law",
    "resnet8",
    "convolution-law",
    "lenet",
    "supermask-mnist",
    "supermask-cifar",
    "supermask-gpt",
    "supermask-sanity",
    "planted-benchmark",
    "universal-tickets",
)


def experiment_of(name: str) -> Experiment:
    return load_experiment(FOLDER / name / "experiment.py")


def module_of(experiment: Experiment) -> Any:
    """The module that the experiment's file was run as."""
    return sys.modules[type(experiment).__module__]


def samples_of(experiment: Experiment) -> Any:
    """The file ``samples.py`` beside the experiment's."""
    return sys.modules[type(experiment).__module__ + ".samples"]


def committed(name: str) -> list[Record]:
    return Records(FOLDER / name / "records.jsonl").load(name)


class TestExperiments(Conformance):
    @pytest.fixture(params=NAMES)
    def experiment(self, request: pytest.FixtureRequest) -> Experiment:
        return experiment_of(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_committed_records_are_those_of_the_default_settings(name: str) -> None:
    experiment = experiment_of(name)
    units = [dict(unit) for unit in experiment.units(experiment.config())]
    found = [record["config"] for record in committed(name)]
    assert sorted(map(repr, map(sorted_items, found))) == sorted(map(repr, map(sorted_items, units)))
    assert (FOLDER / name / "records.jsonl").stat().st_size < 400_000


def sorted_items(unit: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(unit.items())


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("subset-sum-laws", {"measure": "fixed size", "items": "product of uniforms", "one in": 4}),
        ("subset-sum-laws", {"measure": "locked", "items": "uniform", "free": 12}),
        ("subset-sum-laws", {"measure": "quantised", "levels": 128}),
        ("subset-sum-laws", {"measure": "fewest items", "items": "uniform", "n": 12}),
        ("subset-sum-laws", {"measure": "golden ratio", "bins": 8}),
        ("needed-width", {"bits": 10}),
        ("attention-scale", {"target": 0.5}),
    ],
)
def test_a_committed_record_comes_out_again(name: str, unit: dict[str, Any]) -> None:
    (record,) = [r for r in committed(name) if unit.items() <= r["config"].items()]
    again = experiment_of(name).measure(record["config"])
    for field, value in record["result"].items():
        if field == "mean_log":  # logarithms differ in the last bit between mathematics libraries
            np.testing.assert_allclose(again[field], value, rtol=1e-12)
        else:
            assert np.array_equal(again[field], value)


def test_committed_weight_errors_come_out_again() -> None:
    """200 tickets found again: their weight errors are exact, so their quantiles are equal."""
    experiment = experiment_of("mlp-law")
    module = module_of(experiment)
    wanted = {"target": "2-5-5-1", "split": "sign_optimal", "width": 24}
    (record,) = [r for r in committed("mlp-law") if wanted.items() <= r["config"].items()]
    unit = record["config"]
    target = module.target_network(unit["target"], unit["seed"])
    tickets = [module._ticket(unit, target, seed) for seed in range(unit["seeds"])]
    found = np.array([ticket.residuals().errors for ticket in tickets if ticket is not None])
    assert len(tickets) - len(found) == record["result"]["without_ticket"]
    missing = np.full(len(tickets) - len(found), np.inf)
    for name, errors in (("typical_weight", np.median(found, axis=1)), ("largest_weight", found.max(axis=1))):
        bands = [module._band(np.append(errors, missing), p) for p in module.PROBABILITIES]
        np.testing.assert_array_equal(bands, record["result"][name])


@pytest.mark.full
@pytest.mark.parametrize("split", ["sign_optimal", "paper"])
def test_a_whole_unit_of_the_network_experiment_comes_out_again(split: str) -> None:
    """Scores are floating-point sums, so their last bits may differ between machines; sampled ones also by the path of
    the ascent."""
    experiment = experiment_of("mlp-law")
    wanted = {"target": "2-5-5-1", "split": split, "width": 48}
    (record,) = [r for r in committed("mlp-law") if wanted.items() <= r["config"].items()]
    again = experiment.measure(record["config"])
    for name in ("typical_weight", "largest_weight"):
        np.testing.assert_array_equal(again[name], record["result"][name])
    np.testing.assert_allclose(again["certified"], record["result"]["certified"], rtol=1e-9)
    np.testing.assert_allclose(again["sampled"], record["result"]["sampled"], rtol=1e-2)


def test_needed_width_is_the_first_size_whose_optimum_is_within_the_error() -> None:
    module = experiment_of("needed-width")
    unit = {"bits": 5, "draws": 100, "seed": 3}
    key = Key(3) / "needed-width"
    items = Uniform(52).draw(key / "items", (100, 1, 16))[:, 0]
    targets = Uniform(52).draw(key / "targets", (100, 1, 1))[:, 0, 0]
    sizes = np.arange(17)
    errors = np.stack([solve(items[:, :n], targets, lattice=52).error for n in sizes], axis=1)
    widths = needed_width(errors, sizes, 2.0**-5)
    found = np.array(module.measure(unit)["widths"])
    known = widths[np.isfinite(widths)]
    assert known.size > 90
    for size, count in found.tolist():
        if size <= 16:
            assert np.count_nonzero(known == size) == count


def test_products_are_products_of_two_uniforms() -> None:
    """The items of the experiment are exact integers over 2**52; P(|product| < 1/2) = (1 + ln 2) / 2.

    Level 0.001, 20,000 draws.
    """
    items = samples_of(experiment_of("subset-sum-laws")).random_items(
        Key(5) / "test", "product of uniforms", 20_000, 1
    )[:, 0, 0]
    share = np.count_nonzero(np.abs(items) < 2**51) / items.size
    chance = (1 + math.log(2)) / 2
    assert abs(share - chance) < 3.29 * math.sqrt(chance * (1 - chance) / items.size)


def test_medians_of_needed_widths_are_the_predicted_ones() -> None:
    """The exact band of the median at level 0.999, 4,000 draws for each error, other draws than the committed ones."""
    experiment = experiment_of("needed-width")
    for bits, median in zip((6, 8, 10, 12, 14, 16), (7, 9, 11, 13, 15, 17), strict=True):
        widths = np.array(experiment.measure({"bits": bits, "draws": 4000, "seed": 1})["widths"])
        band = quantile_band(np.repeat(widths[:, 0], widths[:, 1]), 0.5, 0.999)
        assert band.low <= median <= band.high
        assert band.high - band.low <= 1


def test_all_targets_and_whole_numbers_are_what_they_say() -> None:
    """The largest distance on a fine grid of targets; a share of whole numbers at level 0.001, 20,000 draws."""
    samples = samples_of(experiment_of("subset-sum-laws"))
    items = samples.random_items(Key(2) / "test", "normal", 20, 8)[:, 0]
    for row in items:
        sums = np.array([sum(row[i] for i in range(8) if s >> i & 1) for s in range(256)], dtype=np.float64)
        grid = np.linspace(-(2**51), 2**51, 20_001)
        far = np.abs(np.sort(sums)[:, None] - grid).min(axis=0).max()
        assert 0 <= samples._largest_distance(row) - far <= 2**52 / 20_000
    (hits,) = samples.quantised(Key(3), {"levels": 2, "draws": 20_000, "x": [1]})
    assert abs(hits.mean() - 1 / 5) < 3.29 * math.sqrt(0.16 / 20_000)  # one number in -2 .. 2 is 1


def test_verdicts_count_the_bands_that_hold_the_law() -> None:
    experiment = experiment_of("subset-sum-laws")
    module = module_of(experiment)
    (panel,) = (p for p in module.PANELS if p.name == "P7")
    unit = {"measure": "partition", "items": "uniform", "draws": 100, "seed": 0, "x": [10, 12]}
    law = panel.law(module.ITEMS["uniform"], {}, [10, 12])
    good = np.stack([law, 0.9 * law, 1.1 * law], axis=-1)
    bad = good * 1.3
    for quantiles, held, text in ((good, 2, "not refuted"), (bad, 0, "refuted: U all")):
        record = {"config": unit, "result": {"quantiles": quantiles.tolist()}}
        assert {v[2] for v in module._verdicts([record], panel)["uniform"].values()} == {held}
        assert module._verdict_text([record], panel) == text


@pytest.mark.parametrize("target", [0.05, 0.5])
def test_geometric_mean_and_median_follow_their_laws(target: float) -> None:
    """Uniform items, n = 20, 4,000 draws: P1 and P2 in bands of level 0.999, exact for the median (1,000 draws each
    would leave bands of 10 %; these are 4 to 8 %)."""
    samples = samples_of(experiment_of("subset-sum-laws"))
    items = samples.random_items(Key(1) / "test of the laws", "uniform", 4000, 20)[:, 0]
    error = solve(items, samples.fixed(target, 4000), lattice=samples.LATTICE).error
    band = quantile_band(error, 0.5, 0.999)
    assert band.low <= float(error_quantile(0.5, 20, target)) <= band.high
    logs = np.log(error)
    off = float(logs.mean() - np.log(geometric_mean_error(20, target)))
    assert abs(off) < 3.29 * logs.std(ddof=1) / math.sqrt(error.size)


def test_the_prediction_of_the_largest_weight_error_is_the_quantile_of_the_law() -> None:
    experiment = experiment_of("mlp-law")
    module = module_of(experiment)
    target = module.target_network("2-3-1", 0)
    told = module._predicted(target, {"split": "sign_optimal", "width": 8, "max_items": 44})["largest_weight"]
    law = network_error_quantile(0.5, 8, module.law_layers(target), SIGN_OPTIMAL, 44)
    assert told[0] == pytest.approx(law, rel=2e-3)


def test_targets_have_spectral_norm_one_at_most() -> None:
    experiment = experiment_of("mlp-law")
    module = module_of(experiment)
    for name in experiment.default_config["targets"]:
        for layer in module.target_network(name, 0).layers:
            assert 0.99 < np.linalg.norm(layer.weight, 2) <= 1
            assert (layer.bias is not None) == name.endswith("biases")


def test_propagated_weight_errors_bound_the_network_error() -> None:
    """The bound that the figure draws holds for perturbed copies of a target at 400 inputs of the ball."""
    experiment = experiment_of("mlp-law")
    module = module_of(experiment)
    target = module.target_network("4-8-8-2 biases", 0)
    rng = np.random.default_rng(2)
    points = slt.Ball(1.0).sample(4, 400, rng)
    for error in (1e-1, 1e-3):
        other = slt.Target.from_arrays(
            [layer.weight + error * rng.choice([-1.0, 1.0], layer.weight.shape) for layer in target.layers],
            [layer.bias + error * rng.choice([-1.0, 1.0], layer.outputs) for layer in target.layers],
        )
        gap = np.abs(other.forward(points) - target.forward(points)).max()
        assert gap <= module.propagated(error, target)


# -- attention ---------------------------------------------------------------------------------------------------------


def networks_of(experiment: Experiment) -> Any:
    """The file ``networks.py`` beside the experiment's."""
    return sys.modules[type(experiment).__module__ + ".networks"]


def test_committed_slopes_of_attention_are_those_of_the_law() -> None:
    """Within 8 % at every dimension and number of heads, widths 12 .. 26; bounds in order for every ticket."""
    module = module_of(experiment_of("attention-law"))
    for record in module._cases(committed("attention-law")):
        unit, result = record["config"], record["result"]
        assert unit["widths"][0] == 12 and unit["widths"][-1] == 26 and unit["seeds"] >= 200
        for name in ("residual", "sampled"):
            measured, law = (
                module._slope(unit["widths"], medians)
                for medians in (
                    np.array(result[name])[:, 1, 0],
                    np.array(result["law"][name])[:, 1],
                )
            )
            assert measured == pytest.approx(law, rel=0.08)
        assert result["out_of_order"] == 0


def test_committed_errors_of_attention_do_not_grow_with_the_length() -> None:
    module = module_of(experiment_of("attention-law"))
    records = module._cases(committed("attention-law"), "lengths")
    assert len(records) == 6
    for record in records:
        assert record["config"]["lengths"][0] == 8 and record["config"]["lengths"][-1] == 4096
        medians = np.array(record["result"]["sampled"])[:, 1, 0]
        assert np.polyfit(np.log(record["config"]["lengths"]), np.log(medians), 1)[0] < 0.05


def test_committed_fits_of_the_mean_are_the_reach() -> None:
    module = module_of(experiment_of("attention-paper"))
    curves = module._curves(committed("attention-paper"))
    assert [r["config"]["largest"] for r in curves] == [0.8, 1.0, 1.5, 2.0, 2.2]
    for record in curves:
        assert 0.05 <= module._fit(record).exponent <= 0.13
        assert module._fit(record).exponent == pytest.approx(module._law(record), rel=0.1)
        assert module._median_slope(record) == pytest.approx(-math.log(2) / 2, rel=0.08)


def test_gains_are_the_derivative_of_the_outputs() -> None:
    networks = networks_of(experiment_of("attention-law"))
    key = Key(4) / "test"
    target = networks.attention(3, 2, key)
    x, allowed = networks.sequences(3, 4, 5, 1.7, key / "x"), networks.masks(4, 5, key / "masks")
    merged, step = target.merged(), 1e-6
    moves = np.random.default_rng(0).standard_normal(merged.query_key.size + merged.value_output.size)
    first, second = np.split(step * moves, [merged.query_key.size])
    moved = replace(
        merged,
        query_key=merged.query_key + first.reshape(merged.query_key.shape),
        value_output=merged.value_output + second.reshape(merged.value_output.shape),
    )
    change = (moved.forward(x, mask=allowed) - merged.forward(x, mask=allowed)).reshape(-1, 3) / step
    np.testing.assert_allclose(networks.gains(merged, x, allowed) @ moves, change, atol=1e-4)
    assert np.linalg.norm(target.query, 2, axis=(1, 2)).max() <= 1
    assert np.linalg.norm(x, axis=2).max() <= 1.7
    few = networks.attention(3, 1, key)
    np.testing.assert_array_equal(few.value[0], target.value[0])


def test_the_attention_of_the_figures_has_the_largest_merged_weight_asked_for() -> None:
    module = module_of(experiment_of("attention-paper"))
    for largest in (0.8, 2.2):
        merged = module.target_attention(largest, 0).merged()
        assert np.abs(merged.value_output).max() == pytest.approx(largest, rel=1e-5)
        assert np.abs(merged.query_key).max() < 0.5
    token, sequence = module.circles(3, 7, 0)
    assert token.shape == (3, 1, 2) and sequence.shape == (3, 8, 2)
    np.testing.assert_allclose(np.linalg.norm(sequence, axis=2), 1.0)
