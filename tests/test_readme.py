"""The README's example runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    first, second = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(first, str(README), "exec"), names)
    said = capsys.readouterr().out
    assert "bit for bit" in said and "[]" in said and "certified over Ball" in said and "sampled on 1,000" in said
    assert (tmp_path / "ticket.slt").exists()

    exec(compile(second, str(README), "exec"), names)
    said = capsys.readouterr().out
    assert "edge-popup, seed 7: 0.3000 of 4,736 random weights kept" in said and "bit for bit" in said
    assert names["found"].evaluate(names["test"]).accuracy > 0.8
    assert (tmp_path / "found.slt").exists()


def test_its_files_are_there():
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert (README.parent / link).exists(), link
