"""P1, Figure 3: similarities to the data set of images generated from captions, and of noised images restored."""

from __future__ import annotations

from collections.abc import Sequence

from paper_repro.makers.attack import Attack
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.p1.similarity import CLOSE, excess, histogram, table, table_of
from paper_repro.p1.victims import victims
from paper_repro.report.claims import Estimate, Test, above
from paper_repro.report.estimates import over_either, over_images
from paper_repro.report.evidence import Evidence

STEPS = (900, 800)
_CAPTION = "largest similarities to the data set"


def two_attacks(run: Run, products: tuple[Attack, Attack]) -> Evidence:
    """Histograms, and the shares above 0.95 compared: noising against generating from captions."""
    noise, prompt = products
    noised, prompted, title = run.make(noise), run.make(prompt), run.backend.title("sdxl")
    generated = prompted.of("generated")[0].nearest
    restored = {t: noised.of(f"t = {t}, posterior")[0].nearest for t in STEPS}
    tests = tuple(_test(t, over_images(excess, restored[t], generated, paired=False)) for t in STEPS)
    lines = {"generated from captions": generated}
    lines |= {f"noised to t = {t}": values for t, values in restored.items()}
    tables = (table_of(prompted, title), table_of(noised, title))
    return Evidence(tables, tests, {**histogram(title, lines, _CAPTION)})


def two_attacks_on_digits(run: Run, stand_ins: Sequence[StandIn]) -> Evidence:
    """The same of small models, with unseen images as control."""
    (models,) = victims(run, stand_ins)
    generated = [victim.generated() for victim in models]
    restored = {t: [v.noised(t, v.train).similarities.nearest for v in models] for t in STEPS}
    control = {t: [v.noised(t, v.held_out).similarities.own for v in models] for t in STEPS}
    sets = {"generated: nearest": generated}
    sets |= {f"noised to t = {t}: nearest": values for t, values in restored.items()}
    sets |= {f"unseen images noised to t = {t}: own (control)": values for t, values in control.items()}
    lines = {"generated": generated[0]} | {f"noised to t = {t}": values[0] for t, values in restored.items()}
    tests = tuple(
        _test(t, over_either(excess, list(zip(restored[t], generated, strict=True)), paired=False)) for t in STEPS
    )
    pictures = histogram("small model on digits", lines, _CAPTION)
    return Evidence((table("small models on digits", sets),), tests, {**pictures})


def _test(t: int, estimate: Estimate) -> Test:
    return above(f"t = {t}: share above {CLOSE:g} of noised images less that of generated ones above 0", estimate, 0.0)
