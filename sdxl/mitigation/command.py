"""The command line of `sdxl.mitigation`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.mitigation.options import ScoreOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(ScoreOptions, _work, prog="python -m sdxl.mitigation")


def _work(options: ScoreOptions) -> None:
    import torch
    from rich.console import Console

    from ambient.runs.tables import rich_table
    from sdxl.devices import make_accelerator
    from sdxl.mitigation.scoring import score_prompts

    scores = score_prompts(options, make_accelerator(options.run.device).device)
    entries = [["prompts", "N", "mean", "10 %", "median", "90 %"]]
    for file, values in ((options.prompts, scores.prompts), (options.others, scores.others)):
        if file is not None and values is not None:
            quantiles = values.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
            entries.append([file.name, str(len(values)), *(f"{v:.3f}" for v in [float(values.mean()), *quantiles])])
    console = Console()
    console.print(rich_table("Magnitude of the text-conditional prediction at the first step", entries))
    if scores.comparison is not None:
        console.print(f"Area under the ROC curve: {scores.comparison.superiority}", highlight=False)
    print(f"Results: {options.output}")
