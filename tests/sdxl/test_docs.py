"""The command lines of docs/sdxl.md are lines that the commands take."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import tyro

PAGE = Path(__file__).parents[2] / "docs" / "sdxl.md"
LINES = [line for line in PAGE.read_text().splitlines() if re.search(r"-m sdxl\.(tiny|latents|train|generate) ", line)]


@pytest.mark.parametrize("line", LINES)
def test_it_is_understood(line: str) -> None:
    words = shlex.split(line.replace("$SECRET", "7"))
    module, arguments = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
    options = importlib.import_module(module).Options
    parsed = tyro.cli(options, args=arguments, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
    parsed.check()


def test_the_page_shows_every_command() -> None:
    assert {re.findall(r"sdxl\.(\w+) ", line)[0] for line in LINES} == {"tiny", "latents", "train", "generate"}
