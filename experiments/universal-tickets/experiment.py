"""Universal tickets: univariate blocks with inner errors absorbed, polynomials, and one basis for many tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws
from slt.constructions import Basis, monomials
from slt.data import Images, digits, mnist
from slt.readout import features, linear_fit, one_hot
from slt.records import Record
from slt.runner import Config, Experiment

from . import figures
from .networks import (
    MAX_ITEMS,
    SPARSE,
    WAYS,
    block,
    image_basis,
    live,
    points,
    polynomial_basis,
    pooled,
    sine_basis,
    univariate_ticket,
)

BASES = ("monomials", "sines")
PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
GRID = 4001  # points at which a function of one variable is compared
IMAGE_WIDTH, IMAGE_TOLERANCE = 72, 0.002
UNPRUNED = 16  # width of the source whose outputs are taken without pruning
RIDGE = 1e-4  # of standardised features

Array = npt.NDArray[np.float64]


class UniversalTickets(Experiment):
    name = "universal-tickets"
    claim = (
        "A masked random network holds a basis of functions up to the error of interpolation: inner weights off by up "
        "to 50 % leave a univariate block at that law with fewer weights, and linear maps of one ticket's features "
        "are as good as of the ideal network's, whatever the task."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 40,
        "functions": ["sine", "logarithm", "exponential"],
        "knots": [5, 10, 21, 40, 80],
        "width": 48,
        "chain_width": 64,
        "widths": [16, 20, 24, 28, 32, 40, 48, 56],
        "powers_seeds": 20,
        "products": [[10, 40], [20, 80], [40, 160]],
        "tasks": 50,
        "data": "mnist",
        "train": 20000,
        "features": 100,
        "side": 7,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 5,
        "knots": [5, 10],
        "width": 32,
        "chain_width": 40,
        "widths": [24, 32],
        "powers_seeds": 2,
        "products": [[4, 8], [8, 16]],
        "tasks": 4,
        "data": "digits",
        "train": 300,
        "features": 8,
        "side": 4,
    }

    def units(self, config: Config) -> Sequence[Config]:
        seed, seeds = config["seed"], config["seeds"]
        shared = {"measure": "univariate", "seed": seed, "seeds": seeds}
        found = [
            {**shared, "function": name, "knots": knots, "width": config["width"]}
            for name in config["functions"]
            for knots in config["knots"]
        ]
        sine = {**shared, "function": "sine", "knots": figures.PUBLISHED_SINE["knots"]}
        found += [{**sine, "width": width} for width in config["widths"]]
        found = [unit for i, unit in enumerate(found) if unit not in found[:i]]
        few = {"seed": seed, "seeds": config["powers_seeds"], "width": config["chain_width"]}
        found.append({"measure": "powers", "log_knots": 10, "exp_knots": 40, **few})
        found += [{"measure": "product", "log_knots": log, "exp_knots": exp, **few} for log, exp in config["products"]]
        found += [{"measure": "tasks", "basis": basis, "tasks": config["tasks"], **few} for basis in BASES]
        image = {key: config[key] for key in ("seed", "data", "train", "features", "side")}
        return found + [{"measure": "images", "basis": basis, **image} for basis in BASES]

    def measure(self, unit: Config) -> dict[str, Any]:
        measures: dict[str, Callable[[Config, slt.Key], dict[str, Any]]] = {
            "univariate": univariate, "powers": powers, "product": product, "tasks": tasks, "images": images,
        }  # fmt: skip
        return measures[unit["measure"]](unit, slt.Key(unit["seed"]) / self.name)

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return figures.draw(records, folder)

    def summary(self, records: Sequence[Record]) -> str:
        return figures.text(records)


def univariate(unit: Config, key: slt.Key) -> dict[str, Any]:
    """One function at one number of knots and one width; quantiles over source seeds with bands of level 0.95, for
    each way to a ticket (``networks.WAYS``). Sources without a unit for some coordinate count as infinitely wrong."""
    function, curvature = block(unit["function"], unit["knots"])
    law = float(laws.interpolation_error(curvature, function.high - function.low, unit["knots"]))
    x = np.linspace(function.low, function.high, GRID)
    exact = function.at(x)[0]
    result: dict[str, Any] = {
        "law": law,
        "ideal": float(np.abs(function.interpolated(x)[0] - exact).max()),
        "random": 0,
    }
    for way in WAYS:
        rows = []
        for seed in range(unit["seeds"]):
            ticket = univariate_ticket(function, way, unit["width"], key / f"source {seed}", SPARSE * law)
            if ticket is None:
                rows.append([np.inf] * 4)
                continue
            result["random"] = ticket.source_network.weights
            error = np.abs(ticket.collapsed().forward(x[:, None])[:, 0] - exact).max()
            sums = slt.certified(ticket, ticket.target, ticket.domain).value
            planned = function.magnitudes
            # units planned near 0, where the slope hardly changes, get a larger weight than planned
            known = planned > planned.max() / 8
            inner = np.abs(ticket.collapsed().layers[0].positive[known, 0] / planned[known] - 1)
            rows.append([float(error), float(sums), float(live(ticket)), float(inner.max())])
        table = np.array(rows)
        result[way] = {
            name: _bands(table[:, i]) for i, name in enumerate(("error", "certified_sums", "live", "inner_error"))
        }
        result[way]["without_ticket"] = int(np.isinf(table[:, 0]).sum())
    return result


def _find(basis: Basis, width: int, key: slt.Key, tolerance: float | None = None) -> slt.Ticket:
    return slt.find_ticket(
        basis.target, width, key, basis.domain, tolerance, max_items=MAX_ITEMS, construction=slt.TwoLayerSum()
    )


def powers(unit: Config, key: slt.Key) -> dict[str, Any]:
    """((1 + x) / 2)^r, r = 1 .. 4, from one ticket."""
    basis = monomials([1, 2, 3, 4], unit["log_knots"], unit["exp_knots"], degree=4)
    return _errors(basis, unit, key, np.linspace(0, 1, GRID)[:, None])


def product(unit: Config, key: slt.Key) -> dict[str, Any]:
    """The product of three factors; at random points, on a grid and on the diagonal."""
    basis = monomials([[1, 1, 1]], unit["log_knots"], unit["exp_knots"])
    axis = np.linspace(0, 1, 21)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    diagonal = np.repeat(np.linspace(0, 1, 2001)[:, None], 3, axis=1)
    return _errors(basis, unit, key, np.concatenate([points(20_000, 3, key / "points"), grid, diagonal]))


def _errors(basis: Basis, unit: Config, key: slt.Key, x: Array) -> dict[str, Any]:
    exact = basis.exact(x)
    table, certified = [], []
    for seed in range(unit["seeds"]):
        ticket = _find(basis, unit["width"], key / f"source {seed}")
        table.append(np.abs(ticket.collapsed().forward(x) - exact).max(axis=0))
        certified.append(slt.certified(ticket, basis.target, basis.domain).value)
    found = np.array(table)
    knots = unit["log_knots"], unit["exp_knots"]
    return {
        "law": basis.law,
        "published_bound": laws.product_bound([1.0] * basis.inputs, *knots, margin=0.07).published,
        "ideal": np.abs(basis.ideal(x) - exact).max(axis=0),
        "ticket": [_bands(column) for column in found.T],
        "certified_sums": _bands(np.array(certified)),
        "beyond_law_and_certificate": int(
            np.count_nonzero(found > basis.law + np.array(certified)[:, None] * (1 + 1e-9))
        ),
        "random": ticket.source_network.weights,
        "live": live(ticket),
    }


def tasks(unit: Config, key: slt.Key) -> dict[str, Any]:
    """One basis on [0, 1]^2, three families of tasks: polynomials up to degree 3, sums of sines up to frequency 1, and
    functions in neither. The read-out is fitted on 500 points; the root of the mean squared error at 2,000 others, as
    a share of the task's standard deviation. Quantiles over tasks; sources take turns."""
    basis = polynomial_basis() if unit["basis"] == "monomials" else sine_basis()
    tickets = [_find(basis, unit["width"], key / f"source {seed}") for seed in range(unit["seeds"])]
    x, fresh = points(500, 2, key / "fit"), points(2000, 2, key / "test")
    rows: dict[str, list[list[float]]] = {"polynomials": [], "sums of sines": [], "neither": []}
    for i in range(unit["tasks"]):
        ticket = tickets[i % len(tickets)]
        kinds = [(features(ticket, z, collapsed=True), basis.ideal(z), basis.exact(z)) for z in (x, fresh)]
        for family, task in _tasks(key / f"task {i}").items():
            y, wanted = task(x), task(fresh)
            rows[family].append([_score(b, y, t, wanted) for b, t in zip(*kinds, strict=True)])
    table = {family: np.array(found) for family, found in rows.items()}
    return {
        "features": basis.count,
        "law": float(basis.law.max()),
        **{
            family: {kind: _bands(found[:, k]) for k, kind in enumerate(("ticket", "ideal", "exact"))}
            for family, found in table.items()
        },
        "certified_sums": _bands(np.array([slt.certified(t, basis.target, basis.domain).value for t in tickets])),
        "trained": basis.count + 1,
    }


