"""The command line of `sdxl.evaluate`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.evaluate.options import EvaluateOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(EvaluateOptions, _work, prog="python -m sdxl.evaluate")


def _work(options: EvaluateOptions) -> None:
    from rich.console import Console

    from sdxl.devices import make_accelerator
    from sdxl.evaluate.report import write_evaluation
    from sdxl.evaluate.running import run_evaluation

    accelerator = make_accelerator(options.run.device)
    evaluation = run_evaluation(options, accelerator)
    if accelerator.is_main_process:
        write_evaluation(evaluation, Console())
        samples = ", samples-*.png" if options.samples else ""
        print(f"Results: {evaluation.folder}  (results.json, table.md{samples})")
