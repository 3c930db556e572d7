"""The command line of `sdxl.train`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.train.options import TrainOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(TrainOptions, _work, prog="python -m sdxl.train")


def _work(options: TrainOptions) -> None:
    from ambient.runs.files import read_records
    from sdxl.train.tuning import fine_tune, training_accelerator

    accelerator = training_accelerator(options)
    path = fine_tune(options, accelerator)
    if accelerator.is_main_process:
        records = [record for record in read_records(options.output / "log.jsonl") if "loss" in record]
        end = f", loss {records[-1]['loss']:.4g} at the end" if records else "; log.jsonl is missing or empty"
        print(f"{options.method}: {options.steps} updates{end}")
        print(f"Results: {options.output}  ({path.name}, log.jsonl)")
