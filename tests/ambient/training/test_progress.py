"""The means of the log, and that a window goes through JSON to the last bit."""

from __future__ import annotations

import json

import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.objectives import Loss
from ambient.process import VE
from ambient.training.progress import LEVEL_BINS, Window

NUMBERS = st.floats(-1e6, 1e6, width=32)


def loss(values: list[float], name: str) -> Loss:
    x = torch.tensor(values)
    return Loss(x, {name: x}, VE().level(torch.linspace(0.01, 50, len(values), dtype=torch.float64)))


@given(st.lists(st.tuples(st.lists(NUMBERS, min_size=1, max_size=4), st.sampled_from("ab")), min_size=1, max_size=6))
def test_a_window_taken_up_from_json_is_the_window(updates: list[tuple[list[float], str]]) -> None:
    whole, cut = Window(), Window()
    for values, name in updates:
        for window in (whole, cut):
            window.add([loss(values, name)], torch.tensor(values[0]))
        cut = Window(json.loads(json.dumps(cut.state())))
    assert len(cut) == len(updates)
    assert cut.record() == whole.record()


def test_an_empty_window_says_nothing() -> None:
    assert Window().state() == {}
    assert len(Window({})) == 0
    assert Window().by_level.shape == (2, len(LEVEL_BINS) - 1)
