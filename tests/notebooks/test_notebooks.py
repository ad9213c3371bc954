"""The course: every notebook runs at smoke size, from top to bottom, in a folder and a namespace of its own."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest

from slt.pictures import Picture

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
SOURCES = ("proofs_check", "experiments")


def cells(file: Path) -> list[tuple[str, str]]:
    """(kind, source) of every cell, as the conversion to a notebook sees them."""
    jupytext = pytest.importorskip("jupytext")
    return [(cell.cell_type, cell.source) for cell in jupytext.read(file).cells]


def run_cell(source: str, names: dict[str, Any], where: str) -> Any:
    """Runs a cell; what its last line is, if that is an expression: what a notebook shows."""
    tree = ast.parse(source, where)
    shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return None if shown is None else eval(compile(ast.Expression(shown.value), where, "eval"), names)


def test_they_are_numbered_without_a_gap() -> None:
    assert [int(file.name[:2]) for file in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
    for file in NOTEBOOKS:
        kind, title = cells(file)[0]
        assert kind == "markdown" and title.startswith(f"# {int(file.name[:2])}. ")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_has_what_every_lesson_has(file: Path) -> None:
    text, code = ("\n".join(s for kind, s in cells(file) if kind == k) for k in ("markdown", "code"))
    assert "**Theorem**" in text
    assert "check_claims(" in code and "assert verdict.outcome is claim.expected" in code
    # names of other modules are public, and nothing is drawn but by this package
    assert not re.search(r"\bslt[\w.]*\._|import [^\n]*\b_[a-z]|matplotlib|^%|^!", code, re.MULTILINE)
    assert "def " not in code  # what helps is in the package


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in SOURCES:
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLT_NOTEBOOK_SIZE", "smoke")
    names: dict[str, Any] = {"__name__": "__main__"}
    pictures = [
        shown
        for number, (kind, source) in enumerate(cells(file))
        if kind == "code" and isinstance(shown := run_cell(source, names, f"{file.name}, cell {number}"), Picture)
    ]
    assert len(pictures) >= 3
    assert all(picture._repr_png_().startswith(b"\x89PNG") for picture in pictures)
    assert sorted(os.listdir(tmp_path)) == sorted(SOURCES)
