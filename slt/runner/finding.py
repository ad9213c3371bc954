"""Finding experiments in their folders, and loading one from its file."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from slt.errors import DataError, InputError, SltError
from slt.nearest import nearest
from slt.runner.code_version import code_version
from slt.runner.experiment import Experiment


def find_experiments(path: str | os.PathLike[str] | None = None) -> dict[str, Experiment]:
    """The experiments by name, sorted: those in ``path``, or in the working directory without it.

    Looked for: ``experiments/<name>/experiment.py``, ``<name>/experiment.py`` and ``experiment.py`` itself.
    """
    return {name: load_experiment(file) for name, file in _experiment_files(path).items()}


def find_experiment(name: str, path: str | os.PathLike[str] | None = None) -> Experiment:
    """The experiment called ``name``; no other is loaded."""
    files = _experiment_files(path)
    if name not in files:
        raise InputError(
            f"there is no experiment {name!r}{nearest(name, files)}; known: {', '.join(files)}. "
            "--path names another folder to look in"
        )
    return load_experiment(files[name])


def load_experiment(file: str | os.PathLike[str]) -> Experiment:
    """The ``EXPERIMENT`` of one file, which is run as a module of its own."""
    file = Path(file).resolve()
    name = _name_of(file)
    module_name = f"slt_experiment_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(module_name, file, submodule_search_locations=[str(file.parent)])
    if spec is None or spec.loader is None or not file.is_file():
        raise DataError(f"loading an experiment: {file} is no Python file; give one that defines EXPERIMENT")
    code = code_version(file.parent)  # before it is run: it may be edited any time
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(module_name)
    # files beside an experiment of the same name in another folder
    for other in [known for known in sys.modules if known.startswith(f"{module_name}.")]:
        del sys.modules[other]
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(module_name)
        if before is not None:
            sys.modules[module_name] = before
        if isinstance(error, SltError) or not isinstance(error, Exception):
            raise
        raise DataError(f"loading the experiment in {file}: {type(error).__name__}: {error}; mend that file") from error
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise DataError(f"loading the experiment in {file}: it defines no EXPERIMENT = ...(), an slt.runner.Experiment")
    named = getattr(experiment, "name", None)
    if named != name:
        raise DataError(f"loading the experiment in {file}: it is named {named!r}, its folder {name!r}; rename one")
    experiment.file, experiment.code = file, code
    return experiment


def _experiment_files(path: str | os.PathLike[str] | None) -> dict[str, Path]:
    root = Path.cwd() if path is None else Path(path)
    if path is not None and not root.exists():
        raise InputError(f"looking for experiments: --path {root} does not exist; give a folder that holds experiments")
    if root.is_file():
        return {_name_of(root): root}
    patterns = ["experiments/*/experiment.py", *(["*/experiment.py", "experiment.py"] if path is not None else [])]
    files = [file for pattern in patterns for file in sorted(root.glob(pattern))]
    if not files:
        looked = ", ".join(str(root / pattern) for pattern in patterns)
        raise DataError(
            f"looking for experiments: none found as {looked}; work in a folder that holds experiments/, "
            "or name one with --path"
        )
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(_name_of(file), file)
        if other != file:
            raise DataError(f"looking for experiments: {other} and {file} have the same name; name one with --path")
    return dict(sorted(found.items()))


def _name_of(file: Path) -> str:
    return file.resolve().parent.name.replace("_", "-")
