"""``slt run`` and ``slt plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from slt.cli.options import PATH


@click.command()
@click.argument("experiment")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@click.option("--seeds", metavar="LIST", help="Measure for each of these seeds, such as 0-9,12.")
@click.option("--resume", is_flag=True, help="Keep the records that are there and measure the rest.")
@click.option("--keep-going", is_flag=True, help="When a unit fails, measure the others before saying so.")
@click.option("--smoke", is_flag=True, help="Small settings: seconds, to see that it works.")
@click.option("--workers", type=int, metavar="N", help="Processes that measure; default: one a processor.")
@click.option("--on", "place", metavar="dask://ADDRESS", help="Measure on the Dask cluster whose scheduler is there.")
@click.option("--shard", metavar="PART/PARTS", help="Only this part of the units, such as 3/16; draws no figure.")
@click.option("--dry-run", is_flag=True, help="Say how many units, how long and how much memory; measure a few only.")
@click.option("--pilot", type=float, metavar="SECONDS", help="How long a dry run may measure; default: 30.")
@click.option("--into", type=Path, help="Folder for records and figures; default: results/EXPERIMENT.")
@PATH
def run(
    experiment: str,
    settings: tuple[str, ...],
    seeds: str | None,
    resume: bool,
    keep_going: bool,
    smoke: bool,
    workers: int | None,
    place: str | None,
    shard: str | None,
    dry_run: bool,
    pilot: float | None,
    into: Path | None,
    path: Path | None,
) -> None:
    """Measure an experiment, record it, draw its figure."""
    from slt.errors import InputError
    from slt.machine import cores
    from slt.runner import Shard, find_experiment, forecast, units_by_id, with_settings
    from slt.runner import run as run_experiment
    from slt.runner.executors import executor_on
    from slt.runner.forecast import PILOT_SECONDS
    from slt.runner.settings import seed_list

    found = find_experiment(experiment, path)
    folder = into or Path("results") / found.name
    config = with_settings(found.config(smoke), settings)
    chosen = None if seeds is None else seed_list(seeds)
    part = None if shard is None else Shard.parse(shard)
    if place is None and workers is None:
        # more than there is to measure would only wait
        most = 1 if found.alone else cores()
        workers = min(most, len(units_by_id(found, config, chosen)))
    if seeds is not None and any(setting.partition("=")[0].strip() == "seed" for setting in settings):
        raise InputError("--seeds and --set seed=...: each says which seeds to take; leave one out")
    if pilot is not None and not dry_run:
        raise InputError(f"--pilot {pilot:g}: it says how long a dry run may measure; add --dry-run")
    if dry_run:
        if place is not None:
            raise InputError(f"--dry-run --on {place}: say how many workers the cluster has by --workers N instead")
        count, seconds = 1 if workers is None else workers, PILOT_SECONDS if pilot is None else pilot
        click.echo(str(forecast(found, config, folder, count, chosen, part, seconds)))
        return
    with executor_on(place, workers) as executor:
        records = run_experiment(
            found, config, folder, resume, executor, seeds=chosen, shard=part, keep_going=keep_going
        )
    if part is None:
        _tell(found, records, folder)
    else:
        click.echo(
            f"part {part} of {found.name}: {len(records)} units recorded in {folder}; once all parts are there, "
            f"slt plot {found.name} --from {folder}"
        )


@click.command()
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
    _tell(found, load_records(found, folder), into or folder)


def _tell(experiment: Any, records: Any, folder: Path) -> None:
    """Summary and figure; where there are several seeds, of each alone, its figure in a folder of its own."""
    from slt.runner import by_seed

    groups = by_seed(experiment, records)
    for seed, group in groups.items():
        place = folder
        if len(groups) > 1:
            click.echo(f"seed {seed}")
            place = folder / f"seed-{seed}"
        click.echo(experiment.summary(group))
        for file in experiment.figure(group, place):
            click.echo(f"wrote {file}")
