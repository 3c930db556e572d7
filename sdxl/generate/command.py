"""The command line of `sdxl.generate`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.generate.options import GenerateOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(GenerateOptions, _work, prog="python -m sdxl.generate")


def _work(options: GenerateOptions) -> None:
    from sdxl.devices import make_accelerator
    from sdxl.generate.drawing import generate
    from sdxl.pictures import read_images, save_grid
    from sdxl.sampling import stopping_step

    accelerator = make_accelerator(options.run.device)
    folder, components = generate(options, accelerator)
    if not accelerator.is_main_process:
        return
    save_grid(folder / "samples.png", read_images(folder, range(min(options.samples, 16))))
    stop = options.sampler.stop
    ends = "" if stop is None else f", stopped at step {stopping_step(components, options.sampler):g} (t_n = {stop})"
    print(f"{options.samples} images, {options.sampler.scheduler} with {options.sampler.steps} steps{ends}")
    print(f"Results: {folder}  (metadata.jsonl, samples.png)")
