"""Links of Markdown pages to files of the repository, which are right on a repository host, as links of the site."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PROJECT_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"(?P<before>\]\()(?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?(?P<after>\))")
FENCE = re.compile(r"(?ms)^(?P<fence>`{3,}).*?^(?P=fence)`*[ ]*$|`[^`\n]+`")


def for_site(text: str, folder: Path) -> str:
    """``text``, a Markdown page that lies in ``folder``, with links that the site has: experiments and claims to their
    generated pages, other folders as plain text. Code is left alone."""
    done, end = "", 0
    for code in FENCE.finditer(text):
        done += _linked(text[end : code.start()], folder) + code[0]
        end = code.end()
    return done + _linked(text[end:], folder)


def _linked(text: str, folder: Path) -> str:
    def replaced(match: re.Match[str]) -> str:
        path, anchor = match["path"], match["anchor"] or ""
        file = (folder / path).resolve()
        if path.startswith("/") or not file.is_relative_to(ROOT):
            return match[0]
        parts = file.relative_to(ROOT).parts
        is_page = not file.suffix or file.suffix == ".md"
        if parts[:1] == ("experiments",) and is_page:
            return f"](/generated/experiments/{parts[1] if len(parts) > 1 else 'index'}.md)"
        if parts[:1] == ("proofs_check",) and is_page:
            return f"](/generated/claims/{anchor[1:] or 'index'}.md)"
        if file == ROOT / "README.md":
            return "](/index.md)"
        if parts[0] in PROJECT_PAGES:
            return f"](/generated/project/{parts[0].lower()}{anchor})"
        if file.is_dir():
            return "](/architecture.md)" if file == ROOT / "slt" else f"](#{_NOWHERE})"
        return match[0] if folder.is_relative_to(DOCS) else f"](/{_from_docs(file)}{anchor})"

    text = LINK.sub(replaced, text)
    return re.sub(rf"(?<!!)\[([^\]]*)\]\(#{_NOWHERE}\)", r"\1", text)


_NOWHERE = "a-folder-of-the-repository"


def _from_docs(file: Path) -> str:
    """A path as seen from the root of the pages."""
    return file.relative_to(DOCS).as_posix() if file.is_relative_to(DOCS) else f"../{file.relative_to(ROOT).as_posix()}"
