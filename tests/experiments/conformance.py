"""What every experiment must satisfy, in a run of seconds. A test file joins by subclassing ``Conformance``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slt.runner import Experiment, run


class Conformance:
    """Fill in ``experiment_of_file``: ``load_experiment(".../experiment.py")``."""

    def experiment_of_file(self) -> Experiment:
        raise NotImplementedError

    @pytest.fixture
    def experiment(self) -> Experiment:
        return self.experiment_of_file()

    def test_a_run_of_seconds_gives_records_figures_and_a_summary(
        self, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = experiment.config(smoke=True)
        records = run(experiment, config, tmp_path, progress=False)
        assert len(records) == len(experiment.units(config))
        before = (tmp_path / "records.jsonl").read_bytes()

        monkeypatch.setattr(type(experiment), "measure", lambda *_: pytest.fail("a finished unit was measured again"))
        assert run(experiment, config, tmp_path, resume=True, progress=False) == records
        assert (tmp_path / "records.jsonl").read_bytes() == before

        files = experiment.figure(records, tmp_path / "figures")
        assert {file.suffix for file in files} == {".png", ".svg"}
        assert all(file.stat().st_size > 10_000 for file in files)
        assert len(experiment.summary(records).splitlines()) >= 4

    def test_its_settings_are_said_once(self, experiment: Experiment) -> None:
        """Settings are JSON, those of a run of seconds change some of the default ones, and units are distinct."""
        config = experiment.config()
        assert json.loads(json.dumps(config)) == config
        assert set(experiment.smoke_config) <= set(config)
        units = [json.dumps(dict(unit), sort_keys=True) for unit in experiment.units(config)]
        assert units and len(set(units)) == len(units)
        assert len(experiment.claim) > 20
