"""What artefacts are made of, and share: descriptions only, so that plans and lists need no heavy import.

A product is made once, in a folder of its own (`paper_repro.make_toy`, `paper_repro.make_sdxl`), after those that it
requires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from paper_repro.options import BlockName

Data = Literal["ffhq", "laion", "xrays"]
Tuning = Literal["dsm", "ambient", "consistency", "hybrid"]
Remedy = Literal["none", "s23"]

NATURES = (100, 500, 800)
"""P1's nature levels t_n."""


@dataclass(frozen=True)
class Models:
    """Small EDM models of P2, trained, sampled and audited by `toy`, in each block of data and each split.

    Attributes:
        blocks: Data sets of the paper.
        methods: Of `toy.methods`.
        sizes: Which of the block's three numbers of training images.
        levels: All of the block's nature levels, or the middle one.
    """

    blocks: tuple[BlockName, ...]
    methods: tuple[str, ...]
    sizes: tuple[int, ...] = (0, 1, 2)
    levels: Literal["all", "middle"] = "middle"

    @property
    def requires(self) -> tuple[Product, ...]:
        return ()


@dataclass(frozen=True)
class Substitutes:
    """Small models on digits that stand for SDXL fine-tuned on data of the nature levels `natures`.

    Attributes:
        methods: dsm (clean data), early-stop (no consistency), ambient+consistency.
        natures: t_n for the methods that have one.
        size: Which of the three numbers of training images.
    """

    methods: tuple[str, ...]
    natures: tuple[int, ...] = ()
    size: int = 2

    @property
    def requires(self) -> tuple[Product, ...]:
        return ()


@dataclass(frozen=True)
class Latents:
    """Encoded images and captions at a nature level; `keep_clean` for Algorithm 1, `sd2` for Stable Diffusion 2."""

    data: Data
    nature: int
    keep_clean: bool = False
    sd2: bool = False

    @property
    def requires(self) -> tuple[Product, ...]:
        return ()


@dataclass(frozen=True)
class Tune:
    """A LoRA fine-tuned on latents; `text` says which remedy its captions get (S23: Somepalli et al. 2023)."""

    data: Data
    method: Tuning
    nature: int = 0
    sd2: bool = False
    text: Remedy = "none"

    @property
    def name(self) -> str:
        """For tables and folders."""
        text = "" if self.text == "none" else f"-{self.text}"
        return (self.method if self.nature == 0 else f"{self.method}-{self.nature}") + text

    @property
    def start(self) -> Tune | None:
        """The model without consistency that one with it starts from (P1, appendix B)."""
        return Tune(self.data, "ambient", self.nature, self.sd2) if self.method == "consistency" else None

    @property
    def latents(self) -> Latents:
        """What it is trained on."""
        return Latents(self.data, self.nature, self.method == "hybrid", self.sd2)

    @property
    def requires(self) -> tuple[Product, ...]:
        return (self.latents,) if self.start is None else (self.latents, self.start)


@dataclass(frozen=True)
class Images:
    """Generated images, by the pretrained model (`tune` None) or a fine-tuned one.

    Attributes:
        tune: The model.
        prompts: Null captions; the captions of a data set; or P1's four of Figure 7.
        few: A picture's worth instead of as many as a Fréchet distance needs.
    """

    tune: Tune | None
    prompts: Literal["null", "xrays", "figure7"]
    few: bool = False

    @property
    def requires(self) -> tuple[Product, ...]:
        return () if self.tune is None else (self.tune,)


@dataclass(frozen=True)
class Attack:
    """An attack on models, with all images of `data` that the scale takes."""

    kind: Literal["noise", "mask", "prompt"]
    data: Data
    tunes: tuple[Tune | None, ...] = (None,)
    levels: tuple[int, ...] = (900,)

    @property
    def requires(self) -> tuple[Product, ...]:
        return tuple(tune for tune in self.tunes if tune is not None)


@dataclass(frozen=True)
class Restorations:
    """P1's Table 1: errors of E[X_0 | X_t] of several models."""

    data: Data
    tunes: tuple[Tune, ...]

    @property
    def requires(self) -> tuple[Product, ...]:
        return self.tunes


@dataclass(frozen=True)
class Evaluation:
    """P2's Table 3: images from the captions, their distance to the data, similarity and CLIP score.

    Attributes:
        data: What the models were trained on.
        tunes: The models.
        w24: Whether prompts are optimised at inference (Wen et al. 2024).
    """

    data: Data
    tunes: tuple[Tune, ...]
    w24: bool = False

    @property
    def requires(self) -> tuple[Product, ...]:
        return self.tunes


Product = Models | Substitutes | Latents | Tune | Images | Attack | Restorations | Evaluation


def closure(products: tuple[Product, ...]) -> list[Product]:
    """All products that these need, each once and after what it requires."""
    found: dict[Product, None] = {}

    def add(product: Product) -> None:
        for part in product.requires:
            add(part)
        found.setdefault(product)

    for product in products:
        add(product)
    return list(found)
