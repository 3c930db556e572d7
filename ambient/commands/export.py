"""`python -m ambient export RUN --to diffusers|k-diffusion --output DIR`: a model for other libraries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from ambient.commands.output import check_output

if TYPE_CHECKING:
    from ambient.models.model import Model


@dataclass(frozen=True)
class Export:
    """Write a model for other libraries, or to the Hugging Face Hub."""

    model: tyro.conf.Positional[str]
    """Folder of a run or of a model, or a Hub id."""
    output: Path
    """Folder of what is written."""
    to: Literal["diffusers", "k-diffusion", "folder"] = "diffusers"
    """diffusers: a DDIMPipeline; k-diffusion: a program called as denoiser(x, sigma); folder: the model's own."""
    push: str | None = None
    """Also push the model's own folder to this Hub id (owner/name); needs a login and the network."""
    download: bool = False
    """Fetch a Hub id that is not on this machine."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        if self.push is not None and self.push.count("/") != 1:
            raise ValueError(f"--push {self.push}: a Hub id is owner/name")
        check_output(self.output)


def run(options: Export) -> None:
    """Write, and say how it is used."""
    from ambient.models.export import PROGRAM
    from ambient.models.loading import load
    from ambient.runs.files import write_folder

    model = load(options.model, download=options.download)
    write_folder(options.output, lambda folder: _write(model, options, folder))
    if options.to == "diffusers":
        print(f'Use: diffusers.DDIMPipeline.from_pretrained("{options.output}")(batch_size=4).images')
    elif options.to == "k-diffusion":
        path = options.output / PROGRAM
        print(f'Use: denoiser = torch.export.load("{path}").module(), in any of k_diffusion.sampling')
    else:
        print(f'Use: ambient.load("{options.output}")')
    if options.push is not None:
        print(f"Pushed: {model.push_to_hub(options.push)}")
    print(f"Results: {options.output}")


def _write(model: Model, options: Export, folder: Path) -> None:
    from ambient.models.export import to_diffusers, to_k_diffusion

    if options.to == "diffusers":
        to_diffusers(model, folder)
    elif options.to == "k-diffusion":
        to_k_diffusion(model, folder)
    else:
        model.save_pretrained(folder)
