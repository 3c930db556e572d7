"""The command line of `sdxl.tiny`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.tiny.options import TinyOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(TinyOptions, _work, prog="python -m sdxl.tiny")


def _work(options: TinyOptions) -> None:
    from sdxl.tiny.pipeline import write_tiny

    write_tiny(options)
    size = sum(path.stat().st_size for path in options.output.rglob("*") if path.is_file()) / 1e6
    print(f"A random {options.variant} pipeline for {options.resolution}x{options.resolution} images, {size:.1f} MB")
    print(f"Results: {options.output}")
