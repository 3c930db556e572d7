"""What a mini model's folder says of it to a person: its README.md."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sdxl.mini.captions import WORDINGS

SUMS = "SHA256SUMS"
"""The file of checksums of a shipped model."""


def card_text(folder: Path, facts: dict[str, Any], members: dict[str, Any]) -> str:
    """The card, in Markdown with the Hub's header.

    Args:
        folder: The finished pipeline, for the checksums of its weights.
        facts: How it was trained, by name.
        members: What `members.json` holds.
    """
    trained = members["trained_on"]["indices"]
    unseen = "\n".join(f"- {part['split']}: {ranges(part['indices']) or 'none'}" for part in members["never_seen"])
    how = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    sums = "\n".join(
        f"    {digest}  {name}" for name, digest in sums_of(folder, folder.glob("*/*.safetensors")).items()
    )
    wordings = ", ".join(f'"{wording.replace("{name}", "cat").replace("{}", "a cat")}"' for wording in WORDINGS)
    return f"""---
library_name: diffusers
license: apache-2.0
tags: [stable-diffusion-xl, text-to-image, memorization]
---
# A small SDXL whose training images are known

A text-to-image latent diffusion model for 32x32 pixels in the layout of Stable Diffusion XL, trained from scratch on
{len(trained):,} images of CIFAR-10, for measuring what such models keep of their training images. It knows ten classes
and these wordings: {wordings}.

```python
from diffusers import StableDiffusionXLPipeline

pipeline = StableDiffusionXLPipeline.from_pretrained(".")
image = pipeline("a photo of a horse", guidance_scale=3.0).images[0]  # 32x32
```

## Training

{how}

`curves.png` shows the losses, `training/unet/samples/` samples on the way, where the runs are kept.

## Images

CIFAR-10 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009), of which the archive used holds
{members["images_in_train"]:,} training and {members["images_in_test"]:,} test images, counted from 0 in the order of
its batches. `members.json` has the same as JSON, with the SHA-256 of the images.

Trained on, of train: {ranges(trained)}

Never seen:

{unseen}

{_of_vae(members)}

## Licence

The weights are under Apache-2.0 as the code. CIFAR-10 is distributed without a licence text by its authors, who ask
for a citation; its images were collected from the web, and this model may keep some of them, which is what it is for.

## Checksums (SHA-256)

{sums}
"""


def ranges(indices: list[int]) -> str:
    """Increasing numbers with stretches written as a-b: "0-3, 7"."""
    parts: list[list[int]] = []
    for index in indices:
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in parts)


def sums_of(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files below a folder, by their names there, in order."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)
    }


def _of_vae(members: dict[str, Any]) -> str:
    if "vae_trained_on" not in members:
        return "The VAE saw the same images."
    seen = members["vae_trained_on"]["indices"]
    return f"The VAE was taken from another model, and was trained on {len(seen):,} images of train: {ranges(seen)}"
