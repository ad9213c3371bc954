"""Pages of the documentation, taken apart: their blocks of code, and what is done with each."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
FENCE = re.compile(r"(?P<marks>`{3,}|:{3,})(?P<language>\{[\w-]+\}|[\w-]*)(?P<rest>.*)")
SHELLS = ("sh", "console", "")
LANGUAGES = ("python", "text", *SHELLS)

TOLD = ("git", "cd", "source", ".", "export")
"""Commands that are no more than read: what they do is outside of what a test may do."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text; ``printed``: the page says that the code before prints
    it."""

    page: str
    line: int
    language: str
    text: str
    printed: bool = False

    @property
    def place(self) -> str:
        return f"{self.page}, line {self.line}"


def blocks(file: Path) -> list[Block]:
    """The fenced blocks of a page that are code: directives in braces are the site's, what they hold is not looked at
    unless it is fenced itself."""
    found: list[Block] = []
    open_: tuple[str, str, int] | None = None
    lines: list[str] = []
    before = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.fullmatch(line.strip())
        if open_ is None and match:
            if not match["marks"].startswith(":") and not match["language"].startswith("{"):
                open_, lines = (match["marks"], match["language"], number), []
            elif not match["marks"].startswith(":"):
                open_, lines = (match["marks"], "{", number), []
        elif open_ is not None and line.strip() == open_[0]:
            if open_[1] != "{":
                printed = open_[1] == "text" and re.search(r"\bprints:?$", before) is not None
                found.append(Block(file.name, open_[2], open_[1], "\n".join(lines) + "\n", printed))
            open_ = None
            before = ""
        elif open_ is not None:
            lines.append(line)
        else:
            before = line.strip() or before
    assert open_ is None, f"{file.name}: the fence in line {open_[2] if open_ else 0} is never closed"
    return found


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a shell block, in words. Where some lines begin with "$ ", those are the commands, and the rest
    is what they print."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words:
            yield words


@dataclass
class Session:
    """One page, run from its first block to its last in one namespace and one folder."""

    folder: Path
    names: dict[str, object] = field(default_factory=dict)
    said: str = ""
    last: str = ""  # what the last block said

    def __post_init__(self) -> None:
        """What the command line and the pages look for in the working directory; copies, as commands write there."""
        keep = shutil.ignore_patterns("__pycache__", "*.png", "*.svg")
        for name in ("experiments", "proofs_check", "docs/templates"):
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.folder / name, ignore=keep)

    def run(self, block: Block) -> None:
        assert block.language in LANGUAGES, (
            f"{block.place}: a block of {block.language!r}; code that runs is {', '.join(LANGUAGES[:1] + SHELLS[:2])}, "
            "what cannot run is text"
        )
        if block.language == "text":
            if block.printed:
                missing = lines_not_in(block.text, self.last)
                assert not missing, f"{block.place}: {missing} is not printed, which is\n{self.last}"
            return
        before = len(self.said)
        if block.language == "python":
            self._python(block)
        else:
            for words in commands(block):
                self._command(words, f"{block.place}: {' '.join(words)}")
        self.last = self.said[before:]

    def _python(self, block: Block) -> None:
        # line numbers of the page in what is raised
        tree = ast.increment_lineno(ast.parse(block.text, block.page), block.line)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(tree, block.page, "exec"), self.names)
        self.said += out.getvalue()

    def _command(self, words: list[str], place: str) -> None:
        program, *rest = words
        if program == "slt":
            self._slt(rest, place)
        elif program == "make":
            wanted = [word for word in rest if "=" not in word]
            assert wanted and set(wanted) <= make_targets(), f"{place}: the Makefile has {sorted(make_targets())}"
        elif program in ("pip", "python", "python3"):
            self._python_program(words, place)
        elif program in ("cp", "mkdir"):
            assert not any(Path(word).is_absolute() or ".." in Path(word).parts for word in rest), place
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{place}: {done.stderr}"
        else:
            assert program in TOLD, f"{place}: nobody knows how to test {program!r}; make the block text"

    def _slt(self, arguments: list[str], place: str) -> None:
        from slt.cli import main

        result = CliRunner().invoke(main, arguments, prog_name="slt")
        self.said += result.output
        assert result.exit_code == 0, f"{place}: exit status {result.exit_code}\n{result.output}\n{result.exception!r}"

    def _python_program(self, words: list[str], place: str) -> None:
        rest = words[words.index("-m") + 1 :] if "-m" in words else words[1:]
        if "install" in rest:
            wanted = {e for word in rest for found in re.findall(r"\[(.*?)\]", word) for e in found.split(",")}
            assert wanted <= extras(), f"{place}: the extras are {sorted(extras())}"
        elif rest[:1] == ["pytest"]:
            for word in rest[1:]:
                path = word.split("::")[0]
                assert word.startswith("-") or (ROOT / path).exists() or (self.folder / path).exists(), place
        elif rest[:1] == ["benchmarks"]:
            assert all((ROOT / "benchmarks" / f"{name}.py").exists() for name in rest[1:]), place
        elif rest[:1] == ["venv"]:
            pass
        else:
            done = subprocess.run(
                [sys.executable, *words[1:]], cwd=self.folder, capture_output=True, text=True, check=False
            )
            self.said += done.stdout
            assert done.returncode == 0, f"{place}: {done.stderr}"


def lines_not_in(text: str, said: str) -> list[str]:
    """Lines of ``text`` that do not come in ``said``, in their order. Numbers may differ: some are the machine's."""
    left = [without_numbers(line) for line in said.splitlines()]
    missing = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        wanted = without_numbers(line)
        if wanted in left:
            left = left[left.index(wanted) + 1 :]
        else:
            missing.append(line)
    return missing


def without_numbers(line: str) -> str:
    """The words of a line."""
    return " ".join(re.sub(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?", "#", line).split())


def make_targets() -> set[str]:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return {name for line in lines if line.startswith(".PHONY:") for name in line.split()[1:]}


def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])
