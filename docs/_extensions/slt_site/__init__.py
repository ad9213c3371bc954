"""Sphinx extension: the pages that are generated at build time, and docstrings as reStructuredText.

Nothing is measured: claims come with the verdicts on file, experiments with their committed figures and READMEs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slt.errors import DataError
from slt.files import write_whole
from slt_site import claims, gallery, reference
from slt_site.links import DOCS, PROJECT_PAGES, ROOT, for_site
from slt_site.prose import as_rst

GENERATED = DOCS / "generated"
LONG_ARRAY = re.compile(
    r"(~?(?:numpy\.)?ndarray)\[tuple\[(?:~?typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[([^\[\]]+)\]\]"
)


def setup(app: Any) -> dict[str, Any]:
    app.connect("builder-inited", write_pages)
    app.connect("source-read", with_links_of_the_site)
    app.connect("autodoc-process-docstring", with_prose)
    app.connect("autodoc-process-signature", with_short_arrays)
    app.connect("html-collect-pages", without_modules_that_have_no_source, priority=400)  # before viewcode's
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Any) -> None:
    """All generated pages; files that would not change are left, and others there are removed."""
    sections = {
        "claims": claims.pages(),
        "experiments": gallery.pages(),
        "reference": reference.pages(),
        "project": project_pages(),
    }
    for section, pages in sections.items():
        _write(GENERATED / section, pages)
    gallery.write_thumbnails(GENERATED / "experiments" / "thumbnails")


def project_pages() -> Iterator[tuple[str, str]]:
    """Pages of the repository's root."""
    for name in PROJECT_PAGES:
        yield name.lower(), for_site((ROOT / name).read_text(encoding="utf-8"), ROOT)


def _write(folder: Path, pages: Iterable[tuple[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for name, text in pages:
        file = folder / name
        written.add(file)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            write_whole(file, text, DataError)  # another build may be reading
    for file in folder.iterdir():
        if file.is_file() and file not in written:
            file.unlink()


def with_links_of_the_site(app: Any, page: str, source: list[str]) -> None:
    """Markdown pages that are written by hand link to files of the repository."""
    file = Path(app.env.doc2path(page))
    if file.suffix == ".md" and not page.startswith("generated/"):
        source[0] = for_site(source[0], file.parent)


def with_prose(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """A docstring that is plain prose."""
    lines[:] = as_rst(lines, reference.names_in_prose())


def with_short_arrays(
    app: Any, what: str, name: str, value: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """``ndarray[float64]`` in the place of the long form with an unknown shape."""

    def short(text: str | None) -> str | None:
        return text and LONG_ARRAY.sub(r"\1[\2]", text).replace("[~numpy._typing._array_like._ScalarT]", "")

    return short(signature), short(returns)


def without_modules_that_have_no_source(app: Any) -> Iterable[Any]:
    """The list of sources would lead to a page of builtins, which is never written."""
    modules = getattr(app.env, "_viewcode_modules", {})
    for name in [name for name, entry in modules.items() if not entry]:
        del modules[name]
    return ()
