"""The ids of all units of all experiments are frozen: a changed default changes an id, and fails here.

After a change that is meant: ``python -m tests.experiments.test_ids`` writes the file anew; the records have to be
measured again too.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from slt.records import configuration_id
from slt.runner import find_experiments, units_by_id
from slt.runner.experiment import Experiment

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "ids.json"
EXPERIMENTS = find_experiments(ROOT)


def ids(experiment: Experiment) -> dict[str, str]:
    """Of the settings, and of all units together, both of a run and of a run of seconds."""
    found = {}
    for name, smoke in (("default", False), ("smoke", True)):
        config = experiment.config(smoke)
        found[name] = configuration_id(config)
        found[f"{name} units"] = hashlib.sha256(" ".join(units_by_id(experiment, config)).encode()).hexdigest()[:16]
    return found


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_ids_are_frozen(name: str) -> None:
    frozen = json.loads(FILE.read_text())
    assert ids(EXPERIMENTS[name]) == frozen[name], f"the settings or units of {name} changed; see the head of this file"


def test_no_id_is_of_an_experiment_that_is_gone() -> None:
    assert set(json.loads(FILE.read_text())) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", ["needed-width", "mlp-law"])
def test_a_changed_default_changes_the_id(name: str) -> None:
    experiment = EXPERIMENTS[name]
    before = ids(experiment)
    for key, value in experiment.default_config.items():
        if isinstance(value, int):
            changed = units_by_id(experiment, {**experiment.default_config, key: value + 1})
            assert not set(changed) & set(units_by_id(experiment, experiment.default_config)), key
            assert configuration_id({**experiment.default_config, key: value + 1}) != before["default"]


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: ids(found) for name, found in EXPERIMENTS.items()}, indent=1) + "\n")
