"""A pruned random network that classifies MNIST: ten sources, one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import slt
from slt import laws, plots
from slt.data import Images, digits, mnist
from slt.errors import InputError
from slt.records import Record
from slt.runner import Config, Experiment
from slt.training import accuracy, multilayer_perceptron, outputs, train

QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
STARTS = 200


@cache
def _trained(data: str, hidden: int) -> tuple[Images, Any]:
    sources = {"mnist": mnist, "digits": digits}
    if data not in sources:
        raise InputError(f"experiment mnist: data={data!r} was given; mnist or digits is needed")
    images = sources[data]()
    model = multilayer_perceptron((images.pixels, hidden, 10))
    return images, train(model, images)


class Mnist(Experiment):
    """Target: pixels-hidden-10 without biases, 397,000 weights at the default size, as in Pensia et al. 2020."""

    name = "mnist"
    claim = (
        "one fixed random network of 64 units a coordinate holds every weight of a trained MNIST classifier within 0.01"
    )
    alone = True
    default_config = {"data": "mnist", "hidden": 500, "width": 96, "tolerance": 0.01, "seeds": 10}  # noqa: RUF012
    smoke_config = {"data": "digits", "hidden": 32, "seeds": 2, "tolerance": 0.05}  # noqa: RUF012

    def units(self, config: Config) -> Sequence[Config]:
        kept = {k: v for k, v in config.items() if k != "seeds"}
        return [{**kept, "seed": seed} for seed in range(config["seeds"])]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        images, model = _trained(unit["data"], unit["hidden"])
        box, tolerance = slt.Box(0.0, 1.0), unit["tolerance"]
        wide = slt.find_ticket(model, unit["width"], unit["seed"], box, tolerance)
        needed = wide.findings.needed_width
        ticket = slt.find_ticket(model, 64, unit["seed"], box, tolerance)
        inputs = images.test_x.astype(np.float64)
        starts = slt.ascend(ticket, model, box, inputs[:STARTS])
        return {
            "weights": slt.Target.of(model).weights,
            "missed_at_64": ticket.findings.missed,
            "needed_width": np.inf if needed is None else needed,
            "items_a_weight": ticket.findings.kept / ticket.findings.sums,
            "density": ticket.density,
            "entropy_bytes": ticket.entropy_bits / 8,
            "error_quantiles": np.quantile(ticket.residuals().errors, QUANTILES),
            "target_accuracy": accuracy(outputs(model, images.test_x), images.test_y),
            "ticket_accuracy": accuracy(ticket.collapsed().forward(inputs), images.test_y),
            "sampled_on_test_images": slt.sampled(ticket, model, inputs).value,
            "sampled_at_worst_input": slt.sampled(ticket, model, starts).value,
            "certified": slt.certified(ticket, model, box).value,
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        config = records[0]["config"]
        widths, no_miss = _law(config)
        figure, axes = plots.new_figure(1, 2, width=5.2)
        with plots.style():
            needed = np.sort(_column(records, "needed_width"))
            left, right = axes[0]
            plots.predicted(left, widths, no_miss, "law: chance that no weight is missed")
            share = np.concatenate([[0.0], (np.arange(len(needed)) + 1) / len(needed), [1.0]])
            left.step(
                np.concatenate([[0], needed, [1e9]]),
                share,
                where="post",
                label=f"measured: share of {len(needed)} sources",
            )
            left.axvline(64, color=plots.PALETTE[1], linestyle=":", label="64 units")
            left.set_xlim(widths[0], widths[-1])
            left.set_ylim(0, 1.02)
            left.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
            left.set_ylabel(plots.axis_label("all weights within tolerance, probability", "1"))
            left.set_title(f"all {records[0]['result']['weights']:,} weights within {config['tolerance']:g}")
            left.legend(fontsize=8, loc="lower right")
            for i, (name, label) in enumerate(
                (
                    ("certified", "certified upper bound"),
                    ("sampled_at_worst_input", "sampled, worst input found"),
                    ("sampled_on_test_images", "sampled, test images"),
                )
            ):
                seeds = [r["config"]["seed"] for r in records]
                right.plot(seeds, _column(records, name), "v^o"[i], label=label)
            right.set_yscale("log")
            right.set_ylim(top=float(_column(records, "certified").max()) * 6)
            right.set_xlabel(plots.axis_label("source", "seed"))
            right.set_ylabel(plots.axis_label("sup error of the outputs", "1"))
            right.set_title("over the box of all images")
            right.legend(fontsize=8, loc="upper center")
        return plots.save(figure, folder / "mnist")

    def summary(self, records: Sequence[Record]) -> str:
        config = records[0]["config"]
        missed, needed = _column(records, "missed_at_64"), _column(records, "needed_width")
        change = _column(records, "ticket_accuracy") - _column(records, "target_accuracy")
        ratio = _column(records, "certified") / _column(records, "sampled_at_worst_input")
        widths, no_miss = _law(config)
        weights, own = records[0]["result"]["weights"], records[0]["result"]["target_accuracy"]
        return "\n".join(
            (
                f"{len(records)} sources, tolerance {config['tolerance']:g}: {int((missed == 0).sum())} miss no weight "
                f"at width 64; the worst misses {int(missed.max())} of {weights:,}",
                f"smallest width without a miss: {', '.join(f'{w:g}' for w in sorted(needed))}; the law's median is "
                f"{widths[np.searchsorted(no_miss, 0.5)]}",
                f"accuracy of the target {own:.2%}; of the tickets {change.min():+.2%} to {change.max():+.2%}",
                f"certified over sampled: {ratio.min():.1f} to {ratio.max():.1f}",
            )
        )


def _column(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    return np.array([r["result"][name] for r in records], dtype=np.float64)


@cache
def _law_of(data: str, hidden: int, tolerance: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    target = slt.Target.of(_trained(data, hidden)[1])
    layers = slt.TwoLayerSum().law_layers(target, slt.Box(0.0, 1.0))
    median = laws.needed_width_quantile(0.5, tolerance, layers)
    widths = np.arange(int(0.75 * median), int(1.4 * median) + 2)
    return widths, np.array([laws.network_no_miss_probability(tolerance, int(w), layers) for w in widths])


def _law(config: Mapping[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return _law_of(config["data"], config["hidden"], config["tolerance"])


EXPERIMENT = Mnist()
