"""k-diffusion's own modules, for tests that hold ours against them.

The released package imports torchvision, wandb and a dozen more on import, and one of its dependencies caps numpy below
2; the samplers and denoisers that we compare with need none of that. So the wheel is taken as it is published, with its
checksum verified, and `sampling`, `layers` and `external` are imported from it with empty stand-ins for what they
import and never call. An installed k-diffusion is used in preference. Without either, the tests that need it are
skipped.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

import pytest

VERSION = "0.1.1.post1"
NEVER_CALLED = ("torchvision", "torchvision.transforms", "dctorch", "einops")
SHA256 = "b4bdcc74e35dd66df5d25433ea76b19edeaeaf2aad05ed97438be447cf4f5ee1"


@functools.cache
def modules() -> types.SimpleNamespace:
    """k-diffusion's `sampling`, `layers` and `external`; skips the calling test if they cannot be had."""
    installed = importlib.util.find_spec("k_diffusion")
    root = str(Path(installed.origin).parent) if installed and installed.origin else f"{_wheel()}/k_diffusion"
    package = types.ModuleType("k_diffusion")
    package.__path__ = [root]
    with mock.patch.dict(sys.modules, {"k_diffusion": package, **{name: mock.MagicMock() for name in NEVER_CALLED}}):
        names = ("sampling", "layers", "external")
        return types.SimpleNamespace(**{name: importlib.import_module(f"k_diffusion.{name}") for name in names})


def _wheel() -> Path:
    """The published wheel, downloaded once with pip and checked; Python imports from it as from a folder."""
    name = f"k_diffusion-{VERSION}-py3-none-any.whl"
    wheel = Path(tempfile.gettempdir()) / "k-diffusion-for-tests" / name
    if not wheel.exists():
        wheel.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheel.parent) as fresh:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", fresh]
            done = subprocess.run([*command, f"k-diffusion=={VERSION}"], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"k-diffusion {VERSION} is not installed and could not be downloaded")
            os.replace(Path(fresh) / name, wheel)
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256, f"{wheel} is not the published wheel; remove it"
    return wheel
