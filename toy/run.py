"""Train, sample and audit small diffusion models on real images: `python toy/run.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tyro
from rich.console import Console
from rich.text import Text

from toy.config import Options


def main() -> int:
    """Run the command line; returns the exit status."""
    short = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
    options = tyro.cli(Options, compact_help=True, config=short)
    console = Console()
    try:
        options.check()
        from toy.experiment import run_experiment

        run_experiment(options, console)
    except KeyboardInterrupt:
        console.print("\nStopped. Run the same command again to go on.")
        return 130
    except (ValueError, RuntimeError, OSError, FloatingPointError) as error:
        Console(stderr=True, soft_wrap=True).print("[red]error:[/red]", Text(str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
