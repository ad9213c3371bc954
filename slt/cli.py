"""The command line. Exit status: 0 done, 1 a check failed, 2 bad input (the text says which), 130 interrupted."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from slt.errors import SltError, VerificationError


class _Commands(click.Group):
    """Turns slt's errors into one line on stderr and an honest exit status."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        # before torch is loaded: threads that spin while they wait make a shared machine ten times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            super().main(*args, **kwargs)
        except SltError as error:
            click.echo(f"slt: {error}", err=True)
            sys.exit(1 if isinstance(error, VerificationError) else 2)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            click.echo("slt: interrupted; nothing half-written was left behind", err=True)
            sys.exit(130)
        sys.exit(0)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slt")
def main() -> None:
    """Strong lottery tickets: prune a random network, never trained, until it matches a target."""


@contextmanager
def _bar(stage: str) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(
        desc=f"{stage:<28}", total=1, unit="", file=sys.stderr, bar_format="{desc}{bar:30} {percentage:3.0f}%"
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
        bar.update(bar.total - bar.n)


@main.command()
@click.option("--data", type=Path, help="Folder with mnist/ in it; default: $SLT_DATA, else scikit-learn's digits.")
@click.option("--width", default=64, show_default=True, help="Random hidden units for each input coordinate.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random network and of the target's training.")
@click.option("--tolerance", default=0.01, show_default=True, help="Wanted error of each weight.")
@click.option(
    "--into", type=Path, default=Path("results/demo"), show_default=True, help="Folder for ticket and figures."
)
def demo(data: Path | None, width: int, seed: int, tolerance: float, into: Path) -> None:
    """Train a 784-500-10 network on MNIST and prune a random network into it."""
    from slt.data import images
    from slt.demo import demo as run_demo

    result = run_demo(images(data), into, width=width, seed=seed, tolerance=tolerance, bar=_bar)
    click.echo(f"\n{result.table()}\n\n{result.verified}\n\n{result.conclusion()}")


PATH = click.option("--path", type=Path, help="Where the experiments folder is; default: the working directory.")


@main.command("list")
@click.argument("what", required=False, type=click.Choice(["constructions", "searches", "experiments"]))
@PATH
def list_(what: str | None, path: Path | None) -> None:
    """List constructions (theorem, depth, law, status), searches and experiments, or one of the three."""
    if what in (None, "constructions"):
        from slt.constructions import CONSTRUCTIONS

        click.echo("constructions")
        for construction in CONSTRUCTIONS:
            depth = f"depth {construction.depth}"
            click.echo(f"  {construction.__name__:<18}{depth:<12}{construction.theorem}")
            click.echo(f"  {'':<30}law {construction.law}; {construction.status}")
    if what in (None, "searches"):
        from slt.search import Preset

        click.echo("searches")
        for preset in Preset.__subclasses__():
            click.echo(f"  {preset.__name__:<22}{preset.summary}")
    if what in (None, "experiments"):
        from slt.runner import find_experiments

        click.echo("experiments")
        for name, experiment in find_experiments(path).items():
            click.echo(f"  {name:<18}{experiment.claim}")


@main.command()
@click.argument("experiment")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@click.option("--resume", is_flag=True, help="Keep the records that are there and measure the rest.")
@click.option("--smoke", is_flag=True, help="Small settings: seconds, to see that it works.")
@click.option("--into", type=Path, help="Folder for records and figures; default: results/EXPERIMENT.")
@PATH
def run(
    experiment: str, settings: tuple[str, ...], resume: bool, smoke: bool, into: Path | None, path: Path | None
) -> None:
    """Measure an experiment, record it, draw its figure."""
    from slt.runner import find_experiment, with_settings
    from slt.runner import run as run_experiment

    found = find_experiment(experiment, path)
    folder = into or Path("results") / found.name
    records = run_experiment(found, with_settings(found.config(smoke), settings), folder, resume=resume)
    _report(found, records, folder)


@main.command()
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


@main.command()
@click.argument("experiment")
@click.option("--from", "source", type=Path, help="Folder with records; default: results/EXPERIMENT, else its own.")
@click.option("--into", type=Path, help="Folder for the figure; default: where the records are.")
@PATH
def plot(experiment: str, source: Path | None, into: Path | None, path: Path | None) -> None:
    """Draw the figure of an experiment from its records, measuring nothing."""
    from slt.runner import RECORDS_FILE, find_experiment, load_records

    found = find_experiment(experiment, path)
    recent = Path("results") / found.name
    own = found.file.parent if found.file else recent
    folder = source or (recent if (recent / RECORDS_FILE).exists() else own)
    _report(found, load_records(found, folder), into or folder)


def _report(experiment: Any, records: Any, folder: Path) -> None:
    click.echo(experiment.summary(records))
    for file in experiment.figure(records, folder):
        click.echo(f"wrote {file}")


@main.group()
def ticket() -> None:
    """Look at ticket files."""


@ticket.command()
@click.argument("file", type=Path)
def show(file: Path) -> None:
    """Print what a ticket file holds."""
    from slt.carried import CarriedTensor
    from slt.tickets import load
    from slt.tickets.storage import read

    loaded = load(file)
    click.echo(str(loaded))
    click.echo(f"domain {loaded.domain or 'none'}")
    for name, mask in loaded.mask.items():
        click.echo(f"  mask {name}: {mask.shape}, {mask.kept:,} kept, density {mask.density:.4f}")
    for carried in loaded.carried:
        what = f"{carried.count:,} numbers" if isinstance(carried, CarriedTensor) else f"{carried.value:g}"
        click.echo(f"  carried {carried.name} = {what}")
    if loaded.source_network.patched_count:
        click.echo(
            f"  patched {loaded.source_network.patched_count:,} kept weights are not the draw at their own place"
        )
    parts, size = read(file), file.stat().st_size
    masks, patches, tensors = (parts.bytes_of(kind) for kind in ("masks", "patches", "carried"))
    click.echo(
        f"{size:,} bytes: masks {masks:,}, patches {patches:,}, carried {tensors:,}, header "
        f"{size - masks - patches - tensors:,}; {loaded.entropy_bits / 8:,.0f} is the entropy bound of the masks"
    )


@ticket.command()
@click.argument("file", type=Path)
def verify(file: Path) -> None:
    """Regenerate the random network and prove that the ticket is it times the mask."""
    from slt.tickets import load

    click.echo(str(load(file).verify()))
