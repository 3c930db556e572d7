"""The command line of `sdxl.attack`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.attack.options import AnyAttack, AttackOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(AnyAttack, _work, prog="python -m sdxl.attack")


def _work(options: AttackOptions) -> None:
    from rich.console import Console

    from sdxl.attack.report import write_result
    from sdxl.attack.running import run_attack
    from sdxl.devices import make_accelerator

    accelerator = make_accelerator(options.run.device)
    result = run_attack(options, accelerator)
    if accelerator.is_main_process:
        write_result(result, Console())
        files = "similarities.json, histogram.png, grid-*.png, images/"
        print(f"Results: {result.folder}  ({files})")