def _tasks(key: slt.Key) -> dict[str, Callable[[Array], Array]]:
    """A function of two variables of each family, random."""
    polynomial, sines = polynomial_basis(), sine_basis()
    a = 2 * points(1, polynomial.count, key / "polynomial")[0] - 1
    b = 2 * points(1, sines.count, key / "sines")[0] - 1
    place, steepness = points(1, 2, key / "place")[0], 4 + 4 * points(1, 1, key / "steepness")[0, 0]
    return {
        "polynomials": lambda x: polynomial.exact(x) @ a,
        "sums of sines": lambda x: sines.exact(x) @ b,
        "neither": lambda x: np.exp(-steepness * np.abs(x - place).sum(axis=1)),
    }


def _score(b: Array, y: Array, fresh: Array, wanted: Array) -> float:
    weight, constant = linear_fit(b, y)
    return float(np.sqrt(((fresh @ weight[0] + constant[0] - wanted) ** 2).mean()) / wanted.std())


@cache
def _images(data: str) -> Images:
    return mnist() if data == "mnist" else digits()


def images(unit: Config, key: slt.Key) -> dict[str, Any]:
    """Random sparse features of pooled pixels, read-out by ridge regression on one column a class: accuracy on the
    test images with the features of a ticket, the ideal and the exact ones, with outputs of a part of the same
    source before pruning, and with pixels alone."""
    data = _images(unit["data"])
    chosen = slice(0, unit["train"])
    labels, tests = one_hot(data.train_y[chosen], 10), data.test_y
    train, test = pooled(data.train_x[chosen], unit["side"]), pooled(data.test_x, unit["side"])
    basis = image_basis(unit["basis"], unit["features"], train.shape[1], key)
    ticket = _find(basis, IMAGE_WIDTH, key / "source", IMAGE_TOLERANCE)
    # a source of fewer units, which is part of the ticket's: to run that one unpruned takes an hour
    small = _find(basis, UNPRUNED, key / "source", IMAGE_TOLERANCE)
    module = small.source()
    pairs = {
        "ticket": tuple(features(ticket, x, collapsed=True) for x in (train, test)),
        "ideal": (basis.ideal(train), basis.ideal(test)),
        "exact": (basis.exact(train), basis.exact(test)),
        "unpruned": tuple(_outputs(module, x) for x in (train, test)),
        "pooled pixels": (train, test),
        "raw pixels": (data.train_x[chosen].astype(np.float64), data.test_x.astype(np.float64)),
    }
    few = test[:64]
    return {
        "accuracy": {name: _accuracy(b, labels, t, tests) for name, (b, t) in pairs.items()},
        "trained": {name: 10 * (b.shape[1] + 1) for name, (b, _) in pairs.items()},
        "law": float(basis.law.max()),
        "ticket_minus_exact": float(np.abs(pairs["ticket"][1] - pairs["exact"][1]).max()),
        "ticket_minus_ideal": float(np.abs(pairs["ticket"][1] - pairs["ideal"][1]).max()),
        "module_minus_collapsed": float(np.abs(features(small, few) - features(small, few, collapsed=True)).max()),
        "missed": ticket.findings.missed,
        "sums": ticket.findings.sums,
        "random": ticket.source_network.weights,
        "live": live(ticket),
    }


def _outputs(module: Any, x: Array) -> Array:
    import torch

    with torch.inference_mode():
        parts = [module(torch.tensor(x[i : i + 512], dtype=torch.float32)).numpy() for i in range(0, len(x), 512)]
    return np.concatenate(parts).astype(np.float64)


def _accuracy(b: Array, labels: Array, fresh: Array, tests: Any) -> float:
    spread = b.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    weight, constant = linear_fit(b / spread, labels, RIDGE)
    return float(np.mean((fresh / spread @ weight.T + constant).argmax(axis=1) == tests))


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


EXPERIMENT = UniversalTickets()
