from __future__ import annotations

from paper_repro.makers.attack import Attack
from paper_repro.makers.evaluation import Evaluation, Restorations
from paper_repro.makers.images import Images
from paper_repro.makers.latents import Latents
from paper_repro.makers.product import closure
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.tune import Tune


def test_products_come_after_what_they_require() -> None:
    tune = Tune("ffhq", "consistency", 500)
    assert closure([Images(tune, "null"), tune]) == [
        Latents("ffhq", 500),
        Tune("ffhq", "ambient", 500),
        tune,
        Images(tune, "null"),
    ]


def test_on_other_data_all_models_are_of_these_data() -> None:
    laion, ffhq = Tune("laion", "dsm"), Tune("ffhq", "dsm")
    assert Images(laion, "null").on("ffhq") == Images(ffhq, "null")
    assert Images(None, "null").on("ffhq") == Images(None, "null")
    assert Attack("noise", "laion", (None, laion)).on("ffhq") == Attack("noise", "ffhq", (None, ffhq))
    assert Restorations("laion", (laion,)).on("ffhq") == Restorations("ffhq", (ffhq,))
    assert Evaluation("laion", (laion,), w24=True).on("ffhq") == Evaluation("ffhq", (ffhq,), w24=True)
    assert StandIn("dsm").on("ffhq") == StandIn("dsm")
