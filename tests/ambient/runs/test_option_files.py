from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from ambient.runs import option_files
from ambient.runs.console import CONFIG


@dataclass(frozen=True)
class Group:
    source: tyro.conf.Positional[str]
    range: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="LOW HIGH")] = None


@dataclass(frozen=True)
class Options:
    source: Group
    output: Path
    noise: str | None = None
    steps: int = 10
    classes: bool = False
    precision: Literal["no", "bf16"] = "bf16"
    report: tuple[str, ...] = field(default=())
    config: Path | None = None


def parsed(path: Path, *arguments: str) -> Options:
    assert option_files.named_in(["--config", str(path)]) == path
    return tyro.cli(Options, args=list(arguments), default=option_files.defaults(Options, path), config=CONFIG)


YAML = """
source: here
noise: 8bit:25   # a unit
precision: no
classes: true
range: [-1, 1]
report: [tensorboard, wandb]
steps: 1000
output: RUN
"""
WANTED = Options(Group("here", (-1.0, 1.0)), Path("RUN"), "8bit:25", 1000, True, "no", ("tensorboard", "wandb"))


def test_yaml_is_read_as_the_command_line_would(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(YAML)
    assert parsed(tmp_path / "o.yaml") == WANTED


def test_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(YAML)
    found = parsed(tmp_path / "o.yaml", "there", "--steps", "5", "--no-classes", "--report", "trackio")
    assert found == Options(Group("there", (-1.0, 1.0)), Path("RUN"), "8bit:25", 5, False, "no", ("trackio",))


def test_what_is_recorded_is_taken_back(tmp_path: Path) -> None:
    for options in (WANTED, Options(Group("x"), Path("y"), config=Path("z"))):
        (tmp_path / "o.json").write_text(json.dumps(option_files.as_record(options)))
        found = parsed(tmp_path / "o.json")
        assert option_files.as_record(found) == option_files.as_record(options)
        assert found.output == options.output


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("o.yaml", "stepz: 3", r"no option stepz; did you mean steps\?"),
        ("o.yaml", "config: o.yaml", "no option config"),
        ("o.yaml", "steps: 3.5", r"steps cannot be '3\.5'"),
        ("o.yaml", "steps:", "steps cannot be None: it needs a value"),
        ("o.yaml", "steps: [1, 2]", "steps cannot be"),
        ("o.yaml", "precision: fp8", "choose among no, bf16"),
        ("o.yaml", "classes: 3", "write true or false"),
        ("o.yaml", "range: [1]", "range cannot be"),
        ("o.yaml", "steps: 3\nsteps: 4", "steps stands there twice"),
        ("o.json", '{"steps": 3, "steps": 4}', "steps stands there twice"),
        ("o.yaml", "source: {source: here}", "side by side"),
        ("o.json", '{"source": {"source": "here"}}', "side by side"),
        ("o.yaml", "- steps", "not a list of options"),
        ("o.json", "[1]", "not a list of options"),
        ("o.yaml", "steps: [", "cannot be read"),
        ("o.json", "{", "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"--config .*{name}: .*{message}"):
        option_files.defaults(Options, tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: cannot be read: No such file"):
        option_files.defaults(Options, tmp_path / "none.yaml")
