r"""Generate images, each a function of (seed, index): `python -m sdxl.generate`.

The images are drawn in batches of consecutive indices and written as PNG files as soon as a batch is done; a run that
is killed goes on where it was, and `accelerate launch` shares the batches among processes. The batch changes no image
beyond rounding, the number of processes none at all. `sdxl.sampling` says how an unmodified diffusers pipeline makes
the same images.
"""

from sdxl.generate.command import main
from sdxl.generate.options import GenerateOptions

__all__ = ["GenerateOptions", "main"]
