"""``slt list``."""

from __future__ import annotations

from pathlib import Path

import click

from slt.cli.options import PATH


@click.command("list")
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
