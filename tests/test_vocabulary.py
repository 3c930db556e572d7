"""One vocabulary: over all options of all commands, one name for one thing, and one thing for one name."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tyro

from tests.test_commands import commands

ROOT = Path(__file__).resolve().parents[1]
OTHERS: dict[str, set[str]] = {
    "output": {"out", "out-dir", "output-dir", "folder", "dest", "destination", "save", "write", "json", "to-folder"},
    "device": {"cpu", "gpu", "cuda", "mps", "accelerator", "dev"},
    "seed": {"random-seed", "rng", "random-state"},
    "samples": {"num-samples", "n-samples", "generate", "generated", "number", "count", "n"},
    "images": {"num-images", "n-images", "training-images", "train-size", "size"},
    "download": {"online", "allow-download", "allow-network", "network-allowed", "fetch"},
    "workers": {"jobs", "processes", "procs", "num-workers", "parallel", "cores"},
    "steps": {"num-steps", "n-steps", "iters", "updates", "max-steps"},
    "noise": {"noise-level", "level", "sigma", "sigma-noise"},
    "batch": {"batch-size", "bs"},
    "learning-rate": {"lr", "rate"},
    "resolution": {"res", "image-size"},
    "skip-bad": {"ignore-errors", "skip-damaged", "lenient"},
    "classes": {"conditional", "labels", "class-conditional"},
    "label": {"class", "class-name"},
    "report": {"trackers", "log-with", "loggers"},
    "precision": {"mixed-precision", "dtype", "fp16", "bf16"},
}
"""What else each option of CONTRIBUTING's table might be called."""
KINDS = {
    "output": "PATH",
    "images": "INT",
    "channels": "{keep,grey,rgb}",
    "device": "STR",
    "seed": "INT",
    "seeds": "[INT [INT ...]]",
    "samples": "INT",
    "download": "",
    "workers": "INT",
    "batch": "INT",
    "steps": "INT",
    "learning-rate": "FLOAT",
    "skip-bad": "",
    "label": "STR",
}
"""What follows each on the command line, None allowed or not; numbers may be several, where a command compares them."""
OPTION = re.compile(r"--([a-z0-9][a-z0-9-]*)((?: (?![(]|--).*?)?)(?= \(|$)")


class Seen(BaseException):
    """The helps of a command, by its name."""


def helps(options: Any, keywords: dict[str, Any], *names: str) -> Iterator[tuple[str, str]]:
    """The help of a command, and of each of its commands, as tyro prints it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        CLI(options, **{**keywords, "args": [*names, "--help"]})
    text = printed.getvalue()
    yield " ".join(names), text
    if not names and (found := re.search(r"^usage: [^{]*\{([a-z,-]+)\}\s*$", text, re.M)):
        for name in found[1].split(","):
            yield from helps(options, keywords, name)


def lines(text: str) -> list[str]:
    """The lines of a help that begin with an option, each with what was wrapped to the next lines."""
    found: list[str] = []
    for line in text.splitlines():
        if re.match(r"^[│ ] -", line):
            found.append(line.strip("│ "))
        elif found and re.match(r"^[│ ] ", line):
            found[-1] += " " + line.strip("│ ")
    return found


CLI = tyro.cli


def all_options() -> list[tuple[str, str, str]]:
    """(command, option, what follows it) of every command."""

    def see(options: Any, **keywords: Any) -> None:
        raise Seen(dict(helps(options, keywords)))

    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tyro, "cli", see)
        patch.setenv("COLUMNS", "80")  # one column of options
        for kind, name in commands():
            patch.setattr(sys, "argv", [name])
            start = runpy.run_path if kind == "path" else partial(runpy.run_module, alter_sys=True)
            with pytest.raises(Seen) as seen:
                start(name, run_name="__main__")
            for sub, text in seen.value.args[0].items():
                command = f"{name.removeprefix(str(ROOT) + '/')} {sub}".strip()
                for line in lines(text):
                    if option := OPTION.search(line):
                        found.append((command, option[1], option[2].strip()))
    return found


@pytest.fixture(scope="module")
def options() -> list[tuple[str, str, str]]:
    return all_options()


def test_the_options_are_found(options: list[tuple[str, str, str]]) -> None:
    assert {("toy/run.py", "images", "[INT [INT ...]]"), ("ambient train", "noise", "{None}|STR")} <= set(options)
    assert {"theory", "paper_repro", "sdxl.train", "ambient restore", "ambient.data.images"} <= {o[0] for o in options}
    assert len(options) > 300


def test_no_option_has_another_name_for_a_thing_that_has_one(options: list[tuple[str, str, str]]) -> None:
    wrong = [
        f"{command}: --{option} should be --{name}"
        for command, option, _ in options
        for name, others in OTHERS.items()
        if option in others
    ]
    assert wrong == []


def test_a_name_means_the_same_kind_of_thing_everywhere(options: list[tuple[str, str, str]]) -> None:
    wrong = [
        f"{command}: --{option} {value!r}, not {KINDS[option]!r}"
        for command, option, value in options
        if option in KINDS and value.replace("{None}|", "") not in (KINDS[option], f"[{KINDS[option]} [INT ...]]")
    ]
    assert wrong == []


def test_the_table_of_contributing_names_what_there_is(options: list[tuple[str, str, str]]) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`--([a-z-]+)`", text.split("## One vocabulary")[1].split("## Style")[0]))
    assert {"output", "device", "seed", "images", "samples", "steps", "noise", "download", "workers"} <= named
    assert named <= {option for _, option, _ in options}
