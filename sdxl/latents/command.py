"""The command line of `sdxl.latents`."""

from __future__ import annotations

from ambient.runs.console import run
from sdxl.latents.options import LatentOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(LatentOptions, _work, prog="python -m sdxl.latents")


def _work(options: LatentOptions) -> None:
    from ambient.runs.files import read_json
    from sdxl.devices import make_accelerator
    from sdxl.latents.encoding import write_latents

    accelerator = make_accelerator(options.run.device)
    folder = write_latents(options, accelerator)
    if not accelerator.is_main_process:
        return
    rows = sum(read_json(folder / "index.json", "rows")["rows"])
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6
    what = "clean latents" if options.nature == 0 else f"noisy latents at t_n = {options.nature}"
    also = ", AND THE CLEAN LATENTS (--keep-clean)" if options.keep_clean else ""
    print(f"{rows} {what}{also}, {size:.1f} MB")
    print(f"Results: {folder}")
