"""``slt demo``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from slt.progress import parts


@click.command()
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


def _bar(stage: str) -> AbstractContextManager[Any]:
    return parts(stage, total=1, unit="", bar_format="{desc}{bar:30} {percentage:3.0f}%")
