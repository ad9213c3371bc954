"""``slt check``."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
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

    Exits with 1 if any outcome is not the one that the claim expects, if a check fails, or if a file that was asked
    for does not load; the others are still run.
    """
    from slt.claims import Claim, Size
    from slt.claims.collection import ClaimFolder, check_one, chosen
    from slt.claims.verdicts_file import TABLE, VERDICTS, as_entry, read_verdicts, write_verdicts
    from slt.errors import InputError

    found = ClaimFolder.at(path)
    folder = found.path
    entries = read_verdicts(folder)
    names = chosen(found.files, claims)
    stored = {n: entries[n]["counterexample"] for n in names if n in entries and entries[n]["counterexample"]}
    news: list[str] = []

    def loaded(wanted: Iterable[str], told: bool = True) -> tuple[dict[str, Claim], list[str]]:
        """The claims of these names, and the names of those whose files do not load."""
        known, unread = {}, []
        for name in wanted:
            try:
                known[name] = found.load(name)
            except (Exception, SystemExit) as error:  # one broken file does not keep the others from being checked
                unread.append(name)
                if told:
                    news.append(f"{name}: {error}")
                    click.echo(f"{name:<44}{'not loaded':<14}{type(error.__cause__ or error).__name__}")
        return known, unread

    def tell(name: str, claim: Any, verdict: Any) -> None:
        c = verdict.decisive
        told = f"{c.label}: {c.measured} {c.relation.symbol} {c.predicted}"
        click.echo(f"{name:<44}{verdict.outcome.value:<14}{verdict.evidence.kind:<20}{told}")
        if verdict.outcome is not claim.expected:
            news.append(f"{name} was expected to be: {claim.expected.value}")

    def verdict_of(name: str, measure: Callable[[], Any]) -> Any:
        try:
            return measure()
        except (Exception, SystemExit) as error:  # one broken check does not keep the others from being run
            where = traceback.extract_tb(error.__traceback__)[-1]
            news.append(f"{name} failed: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
            click.echo(f"{name:<44}{'failed':<14}{type(error).__name__}")
            return None

    if again:
        for name in names if claims else ():
            if name not in stored:
                raise InputError(
                    f"no counterexample to the claim {name!r} is stored in {folder / VERDICTS}; slt check {name}, at "
                    "full size, stores the one that it comes to, if any"
                )
        known, _ = loaded(stored)
        for name, claim in known.items():
            verdict = verdict_of(name, partial(claim.again, stored[name]))
            if verdict is not None:
                tell(name, claim, verdict)
        if not stored:
            click.echo(
                f"no counterexample is stored in {folder / VERDICTS}; slt check, at full size, stores those that it "
                "comes to"
            )
    else:
        known, unread = loaded(names)
        # the table has the texts of all claims
        rest, unread_too = loaded([n for n in found.files if n not in names] if size == "full" else (), told=False)
        everything = {name: (known | rest)[name] for name in found.files if name in known or name in rest}
        unread += unread_too
        for name, claim in known.items():
            verdict = verdict_of(name, partial(check_one, name, claim, Size(size)))
            if verdict is None:
                continue
            tell(name, claim, verdict)
            entries[name] = as_entry(claim, verdict, Size(size))
            if size == "full":
                write_verdicts(folder, everything, entries, unread)
        if size == "full" and unread:
            click.echo(f"{folder / TABLE} is as it was: {', '.join(unread)} cannot be loaded", err=True)
    for line in news:
        click.echo(line, err=True)
    if news:
        click.echo(f"{len(news)} of the checks came to something else than was expected, or failed", err=True)
        raise SystemExit(1)
