"""P2's tables and figures: what each shows and claims, and what it is made from."""

from __future__ import annotations

from dataclasses import replace

from paper_repro.makers.evaluation import Evaluation
from paper_repro.makers.small_models import Models
from paper_repro.makers.tune import Tune
from paper_repro.registry.artefact import Artefact

_PLAIN = (Tune("laion", "dsm", sd2=True), Tune("laion", "hybrid", 100, sd2=True))
_S23 = tuple(replace(tune, text="s23") for tune in _PLAIN)

TABLE1 = Artefact(
    paper="P2",
    number="Table 1",
    title="FID and memorisation of DDPM and Algorithm 1",
    claim="Algorithm 1 has the same or better FID with significantly lower memorisation, less so as the set grows.",
    products=(Models(("cifar10", "ffhq", "tiny-imagenet"), ("dsm", "hybrid"), levels="all"),),
)
TABLE2 = Artefact(
    paper="P2",
    number="Table 2",
    title="Algorithm 1 against training with corrupted data only",
    claim="Masking and noise alone memorise less than DDPM at a worse FID; Algorithm 1 memorises less at no worse FID.",
    products=(Models(("ffhq",), ("dsm", "masking", "early-stop", "hybrid")),),
)
TABLE3 = Artefact(
    paper="P2",
    number="Table 3",
    title="Text-conditional models, with mitigations of text memorisation",
    claim=(
        "Added to S23 or W24, Algorithm 1 lowers similarity further at similar CLIP score and FID; alone it does not."
    ),
    products=(Evaluation("laion", _PLAIN), Evaluation("laion", _S23), Evaluation("laion", _PLAIN, w24=True)),
    surrogates=("a tiny Stable Diffusion 2 of random weights", "random DINOv2 and CLIP"),
)
FIGURE1 = Artefact(
    paper="P2",
    number="Figure 1",
    title="FID against memorisation over nature levels",
    claim="DDPM is not on the Pareto frontier, and levels too low or too high go back to it.",
    products=(Models(("ffhq",), ("dsm", "hybrid"), (0,), "all"),),
)
FIGURE2 = Artefact(
    paper="P2",
    number="Figure 2",
    title="Stable Diffusion 2 with W24, alone and with Algorithm 1",
    claim="Adding Algorithm 1 to W24 gives novel images for prompts that trigger memorised ones.",
    products=(Evaluation("laion", _PLAIN, w24=True),),
    surrogates=("a tiny Stable Diffusion 2 of random weights", "a random DINOv2"),
)
FIGURE3 = Artefact(
    paper="P2",
    number="Figure 3",
    title="Denoised images at two high noise levels",
    claim="Trained on few images DDPM is overconfident at high noise; Algorithm 1 is nearer to a model of many images.",
    products=(Models(("ffhq",), ("dsm", "hybrid"), (0,)), Models(("ffhq",), ("held-out",), (0,))),
)


def _samples(number: int, size: int, images: str) -> Artefact[tuple[Models]]:
    return Artefact(
        paper="P2",
        number=f"Figure {number}",
        title=f"Images of Algorithm 1 trained on {images} images",
        claim="The generated images are no copies: fewer of them repeat a training image than of DDPM's.",
        products=(Models(("ffhq",), ("dsm", "hybrid"), (size,)),),
    )


FIGURE4 = _samples(4, 0, "300")
FIGURE5 = _samples(5, 1, "1,000")
FIGURE6 = _samples(6, 2, "3,000")
