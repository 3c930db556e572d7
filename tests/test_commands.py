"""Every command answers `--help` and a mistyped option without importing what only its work needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "sklearn", "scipy", "skimage", "matplotlib", "pandas")
ROOMS = ("ambient", "theory", "toy", "sdxl", "paper_repro", "benchmarks")
PROBE = """
import runpy, sys
kind, name, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = name
status = 0
try:
    if kind == "path":
        runpy.run_path(name, run_name="__main__")
    else:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
except SystemExit as exit:
    status = exit.code
print("STATUS", status)
print("HEAVY", *sorted(set(sys.modules) & set({heavy!r})))
"""


def commands() -> list[tuple[str, str]]:
    """All commands of the rooms: packages with a `__main__`, and modules or scripts that run as one."""
    found = []
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if 'if __name__ == "__main__"' not in path.read_text(encoding="utf-8"):
            continue
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        found.append(("path", str(path)) if path.name == "run.py" else ("module", dotted))
    return found


def ask(kind: str, name: str, *arguments: str) -> tuple[str, set[str], str]:
    """The exit status of a command, the heavy modules that it imported, and what it printed."""
    probe = PROBE.replace("{heavy!r}", repr(HEAVY))
    run = subprocess.run(
        [sys.executable, "-c", probe, kind, name, *arguments], capture_output=True, encoding="utf-8", cwd=ROOT
    )
    *printed, status, heavy = run.stdout.splitlines()
    return status.removeprefix("STATUS "), set(heavy.split()[1:]), "\n".join([*printed, run.stderr])


def test_the_commands_are_found() -> None:
    names = {name for _, name in commands()}
    assert {"theory", "paper_repro", "sdxl.train", "ambient.data.images", str(ROOT / "toy" / "run.py")} <= names


@pytest.mark.parametrize(("kind", "name"), commands(), ids=lambda value: value.removeprefix(str(ROOT) + "/"))
def test_help_and_a_mistyped_option_import_nothing_heavy(kind: str, name: str) -> None:
    status, heavy, printed = ask(kind, name, "--help")
    assert (status, heavy) == ("0", set())
    assert "usage" in printed
    status, heavy, printed = ask(kind, name, "--no-such-option", "1")
    assert (status, heavy) == ("2", set())
    assert printed  # the option, or an argument that is missing too
