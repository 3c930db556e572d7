"""P1's table and figures: what each shows and claims, and what it is made from."""

from __future__ import annotations

from typing import Literal

from paper_repro.makers.attack import Attack
from paper_repro.makers.evaluation import Restorations
from paper_repro.makers.images import Images
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.tune import Tune
from paper_repro.planning.needs import CLIP, INCEPTION
from paper_repro.registry.artefact import Artefact
from paper_repro.sizes.levels import NATURES

_ON_DIGITS = (
    "small models trained from scratch on digits for SDXL and its fine-tuning: the claim is tested on these",
    "a tiny SDXL of random weights where the table says so, which runs the whole pipeline and can show nothing",
    "similarity of centred pixels for DINOv2's",
)
_RECIPE = "our recipe of consistency (`ambient.objectives.recommended`) for P1's"


def _ffhq(method: Literal["dsm", "ambient", "consistency"], *natures: int) -> tuple[Tune, ...]:
    return tuple(Tune("ffhq", method, t) for t in natures) if natures else (Tune("ffhq", method),)


_PAIR = (Tune("ffhq", "dsm"), Tune("ffhq", "consistency", 500))
_LAION = (Tune("laion", "dsm"), Tune("laion", "ambient", 100), Tune("laion", "ambient", 500))
_XRAY = (Tune("xrays", "ambient", 500), Tune("xrays", "consistency", 500))
_FFHQ_ALL = (*_ffhq("dsm"), *_ffhq("ambient", *NATURES), *_ffhq("consistency", *NATURES))
_CONSISTENT = tuple(StandIn("ambient+consistency", t) for t in NATURES)
_QUALITY = (
    StandIn("dsm"),
    *(StandIn(method, t) for t in NATURES for method in ("early-stop", "ambient+consistency")),
)
_CLEAN = StandIn("dsm", size=1)
_ATTACKED = StandIn("ambient+consistency", 500, size=1)

TABLE1 = Artefact(
    paper="P1",
    number="Table 1",
    title="Restoration by models trained at three noise levels",
    claim="All models restore equally well at every level, whatever the noise of the data that they were trained on.",
    products=(Restorations("ffhq", _ffhq("consistency", *NATURES)),),
    stand_ins=_CONSISTENT,
    surrogates=_ON_DIGITS,
)
FIGURE1 = Artefact(
    paper="P1",
    number="Figure 1",
    title="Masked images that an inpainting model fills in",
    claim="Images of the training set are filled in so accurately that the model must have memorised them.",
    products=(Attack("mask", "laion"),),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE2 = Artefact(
    paper="P1",
    number="Figure 2",
    title="Posterior samples given extremely noisy latents",
    claim="From noise that leaves the posterior mean blurred, samples come back near the originals: memorisation.",
    products=(Attack("noise", "laion", levels=(900, 800)),),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE3 = Artefact(
    paper="P1",
    number="Figure 3",
    title="Similarities: generating from captions against noising, two levels",
    claim=(
        "Noising finds a larger share of near-identical images (similarity above 0.95) than generating from captions."
    ),
    products=(Attack("noise", "laion", levels=(900, 800)), Attack("prompt", "laion")),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE4 = Artefact(
    paper="P1",
    number="Figure 4",
    title="FID against the noise level of the training data",
    claim=(
        "FID without consistency grows with t_n; with it stays near clean training's (10 % here) up to t_n = 500, and "
        "below that without."
    ),
    products=tuple(Images(tune, "null") for tune in _FFHQ_ALL),
    stand_ins=_QUALITY,
    surrogates=(*_ON_DIGITS, _RECIPE),
    judges=(INCEPTION,),
)
FIGURE5 = Artefact(
    paper="P1",
    number="Figure 5",
    title="The noise levels, and posterior samples given each",
    claim="At t_n = 100, 500 and 800 the data are ever noisier, and posterior samples ever less like the image.",
    products=(Attack("noise", "ffhq", levels=NATURES),),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE6 = Artefact(
    paper="P1",
    number="Figure 6",
    title="Generations with and without consistency",
    claim="Without consistency generations blur as t_n grows; consistency recovers high-frequency detail.",
    products=tuple(Images(tune, "null", few=True) for tune in _FFHQ_ALL),
    stand_ins=_QUALITY,
    surrogates=(*_ON_DIGITS, _RECIPE),
)
FIGURE7 = Artefact(
    paper="P1",
    number="Figure 7",
    title="Prompts after fine-tuning on noisy LAION",
    claim="Even after fine-tuning on very noisy images the model follows arbitrary prompts.",
    products=tuple(Images(tune, "figure7", few=True) for tune in _LAION),
    surrogates=("a tiny SDXL of random weights for SDXL", "a random CLIP for CLIP"),
    judges=(CLIP,),
)
FIGURE8 = Artefact(
    paper="P1",
    number="Figure 8",
    title="Similarities of posterior samples, trained on clean and on noisy data",
    claim="The similarities of the model trained on clean data lie above those of the model trained at t_n = 500.",
    products=(Attack("noise", "ffhq", _PAIR),),
    stand_ins=(_CLEAN, _ATTACKED),
    surrogates=_ON_DIGITS,
)
FIGURE9 = Artefact(
    paper="P1",
    number="Figure 9",
    title="Similarities of filled-in regions",
    claim="Filled-in regions of training images are often near-identical to the originals.",
    products=(Attack("mask", "laion"),),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE10 = Artefact(
    paper="P1",
    number="Figure 10",
    title="Generating against noising, on a fine-tuned model",
    claim="Noising shows higher similarities than generating, on a model fine-tuned on clean data.",
    products=(Attack("noise", "ffhq", _PAIR), Images(_PAIR[0], "null")),
    stand_ins=(_CLEAN,),
    surrogates=_ON_DIGITS,
)
FIGURE11 = Artefact(
    paper="P1",
    number="Figure 11",
    title="Fine-tuning on noisy X-rays",
    claim="Fine-tuning on noisy data brings generations near the data, and consistency makes them less blurred.",
    products=(Images(None, "xrays"), *(Images(tune, "xrays") for tune in _XRAY)),
    surrogates=("a tiny SDXL of random weights for SDXL", "a random DINOv2 for Inception"),
    judges=(INCEPTION,),
)
