"""The command line of `sdxl.train`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.train.options import TrainOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(TrainOptions, _work, prog="python -m sdxl.train")


def _work(options: TrainOptions) -> None:
    from ambient.runs.files import last_record
    from sdxl.train.tuning import fine_tune, training_accelerator

    accelerator = training_accelerator(options)
    path = fine_tune(options, accelerator)
    if accelerator.is_main_process:
        last = last_record(options.output / "log.jsonl", "loss")
        print(f"{options.method}: {last['step']} updates, loss {last['loss']:.4g} at the end")
        print(f"Results: {options.output}  ({path.name}, log.jsonl)")
