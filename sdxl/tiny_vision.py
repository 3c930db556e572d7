"""Random networks that look at images, in their real layout on disk: `python -m sdxl.tiny_vision OUT`.

A DINOv2, a CLIP with its tokenizer and an object detector (YOLOS), each less than a megabyte, so that attacks and
evaluations can be tried offline: `--dinov2 OUT/dinov2 --clip OUT/clip --detector OUT/detector`. They are not trained:
their features are called random in every table, and their boxes say nothing about what is in an image.
"""

from __future__ import annotations

import sys

from ambient.runs.console import run
from sdxl.tiny.options import TinyVisionOptions


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(TinyVisionOptions, _work, prog="python -m sdxl.tiny_vision")


def _work(options: TinyVisionOptions) -> None:
    from sdxl.tiny.vision import write_vision

    write_vision(options)
    print("A random DINOv2, CLIP and object detector (YOLOS)")
    print(f"Results: {options.output}")


if __name__ == "__main__":
    sys.exit(main())
