r"""Encode images and captions once: `python -m sdxl.latents DATA`.

    z_i = scaled VAE latent of image i,    x_n,i = alpha_n z_i + sigma_n Z_i,    Z_i ~ N(0, I) by (seed, i).

Only x_n goes to disk. For t_n > 0 no image, no clean latent and no number computed from one is written, unless
`--keep-clean` asks for both versions, which Algorithm 1 of P2 needs. Whoever knows the seed can take the noise off
again: it is not in the cache either (its hash is, so that another seed makes another cache), and where the images must
stay private it should be a long random number.

The key of a cache covers the bytes and names of all files, the captions, resolution and crop, the weights of VAE and
text encoders, tokenizers, precision, seed and t_n. Shards are written whole or not at all, so a run that is killed goes
on where it was. Under `accelerate launch` each process encodes its share of the shards.
"""

from sdxl.latents.command import main
from sdxl.latents.options import LatentOptions

__all__ = ["LatentOptions", "main"]
