"""Every code block of the documentation runs as printed, page by page, top to bottom."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from .pages import PAGES, ROOT, Block, Session, blocks, commands

LINK = re.compile(r"(?<!\\)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
GENERATED = "generated/"


def readme(session: Session) -> None:
    """What its two examples promise."""
    for said in ("bit for bit", "[]", "certified over Ball", "sampled on 1,000"):
        assert said in session.said
    assert (session.folder / "ticket.slt").exists()
    assert "edge-popup, seed 7: 0.3000 of 4,736 random weights kept" in session.said
    names = session.names
    assert names["found"].evaluate(names["test"]).accuracy > 0.8  # type: ignore[attr-defined]
    assert (session.folder / "found.slt").exists()


PROMISES: dict[str, Callable[[Session], None]] = {"README.md": readme}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_the_blocks_of_a_page_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    threads, precision = torch.get_num_threads(), torch.get_default_dtype()
    with torch.random.fork_rng():
        for block in blocks(file):
            session.run(block)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, precision), "left as they were"
    PROMISES.get(file.name, lambda _: None)(session)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_the_links_of_a_page_lead_somewhere(file):
    text = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`", "", file.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if not re.match(r"[a-z]+:", link) and not link.startswith(GENERATED):
            assert (file.parent / link).exists(), f"{file.name}: {link}"


def test_numbered_predictions_are_functions_of_the_laws():
    import slt

    told = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8").split("## Numbered predictions")[1]
    rows = [line.split("|")[3] for line in told.splitlines() if line.startswith("| P")]
    names = {name for row in rows for name in re.findall(r"`([a-z_]+)", row)}
    assert len(rows) == 25 and names <= set(slt.laws.__all__)


def page_of(tmp_path: Path, text: str) -> list[Block]:
    file = tmp_path / "page.md"
    file.write_text(text)
    return blocks(file)


def test_blocks_are_found_with_their_places(tmp_path):
    found = page_of(tmp_path, "a\n```python\nx = 1\n```\n````text\n```python\n````\n```{toctree}\nb\n```\n")
    assert [(b.language, b.line) for b in found] == [("python", 2), ("text", 5)]
    assert found[0].text == "x = 1\n" and found[1].text == "```python\n"


def test_python_inside_a_card_is_found(tmp_path):
    assert len(page_of(tmp_path, "::::{grid} 2\n:::{grid-item}\n```python\n1 / 0\n```\n:::\n::::\n")) == 1


def test_a_fence_that_is_never_closed_is_an_error(tmp_path):
    with pytest.raises(AssertionError, match="line 2 is never closed"):
        page_of(tmp_path, "a\n```python\nx = 1\n")


@pytest.mark.parametrize("language", ["bash", "pycon", "yaml", "py"])
def test_unknown_languages_fail(tmp_path, language):
    (block,) = page_of(tmp_path, f"```{language}\nx\n```\n")
    with pytest.raises(AssertionError, match="what cannot run is text"):
        Session(tmp_path).run(block)


def test_an_error_names_the_line_of_the_page(tmp_path):
    (block,) = page_of(tmp_path, "a\n\n```python\nx = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as failed:
        Session(tmp_path).run(block)
    assert failed.traceback[-1].lineno + 1 == 5 and str(failed.traceback[-1].path).endswith("page.md")


def test_blocks_of_a_page_share_names_and_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    for block in page_of(tmp_path, "```python\nx = 1\n```\n```python\nprint(x + 1)\nopen('f', 'w').close()\n```\n"):
        session.run(block)
    assert session.said == "2\n" and (tmp_path / "f").exists()


def test_what_a_page_says_is_printed_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "```python\nprint('error', 0.5)\nprint('[]')\n```\nprints\n\n```text\n{}\n```\n"
    session = Session(tmp_path)
    for block in page_of(tmp_path, text.format("error 0.25\n[]")):
        session.run(block)
    wrong = page_of(tmp_path, text.format("[]\nerror 0.5"))[1]
    with pytest.raises(AssertionError, match="is not printed"):
        session.run(wrong)


def test_commands_of_a_console_are_those_behind_the_prompt_or_all_lines(tmp_path):
    (block,) = page_of(tmp_path, "```console\n$ slt list \\\n  constructions  # all\nTwoLayerSum\n```\n")
    assert list(commands(block)) == [["slt", "list", "constructions"]]
    (block,) = page_of(tmp_path, "```console\nslt list\nmake test  # all\n```\n")
    assert list(commands(block)) == [["slt", "list"], ["make", "test"]]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("slt nothing", "exit status 2"),
        ("slt list constructions --colour", "exit status 2"),
        ("make tea", "the Makefile has"),
        ("pip install -e '.[everything]'", "the extras are"),
        ("python -m pytest tests/nowhere.py", "nowhere"),
        ("curl example.org", "nobody knows how to test"),
        ("cp proofs_check/template.py ../x.py", "cp"),
        ("cp proofs_check/nothing.py x.py", "nothing.py"),
        ("python nothing.py", "nothing.py"),
    ],
)
def test_lines_that_would_not_work_fail(tmp_path, monkeypatch, line, wrong):
    monkeypatch.chdir(tmp_path)
    (block,) = page_of(tmp_path, f"```sh\n{line}\n```\n")
    with pytest.raises(AssertionError, match=wrong):
        Session(tmp_path).run(block)


def test_lines_that_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = (
        "slt list constructions\nmake test DATA=folder\npip install -e '.[dev]'\ncp proofs_check/template.py mine.py"
    )
    (block,) = page_of(tmp_path, f"```sh\n{lines}\n```\n")
    session = Session(tmp_path)
    session.run(block)
    assert "TwoLayerSum" in session.said and (tmp_path / "mine.py").exists()
