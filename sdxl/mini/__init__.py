"""A small SDXL that is trained here, on images that are known to the last: `python -m sdxl.mini train | get | judge`.

    train    a VAE, two text encoders and a U-Net from scratch on CIFAR-10, with captions made from its classes
    get      the model that comes with this package, trained by the line in its README.md
    judge    whether guided samples show what was asked for, in the eyes of a classifier of real images

The folder is a pipeline in diffusers' SDXL layout, which diffusers and every command of `sdxl` load by `--model`.
`members.json` in it lists the images that it was trained on, and those that it never saw. `--images` is the dial of
memorisation: the same network trained long on few images keeps them.
"""

from sdxl.mini.command import main
from sdxl.mini.options import GetMini, JudgeMini, TrainMini

__all__ = ["GetMini", "JudgeMini", "TrainMini", "main"]
