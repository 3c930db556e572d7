"""Scales smoke and cpu: what can be made in minutes to hours on two cores, without downloads.

The pipelines are those of `sdxl.tiny`: the real architecture with random weights. They run everything and show nothing
about what SDXL has learnt, so small models on digits carry the claims, where there are any that can. Handwritten digits
as 64x64 pictures stand for all data; at scale cpu chest X-rays, if they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_repro.makers.backend import AnyProduct, Backend, ModelName, NetworkName
from paper_repro.makers.product import Data, Product, closure
from paper_repro.options import BlockName
from paper_repro.planning.needs import Need
from paper_repro.report.evidence import RANDOM, Evidence
from paper_repro.sizes import blocks
from paper_repro.sizes.blocks import Block

if TYPE_CHECKING:
    import torch

    from ambient.metrics.features import FeatureMap
    from sdxl.components import ModelOptions
    from sdxl.masks import MaskOptions
    from sdxl.pairs import Source

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SIDE = 64
_IMAGES = 100
"""Digits, where the scale does not say how many."""


class StandIns(Backend):
    """See the module."""

    collapses = False  # what is not trained cannot collapse

    @property
    def download(self) -> bool:
        return False

    def products(self, asked: Sequence[Product[Any]], stand_ins: Sequence[Product[Any]]) -> list[Product[Any]]:
        return closure(map(self.shared, [*asked, *stand_ins]))

    def shared(self, product: AnyProduct) -> AnyProduct:
        return product.on("ffhq")

    def needs(self, asked: Sequence[Product[Any]], judges: Sequence[Need]) -> list[Need]:
        return []

    def evidence(
        self,
        shown: Callable[[], Evidence],
        on_digits: Callable[[], Evidence] | None,
        surrogates: tuple[str, ...],
    ) -> Evidence:
        if not surrogates:
            return shown()
        pipeline = replace(shown(), surrogates=surrogates)
        return pipeline.undecided(RANDOM) if on_digits is None else pipeline.followed_by(on_digits())

    def blocks(self, wanted: Sequence[BlockName]) -> list[Block]:
        options = self._options
        found = [self.digits]
        if options.scale == "cpu" and options.cifar10 and "cifar10" in wanted:
            found.append(blocks.small_cifar(options.cifar10, options.seeds))
        return [block for block in found if not options.blocks or block.data in options.blocks]

    def seconds(self, model: ModelName) -> float:
        return 0.0

    def source(self, data: Data) -> tuple[Source, str]:
        from sdxl.pairs import Source

        if self._options.scale == "cpu" and self._options.xrays:
            from paper_repro.makers.pairs import first_pairs

            given = Source(self._options.xrays, without_caption="skip")
            folder = first_pairs(self._products, given, self.sizes.images or _IMAGES)
            return Source(str(folder), without_caption="skip"), "chest X-rays at 64x64"
        return Source(str(self._digits())), "handwritten digits as 64x64 pictures"

    def model(self, name: ModelName) -> ModelOptions:
        from sdxl import tiny
        from sdxl.components import ModelOptions

        folder = self._products.root / f"tiny-{name}"
        if not (folder / "tiny.json").exists() or not (folder / "model_index.json").exists():
            if name == "sd2":
                tiny.write_tiny(tiny.Options(folder, variant="sd", prediction="v_prediction"))
            else:
                tiny.write_tiny(tiny.Options(folder, variant=name, prediction="epsilon"))
        return ModelOptions(str(folder))

    def title(self, name: ModelName) -> str:
        known = {"sdxl": "SDXL", "inpainting": "SDXL inpainting", "sd2": "Stable Diffusion 2"}
        return f"tiny {known[name]} of random weights"

    def network(self, name: NetworkName) -> str:
        from sdxl import tiny_vision

        folder = self._products.root / "tiny-vision"
        if not (folder / "detector").exists():
            tiny_vision.write_vision(tiny_vision.Options(folder))
        return str(folder / name)

    def inception(self) -> Path | None:
        return None

    def judge(self, device: torch.device) -> FeatureMap:
        from paper_repro.makers.networks import similarity_options

        return similarity_options(self).build(self.download, device)

    def masks(self) -> MaskOptions:
        from sdxl.masks import MaskOptions

        return MaskOptions(mask="fixed")  # a random detector finds nothing

    def resolution(self, model: ModelName) -> int:
        return self.sizes.resolution

    def start(self, lora: Path) -> Path:
        return lora

    def _digits(self) -> Path:
        """A folder of digits as pictures, with captions."""
        import numpy as np
        from PIL import Image
        from sklearn.datasets import load_digits

        from ambient.runs.files import write_atomically, write_records
        from ambient.runs.identity import claim_folder

        facts = {"images": self.sizes.images or _IMAGES, "side": _SIDE}
        folder = self._products.folder("digits", facts)
        if not (folder / "metadata.jsonl").exists():
            claim_folder(folder, facts, "digits.json")
            bunch = load_digits()
            records = []
            for i in range(facts["images"]):
                pixels = Image.fromarray((255 - 255 / 16 * bunch.images[i]).astype(np.uint8)).resize((_SIDE, _SIDE))
                write_atomically(folder / f"{i:04d}.png", partial(pixels.convert("RGB").save, format="PNG"))
                text = f"a photo of the digit {_WORDS[bunch.target[i]]}"
                records.append({"file_name": f"{i:04d}.png", "text": text})
            write_records(folder / "metadata.jsonl", records)
        return folder
