r"""Others' remedies for memorisation that comes from captions, alone or with ours (P2, section 5.2 and Table 3).

Somepalli et al. 2023 (S23) loosen the tie between a caption and its image:

    embedding-noise     e + s Z, Gaussian noise on the text encoders' states, in training or at inference
    random-caption      a caption of random words in its place, with probability p
    random-words        random words put in at random places
    repeated-words      words of the caption itself put in at random places
    random-numbers      random numbers put in at random places
    several-captions    one of several captions of the same image, chosen anew each time

Wen et al. 2024 (W24) look at how much the caption moves the prediction, |eps(x_t, e) - eps(x_t, null)|, which is large
for memorised prompts from the first step on:

    detection           its mean over steps and noises says which prompts are memorised (`python -m sdxl.mitigation`)
    optimise            at inference the embedding e is moved, before the first step, until it is small
    filtering           in training, samples for which it is large are left out

Training-side remedies wrap an objective: they change the condition of a batch, or which of its samples count, and leave
the loss to `ambient.objectives`. So all of them go with all methods of `sdxl.train`, ours among them.
"""

from sdxl.mitigation.command import main
from sdxl.mitigation.options import Inference, Mitigation, ScoreOptions

__all__ = ["Inference", "Mitigation", "ScoreOptions", "main"]
