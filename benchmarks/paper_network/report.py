"""Images a second, memory and their ratios, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from ambient.models.networks import build, parameters
from ambient.runs.results import write_results
from ambient.runs.tables import rich_table
from benchmarks.paper_network.options import Step
from benchmarks.paper_network.steps import measure

LIMIT = 1.05
"""What a step may cost here, relative to the plain one, where the network is large."""


def report(step: Step, repetitions: int, path: Path) -> None:
    """Time both ways, print a table and the ratio, and write the record to `path`."""
    found = measure(step, repetitions)
    machine = torch.cuda.get_device_name() if step.device.startswith("cuda") else step.device.upper()
    millions = parameters(build(step.network, step.side, 3)) / 1e6
    title = f"{step.network} ({millions:.1f} M), {step.side}x{step.side}, batch {step.batch}, {machine}"
    lines = [["way", "images / s", "peak GiB"]]
    lines += [[name, f"{figure.images_per_second:.1f}", f"{figure.peak_gib:.2f}"] for name, figure in found.items()]
    slower = found["plain"].images_per_second / found["here"].images_per_second
    console = Console()
    console.print(rich_table(title, lines))
    console.print(f"a step here takes {slower:.3f} times a plain one (limit for the large network: {LIMIT})")
    record = {name: asdict(figure) for name, figure in found.items()}
    write_results(path, {"title": title, "time_ratio": slower, "limit": LIMIT, **record})
