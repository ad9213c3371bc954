"""A report as one HTML page that loads nothing: figures and style sheet are in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slt.errors import MissingExtraError
from slt.report.blocks import Block, Caption, Table, blocks_of
from slt.report.wording import count, duration, memory

if TYPE_CHECKING:
    from slt.report.report import Report

TEMPLATES = Path(__file__).parent / "templates"


def page_of(report: Report) -> str:
    """The page. Every text of records, summaries and verdicts is escaped; a policy in its head forbids to load
    anything. Raises MissingExtraError without the extra ``report``."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markdown_it import MarkdownIt
        from markupsafe import Markup
    except ImportError as error:
        raise MissingExtraError(
            f"writing a report: {error.name} is not installed. Run `pip install slt[report]`"
        ) from error
    # nothing but tables: their cells are text, so no stars, links or images in them
    tables = MarkdownIt("zero").enable("table")

    def table(block: Table) -> Markup:
        return Markup(tables.render("\n".join(block.lines)))

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"duration": duration, "memory": memory, "count": count, "table": table}
    environment.tests |= _kinds()
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html.jinja").render(report=report, blocks_of=blocks_of, style=style)


def _kinds() -> dict[str, Callable[[Block], Any]]:
    return {"a_table": lambda block: isinstance(block, Table), "a_caption": lambda block: isinstance(block, Caption)}
