"""Small models of P2, and those on digits that stand for SDXL's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from paper_repro.makers.product import Product
from paper_repro.options import BlockName
from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import DATA, DINOV2, FID_REFERENCE, INCEPTION, Need
from paper_repro.sizes.blocks import Block
from paper_repro.sizes.levels import digits_level

if TYPE_CHECKING:
    from paper_repro.makers.backend import Backend
    from paper_repro.makers.run import Run
    from paper_repro.makers.trained import Trained

_IMAGES_AN_HOUR = 1.5e6
"""Images of 32x32 that an A100 trains EDM's CIFAR-10 model on, in bf16. It saw 200 M images in 2 days on 8 V100 (Karras
et al. 2022): 0.52 M an hour and V100. Time goes with the number of pixels and of parameters."""
_SAMPLING = 35 / 3
"""Work of sampling an image by 18 steps of Heun, in that of training on one: 35 evaluations, of a third each."""
_SHARE = {"unet-58m": 1.0, "unet-14m": 0.25, "small": 0.002, "unet-1m": 0.02}
"""Work and disk of a network, in those of EDM's."""
_SIDES: dict[BlockName, int] = {"digits": 8, "cifar10": 32, "ffhq": 64, "tiny-imagenet": 64}
_LEVELLED = ("hybrid", "early-stop")
"""Methods with a model for each nature level."""


@dataclass(frozen=True)
class Models(Product["list[list[Trained]]"]):
    """EDM models trained, sampled and audited: for each block of data, for each number of images, on each split.

    Attributes:
        data: Data sets of the paper.
        methods: Of `toy.methods`.
        sizes: Which of the block's three numbers of training images.
        levels: All of the block's nature levels, or the middle one.
    """

    data: tuple[BlockName, ...]
    methods: tuple[str, ...]
    sizes: tuple[int, ...] = (0, 1, 2)
    levels: Literal["all", "middle"] = "middle"

    def data_sets(self, backend: Backend) -> list[str]:
        return [block.data for block in backend.blocks(self.data)]

    def make(self, run: Run) -> list[list[Trained]]:
        from paper_repro.makers.trained import check_data, train

        blocks = run.backend.blocks(self.data)
        for block in blocks:  # all before the first training: data that cannot be read are found at once
            check_data(run, block, max(self._images(block)))
        return [
            [train(run, block, self.methods, images, self._levels(block)) for images in self._images(block)]
            for block in blocks
        ]

    def cost(self, backend: Backend) -> list[Job]:
        return [self._cost(block) for block in backend.blocks(self.data)]

    def needs(self, backend: Backend) -> list[Need]:
        found = [DATA[block.data] for block in backend.blocks(self.data)]
        references = [FID_REFERENCE] if DATA["cifar10"] in found else []
        return [*found, *references, INCEPTION, DINOV2]

    def _levels(self, block: Block) -> tuple[float, ...]:
        return block.levels if self.levels == "all" else (block.middle,)

    def _images(self, block: Block) -> list[int]:
        return [block.images[i] for i in self.sizes if i < len(block.images)]

    def _cost(self, block: Block) -> Job:
        sizes, settings = self._images(block), block.settings
        each = sum(len(self._levels(block)) if method in _LEVELLED else 1 for method in self.methods)
        count = each * len(sizes) * len(block.seeds)
        generated = int(settings["samples"]) * count
        trained = int(settings["steps"]) * int(settings["batch"]) * count
        side = settings.get("resolution") or _SIDES[block.data]
        network = _SHARE[settings.get("network", "small")]
        work = (trained + generated * _SAMPLING) * network * (side / 32) ** 2
        return Job(
            title=f"{count} models of {block.data}: {', '.join(self.methods)}; N = {', '.join(map(str, sizes))}",
            updates=int(settings["steps"]) * count,
            trained=trained,
            generated=generated,
            hours=work / _IMAGES_AN_HOUR,
            disk=count * network + generated * 3 * side**2 * 4 / 1e9,
        )


@dataclass(frozen=True)
class StandIn(Product["Trained"]):
    """Small models on digits that stand for SDXL fine-tuned on data of a nature level, on each split.

    Attributes:
        method: Of `toy.methods`: dsm (clean data), early-stop (no consistency), ambient+consistency.
        nature: t_n; 0 for clean data.
        size: Which of the block's three numbers of training images.
    """

    method: str
    nature: int = 0
    size: int = 2

    def make(self, run: Run) -> Trained:
        from paper_repro.makers.trained import train

        block = run.backend.digits
        level = digits_level(self.nature) if self.nature else block.middle
        return train(run, block, (self.method,), block.images[self.size], (level,))

    def cost(self, backend: Backend) -> list[Job]:
        block = backend.digits
        count, steps = len(block.seeds), int(block.settings["steps"])
        at = f" at t_n = {self.nature}" if self.nature else ""
        return [
            Job(
                title=f"{count} models of digits: {self.method}{at}; N = {block.images[self.size]}",
                updates=steps * count,
                trained=steps * int(block.settings["batch"]) * count,
                generated=int(block.settings["samples"]) * count,
                disk=0.01 * count,
            )
        ]

    def needs(self, backend: Backend) -> list[Need]:
        return []
