"""Options of a command from a file: YAML or JSON, with the names of the command line, `--config FILE`.

    noise: 8bit:38
    output: RUN
    steps: 4000
    report: [tensorboard]

A value is read as the command line would read it, by tyro, and becomes the option's default: what is given on the
command line wins. Nothing is guessed: YAML's own types are left aside, so `precision: no` is the word no.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import io
import json
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tyro
import yaml

from ambient.runs.console import CONFIG

OPTION = "config"
"""Name of the option whose value is the file; a file cannot hold it."""
Value = str | list[str] | None
_FLAG = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def named_in(arguments: Sequence[str]) -> Path | None:
    """The file that `--config` names among some arguments, the last one if several, or None."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--" + OPTION)
    try:
        found = parser.parse_known_args(list(arguments))[0].config
    except argparse.ArgumentError:  # without a value: tyro says so
        return None
    return None if found is None else Path(found)


def read_options(path: Path) -> dict[str, Value]:
    """The options in a file, by name with underscores, as text or lists of text; None for null.

    Raises:
        ValueError: If it cannot be read, is no flat mapping, or names an option twice, naming the file and what.
    """
    try:
        text = path.read_text(encoding="utf-8")
        pairs = _of_json(text) if path.suffix == ".json" else _of_yaml(text)
    except (OSError, UnicodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"--config {path}: cannot be read: {reason}") from error
    except ValueError as error:
        raise ValueError(f"--config {path}: {error}") from error
    options: dict[str, Value] = {}
    for key, value in pairs:
        name = key.lstrip("-").replace("-", "_")
        if name in options:
            raise ValueError(f"--config {path}: {key} stands there twice")
        options[name] = value
    return options


def defaults(options: type[Any], path: Path) -> Any:
    """An instance of a dataclass of options whose values are those of a file; what is required and not there is
    tyro's MISSING.

    Args:
        options: The dataclass; fields that are dataclasses are groups, whose options stand beside the others.
        path: The file.

    Raises:
        ValueError: If the file names an option that there is not, or a value that the option does not take.
    """
    given = read_options(path)
    groups: dict[str, Any] = {f.name: kind for f, kind in _fields(options) if dataclasses.is_dataclass(kind)}
    homes: dict[str, tuple[str | None, Any]] = {
        f.name: (group, kind) for group, of in groups.items() for f, kind in _fields(of)
    }
    homes |= {f.name: (None, kind) for f, kind in _fields(options) if f.name not in groups}
    if unknown := [name for name in given if name not in homes or name == OPTION]:
        near = difflib.get_close_matches(unknown[0], [name for name in homes if name != OPTION], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"--config {path}: there is no option {', '.join(unknown)}{hint}")
    values: dict[str | None, dict[str, Any]] = {None: {}, **{group: {} for group in groups}}
    for name, value in given.items():
        group, kind = homes[name]
        values[group][name] = _parsed(path, name, kind, value)
    made = {group: _instance(kind, values[group]) for group, kind in groups.items()}
    return _instance(options, values[None] | made)


def in_words(path: Path) -> str:
    """What a file says, in one line."""
    said = (f"{name} {' '.join(v) if isinstance(v, list) else v}" for name, v in read_options(path).items())
    return f"{path}: {', '.join(said)}"


def as_record(options: Any) -> dict[str, Any]:
    """The options of a dataclass, its groups beside the others, as JSON that `--config` takes back; no nulls."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            found |= as_record(value)
        elif field.name != OPTION and value not in (None, ()):
            found[field.name] = str(value) if isinstance(value, Path) else value
    return found


def _fields(options: type[Any]) -> Iterable[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(options, include_extras=True)
    return [(field, hints[field.name]) for field in dataclasses.fields(options)]


def _instance(kind: type[Any], values: dict[str, Any]) -> Any:
    """An instance with these values, and MISSING where there is neither value nor default."""
    required = {
        f.name: tyro.MISSING
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return kind(**{**required, **values})


def _parsed(path: Path, name: str, kind: Any, value: Value) -> Any:
    """A value as tyro reads it on the command line."""
    plain = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    wrong = f"--config {path}: {name} cannot be {value!r}"
    if plain is bool:
        if not isinstance(value, str) or value.lower() not in _FLAG:
            raise ValueError(f"{wrong}: write true or false")
        return _FLAG[value.lower()]
    if value is None:
        if type(None) not in typing.get_args(plain):
            raise ValueError(f"{wrong}: it needs a value")
        return None
    words = value if isinstance(value, list) else [value]
    # As in `--name=value`: text that begins with a dash is a value still.
    arguments = [f"--value={words[0]}"] if len(words) == 1 else ["--value", *words]
    one = dataclasses.make_dataclass("Value", [("value", plain)])
    unheard = io.StringIO()  # tyro's complaint names no file
    try:
        with contextlib.redirect_stdout(unheard), contextlib.redirect_stderr(unheard):
            return tyro.cli(one, args=arguments, config=CONFIG).value
    except SystemExit as error:
        choices = ", ".join(map(str, typing.get_args(plain))) if typing.get_origin(plain) is typing.Literal else ""
        raise ValueError(f"{wrong}{f': choose among {choices}' if choices else ''}") from error


def _of_json(text: str) -> list[tuple[str, Value]]:
    found = json.loads(text, object_pairs_hook=list)
    if not isinstance(found, list) or not all(isinstance(item, tuple) for item in found):
        raise ValueError("not a list of options (name: value)")
    return [(name, _text(name, value)) for name, value in found]


def _text(name: str, value: Any) -> Value:
    if isinstance(value, list) and not any(isinstance(item, list | tuple) for item in value):
        return [str(item) for item in value]
    if isinstance(value, list):
        raise ValueError(f"{name} holds options of its own; all options stand side by side")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _of_yaml(text: str) -> list[tuple[str, Value]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("not a list of options (name: value)")
    return [(key.value, _of_node(key.value, value)) for key, value in root.value]


def _of_node(name: str, node: yaml.Node) -> Value:
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return [str(item.value) for item in node.value]
    raise ValueError(f"{name} holds options of its own; all options stand side by side")
