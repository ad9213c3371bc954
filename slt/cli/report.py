"""``slt report``."""

from __future__ import annotations

from pathlib import Path

import click

from slt.cli.options import PATH


@click.command()
@click.argument("experiments", nargs=-1)
@click.option("--from", "source", type=Path, help="Folder with records; default: results/EXPERIMENT, else its own.")
@click.option(
    "--into",
    type=Path,
    default=Path("results/report"),
    show_default=True,
    help="Folder for the report and its figures.",
)
@PATH
@click.option("--all", "everything", is_flag=True, help="Also those whose only records are the experiments' own.")
def report(experiments: tuple[str, ...], source: Path | None, into: Path, path: Path | None, everything: bool) -> None:
    """Put experiments and verdicts on one page: report.html and report.md.

    Without names those that have records in results/, or if none has, all that have records of their own.

    Exits with 1 if any of it could not be read, drawn or summed up; the page says what, and holds the rest.
    """
    from slt.report import collect, write_report

    made = collect(experiments, source, path, progress=True, committed=everything)
    for file in write_report(made, into):
        click.echo(f"wrote {file}")
    for failure in made.all_failures:
        click.echo(failure, err=True)
    if made.all_failures:
        raise SystemExit(1)
