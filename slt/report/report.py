"""Reports: collected from records and verdicts, and written as HTML and as Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from slt.errors import InputError, RecordError
from slt.files import write_whole
from slt.progress import bar
from slt.records import Records, versions
from slt.report.markdown import markdown_of
from slt.report.page import page_of
from slt.report.part import ExperimentPart
from slt.report.provenance import named_versions
from slt.report.verdicts import Verdicts
from slt.report.wording import count, duration
from slt.runner import RECORDS_FILE, Experiment, by_seed, find_experiment, find_experiments

PAGE, MARKDOWN, FIGURES = "report.html", "report.md", "figures"


@final
@dataclass(frozen=True)
class Report:
    """``verdicts``: None where there are none on file; ``drawn_with``: the versions that made it; ``failures``: of what
    is no part."""

    parts: tuple[ExperimentPart, ...]
    verdicts: Verdicts | None
    drawn_with: str
    failures: tuple[str, ...] = ()

    @property
    def headline(self) -> tuple[str, ...]:
        """How much there is, in a few texts."""
        told = [part.provenance for part in self.parts if part.provenance is not None]
        experiments = len({part.name for part in self.parts})
        said = [
            count(experiments, "experiment"),
            f"{count(sum(part.units for part in self.parts), 'unit')} measured in "
            f"{duration(sum(found.seconds for found in told))}",
        ]
        if self.verdicts is not None:
            outcomes = ", ".join(f"{outcome} {times}" for outcome, times in self.verdicts.counts())
            said.append(f"{count(len(self.verdicts.rows), 'claim')}: {outcomes}")
        return tuple(said)

    @property
    def devices(self) -> tuple[str, ...]:
        """What the records were measured on, as far as they tell."""
        told = (part.provenance.devices for part in self.parts if part.provenance is not None)
        return tuple(sorted({device for devices in told for device, _ in devices if device is not None}))

    @property
    def all_failures(self) -> tuple[str, ...]:
        """Everything that could not be read, drawn or summed up; empty in a report without gaps."""
        return (*self.failures, *(f"{part.title}: {text}" for part in self.parts for text in part.failures))


def collect(
    names: Sequence[str] = (),
    source: str | os.PathLike[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool = False,
    committed: bool = True,
) -> Report:
    """The report on these experiments, or without names on all that have records; on verdicts, if there are any.

    Records are looked for in ``source/<name>`` and ``source``; without ``source``, in ``results/<name>`` and beside the
    experiment; not there without ``committed``, unless nothing has records elsewhere. ``path``: where experiments and
    verdicts are, by default the working directory. ``progress``: a bar on standard error. Raises InputError for an
    unknown name, RecordError where a named experiment, or all, have no records. What cannot be read, drawn or summed up
    is told in ``failures``, and the rest is there.
    """
    if source is not None and not Path(source).is_dir():
        raise InputError(f"reporting on records in {source}: it is no folder; give one that holds {RECORDS_FILE}")
    named = {name: find_experiment(name, path) for name in names} if names else find_experiments(path)
    recent = source is not None or any((Path("results") / name / RECORDS_FILE).is_file() for name in named)
    committed = committed or bool(names) or not recent
    parts: list[ExperimentPart] = []
    for experiment in bar(named.values(), shown=progress, desc="report"):
        folders = _folders(experiment, source, committed)
        found = list(_parts(experiment, folders))
        if names and not found:
            looked = " and ".join(str(folder / RECORDS_FILE) for folder in folders)
            raise RecordError(
                f"reporting on {experiment.name}: it has no records in {looked}; "
                f"run `slt run {experiment.name}` first, or name the folder that has them with --from"
            )
        parts += found
    if not parts:
        raise RecordError(
            f"reporting on {len(named)} experiments: none has records"
            f"{'' if source is None else f' in {source}'}; run one with `slt run`, or name their folder with --from"
        )
    verdicts, failures = _verdicts(Path.cwd() if path is None else Path(path))
    return Report(tuple(parts), verdicts, named_versions(versions()) or "", failures)


def write_report(report: Report, into: str | os.PathLike[str]) -> list[Path]:
    """Write the figures, ``report.md``, which links to them, and ``report.html``, which holds everything; their paths.

    Each file is written whole or not at all; equal reports give equal bytes. Raises RecordError where the folder cannot
    be made or written to, MissingExtraError without the extra ``report``.
    """
    into = Path(into)
    # before anything is written: this is what may be missing a library
    page = page_of(report)
    files: dict[Path, bytes | str] = {
        into / FIGURES / part.slug / figure.name: figure.content for part in report.parts for figure in part.figures
    }
    files |= {into / MARKDOWN: markdown_of(report, FIGURES), into / PAGE: page}
    for file, content in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordError(
                f"writing a report into {into}: the folder {file.parent} cannot be made ({error.strerror}); "
                "choose another"
            ) from error
        write_whole(file, content, RecordError)
    return list(files)


def _folders(experiment: Experiment, source: str | os.PathLike[str] | None, committed: bool) -> list[Path]:
    """Where the experiment's records may be, best first."""
    if source is not None:
        return [Path(source) / experiment.name, Path(source)]
    own = [experiment.file.parent] if committed and experiment.file is not None else []
    return [Path("results") / experiment.name, *own]


def _parts(experiment: Experiment, folders: Sequence[Path]) -> Iterator[ExperimentPart]:
    """From the first of the folders that has records: one part, or one a seed."""
    for folder in folders:
        file = folder / RECORDS_FILE
        try:
            records = Records(file).load(experiment.name)
        except RecordError as error:
            yield ExperimentPart.unreadable(experiment, _shown(file), error)
            return
        if records:
            groups = by_seed(experiment, records)
            for seed, group in groups.items():
                yield ExperimentPart.of(experiment, group, _shown(file), seed if len(groups) > 1 else None)
            return


def _verdicts(root: Path) -> tuple[Verdicts | None, tuple[str, ...]]:
    try:
        return Verdicts.find(root), ()
    except RecordError as error:
        return None, (f"the verdicts could not be read: {error}",)


def _shown(file: Path) -> str:
    """The file's name from the working directory on, or with its folder: no more of a machine than that."""
    here = Path.cwd()
    whole = file.resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else f"{whole.parent.name}/{whole.name}"
