"""The command lines of docs/sdxl.md and docs/mini.md are lines that the commands take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import tyro

from ambient.runs.console import CONFIG
from sdxl.attack.options import AnyAttack
from sdxl.evaluate import EvaluateOptions
from sdxl.generate import GenerateOptions
from sdxl.latents import LatentOptions
from sdxl.mini.command import Command as MiniCommand
from sdxl.mitigation import ScoreOptions
from sdxl.tiny import TinyOptions, TinyVisionOptions
from sdxl.train import TrainOptions

OPTIONS: dict[str, Any] = {
    "sdxl.attack": AnyAttack,
    "sdxl.evaluate": EvaluateOptions,
    "sdxl.generate": GenerateOptions,
    "sdxl.latents": LatentOptions,
    "sdxl.mini": MiniCommand,
    "sdxl.mitigation": ScoreOptions,
    "sdxl.tiny": TinyOptions,
    "sdxl.tiny_vision": TinyVisionOptions,
    "sdxl.train": TrainOptions,
}
PAGE = "".join((Path(__file__).parents[2] / "docs" / name).read_text() for name in ("sdxl.md", "mini.md"))
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines() if "-m sdxl." in line]


@pytest.mark.parametrize("line", LINES)
def test_it_is_understood(line: str) -> None:
    words = shlex.split(line.replace("$SECRET", "7"))
    module, arguments = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
    tyro.cli(OPTIONS[module], args=arguments, config=CONFIG).check()


def test_the_pages_show_every_command() -> None:
    assert {f"sdxl.{name}" for name in re.findall(r"-m sdxl\.(\w+)", PAGE)} == set(OPTIONS)
