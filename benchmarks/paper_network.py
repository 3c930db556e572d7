"""What a training step of a large network costs here, against the same step in plain PyTorch.

Both train the same network from the same weights on the same images in EDM's preconditioning, with Adam and a moving
average of the weights. "here" is `ambient.training.train` with Algorithm 1, as `toy/run.py` calls it: noise and order
as functions of the seed, checks that the loss is finite, a log, and the residual of the double-Tweedie map. "plain" is
a short loop with EDM's loss and nothing else. Each runs in a process of its own, in turn, so that their peaks of memory
are theirs: of the GPU's allocator, or of the process on a CPU.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from accelerate import Accelerator
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ambient.data import Samples
from ambient.denoisers import EDMDenoiser
from ambient.models.networks import NetworkName, build, parameters
from ambient.objectives import (
    EDMWeight,
    Hybrid,
)
from ambient.process import VE
from ambient.runs.files import read_records, write_json
from ambient.training import TrainingConfig, train

LIMIT = 1.05
"""What a step may cost here, relative to the plain one, where the network is large."""
SIGMA_DATA = 0.5


@dataclass(frozen=True)
class Options:
    """Time training steps of a network, here and in plain PyTorch.

    Attributes:
        network: Which one.
        side: Side of the images.
        batch: Images a step.
        steps: Timed steps, after as many that are not.
        repetitions: How often each is run, in turn; the best counts.
        precision: Mixed precision.
        compile: Compile the network in both.
        device: cpu or cuda.
        threads: Of the CPU; 0 leaves them.
        output: Where the figures go, as JSON.
    """

    network: NetworkName = "unet-58m"
    side: int = 32
    batch: int = 64
    steps: int = 20
    repetitions: int = 2
    precision: Literal["no", "bf16"] = "no"
    compile: bool = False
    device: Annotated[str, tyro.conf.arg(name="device")] = "cuda"
    threads: int = 0
    output: Path = Path("runs/paper_network.json")


@dataclass(frozen=True)
class Figure:
    """What one way of training took.

    Attributes:
        images_per_second: Images trained on in a second.
        peak_gib: Largest memory, GiB.
    """

    images_per_second: float
    peak_gib: float


def here(options: Options) -> Figure:
    """The step of this package."""
    denoiser, x_0 = _start(options)
    samples = Samples.of_noisy(x_0, VE().level(0.4), 0, keep_clean=True)
    config = TrainingConfig(
        steps=2 * options.steps,
        batch=options.batch,
        learning_rate=1e-4,
        schedule="constant",
        log_every=options.steps,
        checkpoint_every=4 * options.steps,
        compile=options.compile,
    )
    accelerator = Accelerator(cpu=options.device == "cpu", mixed_precision=options.precision)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        train(
            denoiser,
            Hybrid(weight=EDMWeight(SIGMA_DATA)),
            samples,
            config,
            path,
            accelerator=accelerator,
            progress=lambda *_: None,
        )
        early, late = read_records(path / "log.jsonl")
    return Figure(options.batch * options.steps / (late["seconds"] - early["seconds"]), _peak(options))


def plain(options: Options) -> Figure:
    """The same step in plain PyTorch."""
    denoiser, x_0 = _start(options)
    denoiser.to(options.device).train()
    x_0 = x_0.to(options.device)
    if options.compile:
        denoiser.compile()
    weights = list(denoiser.parameters())
    average = [weight.detach().clone() for weight in weights]
    adam = torch.optim.Adam(weights, lr=1e-4, fused=True)
    kind = torch.device(options.device).type
    start = 0.0
    for step in range(2 * options.steps):
        if step == options.steps:
            _wait(kind)
            start = time.perf_counter()
        clean = x_0[torch.randint(len(x_0), (options.batch,), device=x_0.device)]
        sigma = (1.2 * torch.randn(options.batch, device=x_0.device) - 1.2).exp()
        x_t = clean + sigma[:, None, None, None] * torch.randn_like(clean)
        with torch.autocast(kind, torch.bfloat16, enabled=options.precision == "bf16"):
            h = denoiser(x_t, sigma)
        weight = 1 / sigma**2 + 1 / SIGMA_DATA**2
        (weight[:, None, None, None] * (h.float() - clean).square()).mean().backward()
        adam.step()
        adam.zero_grad()
        torch._foreach_lerp_(average, [w.detach() for w in weights], 0.001)
    _wait(kind)
    return Figure(options.batch * options.steps / (time.perf_counter() - start), _peak(options))


def _start(options: Options) -> tuple[EDMDenoiser, Tensor]:
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    network = build(options.network, options.side, 3)
    return EDMDenoiser(network, SIGMA_DATA), torch.randn(300, 3, options.side, options.side) * SIGMA_DATA


def _wait(kind: str) -> None:
    if kind == "cuda":
        torch.cuda.synchronize()


def _peak(options: Options) -> float:
    if torch.device(options.device).type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(options: Options) -> dict[str, Figure]:
    """The best of the repetitions of each way, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found: dict[str, list[Figure]] = {"here": [], "plain": []}
    for _ in range(options.repetitions):
        for name, way in (("here", here), ("plain", plain)):
            with context.Pool(1) as pool:
                found[name].append(pool.apply(way, (options,)))
    return {name: max(figures, key=lambda figure: figure.images_per_second) for name, figures in found.items()}


def main(options: Options) -> int:
    """Print images a second, memory and their ratios; returns the exit status."""
    if torch.device(options.device).type == "cuda" and not torch.cuda.is_available():
        Console(stderr=True).print("[red]error:[/red] --device cuda: there is no GPU here; try --device cpu")
        return 1
    found = measure(options)
    machine = torch.cuda.get_device_name() if options.device.startswith("cuda") else "CPU"
    millions = parameters(build(options.network, options.side, 3)) / 1e6
    title = f"{options.network} ({millions:.1f} M), {options.side}x{options.side}, batch {options.batch}, {machine}"
    table = Table(title=title)
    for name in ("", "images / s", "peak GiB"):
        table.add_column(name, justify="right")
    for name, figure in found.items():
        table.add_row(name, f"{figure.images_per_second:.1f}", f"{figure.peak_gib:.2f}")
    slower = found["plain"].images_per_second / found["here"].images_per_second
    Console().print(table)
    print(f"a step here takes {slower:.3f} times a plain one (limit for the large network: {LIMIT})")
    record = {name: asdict(figure) for name, figure in found.items()}
    write_json(options.output, {"title": title, "time_ratio": slower, "limit": LIMIT, **record})
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Options)))
