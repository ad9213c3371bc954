"""Settings of a run, as the command line gives them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from slt.errors import InputError
from slt.nearest import nearest
from slt.records import plain
from slt.runner.experiment import Config


def with_settings(config: Config, settings: Iterable[str]) -> dict[str, Any]:
    """``config`` with settings ``key=value`` put in, the last for a key taking effect.

    A value is JSON (for a text, the bare word will do) of the type that ``config`` has: an integer serves as a float,
    and as an element of a list of floats; a setting that is None takes anything.
    """
    changed: dict[str, Any] = plain(config, "the settings")
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(f"--set {setting}: no value was given; write --set key=value")
        if key not in config:
            known = ", ".join(config) or "none"
            raise InputError(f"--set {setting}: there is no setting {key!r}{nearest(key, config)}; known: {known}")
        changed[key] = _as_type_of(config[key], _value(config[key], text.strip()), f"--set {setting}")
    return changed


def seed_list(text: str) -> list[int]:
    """Seeds as the command line gives them: ``0-9,12`` are 0 to 9 and 12."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        numbers = [first, last] if dash else [first]
        if not all(number.isascii() and number.isdigit() for number in numbers) or int(numbers[0]) > int(numbers[-1]):
            raise InputError(f"--seeds {text}: {part!r} is no seed; write whole numbers and spans, such as 0-9,12")
        seeds += range(int(numbers[0]), int(numbers[-1]) + 1)
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text}: a seed comes twice; name each once")
    return seeds


def _value(default: Any, text: str) -> Any:
    if isinstance(default, str) and not text.startswith('"'):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _as_type_of(default: Any, value: Any, doing: str) -> Any:
    """``value`` if it is of the type of ``default``, integers made floats where it has floats."""
    if isinstance(value, float) and math.isnan(value):
        raise InputError(f"{doing}: NaN is no setting")
    if default is None:
        return value
    if isinstance(default, list) and isinstance(value, list):
        kinds = {type(part) for part in default}
        if kinds == {int, float}:
            return _as_type_of([0.0], value, doing)
        return [_as_type_of(default[0], part, doing) for part in value] if len(kinds) == 1 else value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise InputError(
            f"{doing}: a {_kind(default)} like {json.dumps(default)} is needed; {value!r} is a {_kind(value)}"
        )
    return value


def _kind(value: Any) -> str:
    kinds = {
        bool: "truth value (true or false)", int: "whole number", float: "number", str: "text", list: "list",
        dict: "mapping", type(None): "null",
    }  # fmt: skip
    return kinds[type(value)]
