"""An experiment that squares numbers, slowly if asked to; put into a folder as a file, as experiments are."""

from __future__ import annotations

import textwrap
from pathlib import Path

from slt.records import Record

SOURCE = """
import os, time
from pathlib import Path
from slt.runner import Experiment

class Squares(Experiment):
    name = "squares"
    claim = "n times n is n squared"
    default_config = {"count": 6, "pause": 0.0, "log": None, "broken": None}
    smoke_config = {"count": 2}

    def units(self, config):
        return [{"n": n, **{k: config[k] for k in ("pause", "log", "broken")}} for n in range(config["count"])]

    def measure(self, unit):
        if unit["log"]:
            with open(unit["log"], "a") as log:
                log.write(f"{unit['n']} {os.getpid()}\\n")
        if unit["n"] == unit["broken"]:
            raise ZeroDivisionError("broken")
        time.sleep(unit["pause"])
        return {"square": unit.pop("n") ** 2}

    def figure(self, records, folder):
        return []

    def summary(self, records):
        return f"{len(records)} squares"

EXPERIMENT = Squares()
"""


def put(root: Path, name: str = "squares", source: str = SOURCE) -> Path:
    file = root / "experiments" / name / "experiment.py"
    file.parent.mkdir(parents=True)
    file.write_text(textwrap.dedent(source))
    return root


def squares(records: list[Record]) -> list[int]:
    return [record["result"]["square"] for record in records]


def logged(log: Path) -> list[int]:
    return sorted(int(line.split()[0]) for line in log.read_text().splitlines())
