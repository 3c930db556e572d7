"""P1, Figure 10: on a model fine-tuned on clean data, noising against generating (Somepalli et al.)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ambient.metrics.dominance import dominance
from ambient.metrics.memorization import similarities
from paper_repro.makers.attack import Attack
from paper_repro.makers.images import Images
from paper_repro.makers.networks import similarity_features
from paper_repro.makers.pairs import batches_of_generated, batches_of_pictures, pairs_of
from paper_repro.makers.product import Data
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import dominance_over_splits, histogram, table
from paper_repro.p1.victims import victims
from paper_repro.report.estimates import dominates
from paper_repro.report.evidence import Evidence

STEP = 900
_GENERATED, _NOISED = "generated", f"noised to t = {STEP}"
_CAPTION = "largest similarities, of images generated and of noised images restored"


def noising_against_generating(run: Run, products: tuple[Attack, Images]) -> Evidence:
    """Histograms of both, and whether noising's similarities dominate."""
    attack, images = products
    found, title = run.make(attack), run.backend.title("sdxl")
    noised = found.of(f"t = {STEP}, posterior")[0].nearest
    generated = _nearest(run, attack.data, run.make(images))
    lines = {_GENERATED: generated, _NOISED: noised}
    sets = {name: [values] for name, values in lines.items()}
    tests = dominates("noised above generated", dominance(noised, generated, paired=False), f"{len(noised)} images")
    return Evidence(
        (table(f"{title}, fine-tuned on clean data; on {found.features} features", sets),),
        tuple(tests),
        {**histogram(title, lines, _CAPTION)},
    )


def noising_against_generating_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models, split by split."""
    (models,) = victims(run, stand_ins)
    sets = {
        _GENERATED: [victim.generated() for victim in models],
        _NOISED: [victim.noised(STEP, victim.train).similarities.nearest for victim in models],
    }
    lines = {name: values[0] for name, values in sets.items()}
    return Evidence(
        (table("small models on digits", sets),),
        dominance_over_splits(sets[_NOISED], sets[_GENERATED], paired=False),
        {**histogram("small model on digits", lines, _CAPTION)},
    )


def _nearest(run: Run, data: Data, folder: Path) -> Tensor:
    """Largest similarity of each generated image to one of the data set's, (N,)."""
    features = similarity_features(run)
    source, _ = run.backend.source(data)
    originals = [features(part) for part in batches_of_pictures(pairs_of(source), run.sizes.resolution)]
    made = [features(part) for part in batches_of_generated(folder, run.sizes.generated)]
    return similarities(torch.cat(made), torch.cat(originals))
