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
    console = Console()
    try:
        if world := _exact_world(sys.argv[1:]):
            from toy.exact import experiment

            experiment.main(tyro.cli(experiment.Options, args=world, compact_help=True, config=short))
            return 0
        options = tyro.cli(Options, compact_help=True, config=short)
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


def _exact_world(arguments: list[str]) -> list[str]:
    """With `--data gmm-WORLD`, the arguments of `toy.exact.experiment`: exact worlds have options of their own."""
    for i, argument in enumerate(arguments):
        name, separator, value = argument.partition("=")
        value, used = (value, 1) if separator else (arguments[i + 1] if i + 1 < len(arguments) else "", 2)
        if name == "--data" and value.startswith("gmm-"):
            return [*arguments[:i], *arguments[i + used :], "--worlds", value.removeprefix("gmm-")]
    return []


if __name__ == "__main__":
    sys.exit(main())
