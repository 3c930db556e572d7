"""The light copies of names are those of the modules that load them."""

from __future__ import annotations

from typing import get_args, get_type_hints

from ambient.attacks import Restoration
from ambient.metrics.pretrained.clip import CLIP
from ambient.metrics.pretrained.dinov2 import DINOV2, Protocol
from sdxl import options
from sdxl.attack.options import NoiseAttack


def test_names_of_pretrained_networks() -> None:
    assert (options.DINOV2, options.CLIP) == (DINOV2, CLIP)


def test_choices() -> None:
    assert set(get_args(get_type_hints(options.FeatureOptions)["protocol"])) == set(get_args(Protocol))
    restorations = get_args(get_type_hints(NoiseAttack)["restorations"])[0]
    assert set(get_args(restorations)) == set(get_args(Restoration))
