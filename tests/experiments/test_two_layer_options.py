"""The committed records of two-layer-options: measured again, and what its README says of them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import slt
from slt.constructions import Perturbation, TwoLayerSum
from slt.records import Record
from tests.experiments.test_experiments import committed, experiment_of

NAME = "two-layer-options"


def records(option: str, **settings: Any) -> list[Record]:
    wanted = {"option": option, **settings}
    return [r for r in committed(NAME) if wanted.items() <= r["config"].items()]


@pytest.mark.parametrize(("option", "settings"), [("fewest items", {"n": 8}), ("fixed size", {"n": 8})])
def test_committed_tickets_come_out_again(option: str, settings: dict[str, int]) -> None:
    """Errors and numbers of units are exact, so their quantiles are equal."""
    (record,) = records(option, **settings)
    again = experiment_of(NAME).measure(record["config"])
    assert np.array_equal(again["measured"], record["result"]["measured"])
    np.testing.assert_allclose(again["law"], record["result"]["law"], rtol=1e-6)


def test_laws_hold_where_the_readme_says_so() -> None:
    for record in records("fixed size"):
        sizes, errors = record["config"]["sizes"], np.array(record["result"]["measured"])[:, 0]
        assert abs(sizes[int(np.argmin(errors))] - record["config"]["n"] / 2) <= 1
    for record in records("perturbed"):
        seen = np.array(record["result"]["measured"])[:, 0]
        assert np.all(np.abs(seen - record["result"]["law"]) <= 1)
    moved, plain = (np.array(records("perturbed", moved=m)[0]["result"]["measured"])[:, 0] for m in (True, False))
    assert np.all(moved <= plain)
    for record in records("quantised"):
        from_4 = [b >= 4 for b in record["config"]["bits"]]
        off = np.array(record["result"]["measured"])[:, 0] - record["result"]["law"]
        assert np.abs(off[from_4]).max() < 0.045
    for record in records("locked edges"):
        measured, law = np.array(record["result"]["measured"]), np.array(record["result"]["law"])
        assert np.all((measured[:, 1] <= law) & (law <= measured[:, 2]))
    (greedy,) = records("golden ratio")
    assert greedy["result"]["above_the_bound"] == 0


def test_needed_units_of_moved_sums_are_the_first_that_meet_the_weight() -> None:
    module = sys.modules[type(experiment_of(NAME)).__module__ + ".hits"]
    unit = {"seed": 5, "seeds": 4, "width": 40, "most": 9}
    found = module.Perturbed._needed(unit, 0.003)
    construction = TwoLayerSum(perturbation=Perturbation(absolute=0.003))
    weight = slt.Target.from_arrays([[[0.3]]])
    for i, needed in enumerate(found):
        seed, box = slt.Key(5) / NAME / str(i), slt.Box(0.0, 1.0)
        tickets = [slt.find_ticket(weight, 40, seed, box, None, n, construction) for n in range(1, 10)]
        hits = [ticket.residuals().errors.item() <= 2.0**-24 for ticket in tickets]
        assert needed == (hits.index(True) + 1 if any(hits) else np.inf)
