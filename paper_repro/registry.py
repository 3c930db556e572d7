"""The twenty-one artefacts: what each shows and claims, and the products that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from paper_repro.products import (
    NATURES,
    Attack,
    Evaluation,
    Images,
    Models,
    Product,
    Restorations,
    Substitutes,
    Tune,
    closure,
)


@dataclass(frozen=True)
class Artefact:
    """A table or figure of a paper.

    Attributes:
        paper: Which paper.
        number: "Table 1", "Figure 4", ...
        title: What it shows.
        claim: What the paper says that it shows.
        products: What it is made from, besides its own script.
        substitute: What stands for SDXL's models at the scales smoke and cpu.
        judges: Networks that its script looks at generated images with.
    """

    paper: Literal["P1", "P2"]
    number: str
    title: str
    claim: str
    products: tuple[Product, ...]
    substitute: tuple[Substitutes, ...] = ()
    judges: tuple[Literal["inception", "clip"], ...] = ()

    @property
    def name(self) -> str:
        """As on the command line: p1-table1."""
        return f"{self.paper}-{self.number}".lower().replace(" ", "")

    @property
    def module(self) -> str:
        """Of its script."""
        return "paper_repro." + self.name.replace("-", "_")

    def needs(self, substitute: bool) -> list[Product]:
        """Everything that has to be made for it, in order of dependence."""
        return closure(self.products + (self.substitute if substitute else ()))


def _ffhq(method: Literal["dsm", "ambient", "consistency"], *natures: int) -> tuple[Tune, ...]:
    return tuple(Tune("ffhq", method, t) for t in natures) if natures else (Tune("ffhq", method),)


_PAIR = (Tune("ffhq", "dsm"), Tune("ffhq", "consistency", 500))
_LAION = (Tune("laion", "dsm"), Tune("laion", "ambient", 100), Tune("laion", "ambient", 500))
_XRAY = (Tune("xrays", "ambient", 500), Tune("xrays", "consistency", 500))
_FFHQ_ALL = (*_ffhq("dsm"), *_ffhq("ambient", *NATURES), *_ffhq("consistency", *NATURES))
_PLAIN = (Tune("laion", "dsm", sd2=True), Tune("laion", "hybrid", 100, sd2=True))
_S23 = tuple(replace(tune, text="s23") for tune in _PLAIN)
_CLEAN = Substitutes(("dsm",), size=1)
_QUALITY = Substitutes(("dsm", "early-stop", "ambient+consistency"), NATURES)
_ATTACKED = Substitutes(("ambient+consistency",), (500,), size=1)

ARTEFACTS: tuple[Artefact, ...] = (
    Artefact(
        "P1",
        "Table 1",
        "Restoration by models trained at three noise levels",
        "All models restore equally well at every level, whatever the noise of the data that they were trained on.",
        (Restorations("ffhq", _ffhq("consistency", *NATURES)),),
        (_QUALITY,),
    ),
    Artefact(
        "P1",
        "Figure 1",
        "Masked images that an inpainting model fills in",
        "Images of the training set are filled in so accurately that the model must have memorised them.",
        (Attack("mask", "laion"),),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 2",
        "Posterior samples given extremely noisy latents",
        "From noise that leaves the posterior mean blurred, samples come back near the originals: memorisation.",
        (Attack("noise", "laion", levels=(900, 800)),),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 3",
        "Similarities: generating from captions against noising, two levels",
        "Noising finds a larger share of near-identical images (similarity above 0.95) than generating from captions.",
        (Attack("noise", "laion", levels=(900, 800)), Attack("prompt", "laion")),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 4",
        "FID against the noise level of the training data",
        "FID without consistency grows with t_n; with it stays near clean training's (10 % here) up to t_n = 500, and "
        "below that without.",
        tuple(Images(tune, "null") for tune in _FFHQ_ALL),
        (_QUALITY,),
        ("inception",),
    ),
    Artefact(
        "P1",
        "Figure 5",
        "The noise levels, and posterior samples given each",
        "At t_n = 100, 500 and 800 the data are ever noisier, and posterior samples ever less like the image.",
        (Attack("noise", "ffhq", levels=NATURES),),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 6",
        "Generations with and without consistency",
        "Without consistency generations blur as t_n grows; consistency recovers high-frequency detail.",
        tuple(Images(tune, "null", few=True) for tune in _FFHQ_ALL),
        (_QUALITY,),
    ),
    Artefact(
        "P1",
        "Figure 7",
        "Prompts after fine-tuning on noisy LAION",
        "Even after fine-tuning on very noisy images the model follows arbitrary prompts.",
        tuple(Images(tune, "figure7", few=True) for tune in _LAION),
        judges=("clip",),
    ),
    Artefact(
        "P1",
        "Figure 8",
        "Similarities of posterior samples, trained on clean and on noisy data",
        "The similarities of the model trained on clean data lie above those of the model trained at t_n = 500.",
        (Attack("noise", "ffhq", _PAIR),),
        (_CLEAN, _ATTACKED),
    ),
    Artefact(
        "P1",
        "Figure 9",
        "Similarities of filled-in regions",
        "Filled-in regions of training images are often near-identical to the originals.",
        (Attack("mask", "laion"),),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 10",
        "Generating against noising, on a fine-tuned model",
        "Noising shows higher similarities than generating, on a model fine-tuned on clean data.",
        (Attack("noise", "ffhq", _PAIR), Images(_PAIR[0], "null")),
        (_CLEAN,),
    ),
    Artefact(
        "P1",
        "Figure 11",
        "Fine-tuning on noisy X-rays",
        "Fine-tuning on noisy data brings generations near the data, and consistency makes them less blurred.",
        (Images(None, "xrays"), *(Images(tune, "xrays") for tune in _XRAY)),
        judges=("inception",),
    ),
    Artefact(
        "P2",
        "Table 1",
        "FID and memorisation of DDPM and Algorithm 1",
        "Algorithm 1 has the same or better FID with significantly lower memorisation, less so as the set grows.",
        (Models(("cifar10", "ffhq", "tiny-imagenet"), ("dsm", "hybrid"), levels="all"),),
    ),
    Artefact(
        "P2",
        "Table 2",
        "Algorithm 1 against training with corrupted data only",
        "Masking and noise alone memorise less than DDPM at a worse FID; Algorithm 1 memorises less at no worse FID.",
        (Models(("ffhq",), ("dsm", "masking", "early-stop", "hybrid")),),
    ),
    Artefact(
        "P2",
        "Table 3",
        "Text-conditional models, with mitigations of text memorisation",
        "Added to S23 or W24, Algorithm 1 lowers similarity further at similar CLIP score and FID; alone it does not.",
        (Evaluation("laion", _PLAIN), Evaluation("laion", _S23), Evaluation("laion", _PLAIN, w24=True)),
    ),
    Artefact(
        "P2",
        "Figure 1",
        "FID against memorisation over nature levels",
        "DDPM is not on the Pareto frontier, and levels too low or too high go back to it.",
        (Models(("ffhq",), ("dsm", "hybrid"), (0,), "all"),),
    ),
    Artefact(
        "P2",
        "Figure 2",
        "Stable Diffusion 2 with W24, alone and with Algorithm 1",
        "Adding Algorithm 1 to W24 gives novel images for prompts that trigger memorised ones.",
        (Evaluation("laion", _PLAIN, w24=True),),
    ),
    Artefact(
        "P2",
        "Figure 3",
        "Denoised images at two high noise levels",
        "Trained on few images DDPM is overconfident at high noise; Algorithm 1 is nearer to a model of many images.",
        (Models(("ffhq",), ("dsm", "hybrid"), (0,)), Models(("ffhq",), ("held-out",), (0,))),
    ),
    *(
        Artefact(
            "P2",
            f"Figure {number}",
            f"Images of Algorithm 1 trained on {images} images",
            "The generated images are no copies: fewer of them repeat a training image than of DDPM's.",
            (Models(("ffhq",), ("dsm", "hybrid"), (i,)),),
        )
        for i, (number, images) in enumerate(((4, "300"), (5, "1,000"), (6, "3,000")))
    ),
)


def find(names: Sequence[str]) -> list[Artefact]:
    """The artefacts of some names, "all" for all, in the registry's order.

    Raises:
        ValueError: Naming what there is none of.
    """
    known = {artefact.name: artefact for artefact in ARTEFACTS}
    for name in names:
        if name != "all" and name not in known:
            raise ValueError(f"there is no artefact {name}; python -m paper_repro list shows them")
    return [a for a in ARTEFACTS if "all" in names or a.name in names]
