"""Low-rank adapters of the U-Net: attached and trained, written and read, and what identifies them."""

from sdxl.lora.adapter import TARGETS, attach, load, save, warm_start
from sdxl.lora.identity import FILE, base_of, digest, file_of

__all__ = ["FILE", "TARGETS", "attach", "base_of", "digest", "file_of", "load", "save", "warm_start"]
