"""A complete Stable Diffusion pipeline of random weights in a few megabytes: `python -m sdxl.tiny OUT`.

Every part of the real thing in its real layout on disk (`model_index.json`, a folder for each component,
safetensors), so that every command, and diffusers itself, can be tried offline: an eightfold VAE, CLIP text encoders
(two for SDXL) with a byte-level CLIP tokenizer, the U-Net with its text and size conditions, and the scheduler of the
published models. Nothing is trained: its pictures are textures. `python -m sdxl.tiny_vision OUT` writes networks that
look at images in the same way.
"""

from sdxl.tiny.command import main
from sdxl.tiny.options import TinyOptions, TinyVisionOptions

__all__ = ["TinyOptions", "TinyVisionOptions", "main"]
