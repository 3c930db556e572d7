"""The options of a run: what is refused, and the learning rates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ambient.training import TrainingConfig


def test_bad_configurations_are_refused() -> None:
    for options, named in [
        ({"steps": 0}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"ema": 1.0}, "ema"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"accumulation": 0}, "accumulation"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"weight_decay": -1.0}, "weight_decay"),
    ]:
        with pytest.raises(ValueError, match=named):
            TrainingConfig(**options)  # type: ignore[arg-type]


def test_learning_rates() -> None:
    constant = TrainingConfig(steps=100, learning_rate=1.0, warmup=9, schedule="constant")
    assert constant.learning_rate_at(0) == pytest.approx(0.1)
    assert constant.learning_rate_at(50) == 1.0
    cosine = replace(constant, schedule="cosine")
    assert cosine.learning_rate_at(50) == pytest.approx(0.5)
    assert cosine.learning_rate_at(100) == pytest.approx(0, abs=1e-12)
