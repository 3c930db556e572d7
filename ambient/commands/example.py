"""`python -m ambient example OUT`: a folder of noisy images to try the commands on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from ambient.commands.output import check_output


@dataclass(frozen=True)
class Example:
    """Write handwritten digits with noise as PNG files: a folder of noisy images to try the other commands on.

    This is the one command that adds noise. The 1,797 digits are scikit-learn's, 8x8 pixels.
    """

    output: tyro.conf.Positional[Path]
    """Folder of the images."""
    sigma_nature: float = 0.3
    """Standard deviation of the noise that is added, in [-1, 1] units."""
    images: int = 1797
    """How many."""
    seed: int = 0
    """Of the noise."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        if not 1 <= self.images <= 1797:
            raise ValueError(f"--images {self.images}: there are 1 to 1797 digits")
        if not 0 <= self.sigma_nature <= 2:
            raise ValueError(f"--sigma-nature {self.sigma_nature:g}: a level between 0 and 2")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        check_output(self.output, option="OUTPUT")


def run(options: Example) -> None:
    """Write the images."""
    import torch
    from sklearn.datasets import load_digits

    from ambient.data.noisy_copy import noisy_copy
    from ambient.process import VE
    from ambient.runs.files import write_folder
    from ambient.runs.pictures import save_png

    digits = torch.tensor(load_digits().images[: options.images], dtype=torch.float32)[:, None] / 8 - 1
    sigma = options.sigma_nature
    noisy = noisy_copy(digits, VE().level(sigma), options.seed, range(len(digits)))

    def write(folder: Path) -> None:
        for i, image in enumerate(noisy):
            save_png(folder / f"{i:04d}.png", image)

    write_folder(options.output, write)
    print(
        f"{len(noisy)} digits with noise of {sigma:g} ({sigma * 127.5:.3g} grey levels of 255), "
        "clipped to black and white as 8-bit files are"
    )
    print(f"Results: {options.output}")
