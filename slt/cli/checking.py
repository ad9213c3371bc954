"""``slt check``."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("claims", nargs=-1)
@click.option(
    "--size", type=click.Choice(["smoke", "full"]), default="full", show_default=True, help="smoke writes nothing."
)
@click.option("--again", is_flag=True, help="Run the stored counterexamples of the claims, and nothing else.")
@click.option("--path", type=Path, help="Where the proofs_check folder is; default: the working directory.")
def check(claims: tuple[str, ...], size: str, again: bool, path: Path | None) -> None:
    """Check claims, all without names; print a table; at full size write proofs_check/README.md.

    Exits with 1 if any outcome is not the one that the claim expects, or if a check fails; the others are still run.
    """
    from slt.claims import Size, find_claims
    from slt.claims.collection import check_one, chosen, folder_of
    from slt.claims.verdicts_file import as_entry, read_verdicts, write_verdicts
    from slt.errors import InputError

    known, folder = find_claims(path), folder_of(path)
    entries = read_verdicts(folder)
    news = []

    def tell(name: str, claim: Any, verdict: Any) -> None:
        c = verdict.decisive
        told = f"{c.label}: {c.measured} {c.relation.symbol} {c.predicted}"
        click.echo(f"{name:<44}{verdict.outcome.value:<14}{verdict.evidence.kind:<20}{told}")
        if verdict.outcome is not claim.expected:
            news.append(f"{name} was expected to be: {claim.expected.value}")

    def verdict_of(name: str, measure: Callable[[], Any]) -> Any:
        try:
            return measure()
        except Exception as error:  # one broken check does not keep the others from being run
            where = traceback.extract_tb(error.__traceback__)[-1]
            news.append(f"{name} failed: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
            click.echo(f"{name:<44}{'failed':<14}{type(error).__name__}")
            return None

    names = chosen(known, claims)
    stored = {n: entries[n]["counterexample"] for n in names if n in entries and entries[n]["counterexample"]}
    if again:
        for name in names if claims else ():
            if name not in stored:
                raise InputError(f"the claim {name!r} has no stored counterexample; slt check {name} looks for one")
        for name, counterexample in stored.items():
            verdict = verdict_of(name, partial(known[name].again, counterexample))
            if verdict is not None:
                tell(name, known[name], verdict)
        if not stored:
            click.echo(f"no counterexample is stored in {folder}; slt check looks for some")
    else:
        for name in names:
            verdict = verdict_of(name, partial(check_one, name, known[name], Size(size)))
            if verdict is None:
                continue
            tell(name, known[name], verdict)
            entries[name] = as_entry(known[name], verdict, Size(size))
            if size == "full":
                write_verdicts(folder, known, entries)
    for line in news:
        click.echo(line, err=True)
    if news:
        click.echo(f"{len(news)} of the checks came to something else than was expected, or failed", err=True)
        raise SystemExit(1)
