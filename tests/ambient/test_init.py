"""The public surface: complete, importable, and what the README uses."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ambient

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_is_there() -> None:
    assert set(ambient.__all__) <= set(dir(ambient))
    for name in ambient.__all__:
        assert getattr(ambient, name) is not None


def test_rooms_are_modules_and_need_no_import_of_their_own() -> None:
    code = "import ambient, types\n"
    code += (
        "rooms = (ambient.audit, ambient.noise, ambient.models, ambient.metrics, ambient.attacks, ambient.posterior)\n"
    )
    code += "assert all(isinstance(room, types.ModuleType) for room in rooms)\n"
    code += "assert callable(ambient.audit.audit) and isinstance(ambient.audit, types.ModuleType)\n"
    code += "assert callable(ambient.noise.estimate) and callable(ambient.models.posterior_mean)\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_what_the_readme_imports_is_public() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    names = {
        (node.module, alias.name)
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    ours = sorted((module, name) for module, name in names if str(module).split(".")[0] == "ambient")
    assert ours
    for module, name in ours:
        assert name in importlib.import_module(str(module)).__all__, f"{module}.{name}"


ROOMS = [m.name for m in pkgutil.iter_modules(ambient.__path__) if m.ispkg]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_and_what_it_offers(room: str) -> None:
    module = importlib.import_module(f"ambient.{room}")
    assert module.__doc__
    for name in getattr(module, "__all__", []):
        assert hasattr(module, name)


def test_the_modules_that_options_need_import_nothing_heavy() -> None:
    code = "import sys, ambient.runs.console, ambient.runs.files, ambient.runs.identity, ambient.runs.tables\n"
    code += "print([m for m in ('torch', 'diffusers', 'accelerate', 'matplotlib', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
