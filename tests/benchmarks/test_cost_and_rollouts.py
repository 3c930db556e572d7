"""The two small benchmarks: what they measure, on little."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import cost, rollouts
from toy.exact.networks import denoiser_of
from toy.exact.worlds import stream32


def test_a_method_that_does_twice_the_work_costs_more() -> None:
    torch.set_num_threads(1)
    seconds = cost.measure(lambda: denoiser_of(32, 0.75, 0), ["ambient", "paper"], stream32(), (32,), 256, 6)
    assert 1.5 < seconds["paper"] / seconds["ambient"] < 8


def test_second_order_rollouts_have_less_bias_than_ancestral_ones() -> None:
    plain, spread = rollouts.judge("easy", "ancestral", 6, 2048)
    better, wider = rollouts.judge("easy", "ancestral, order 2", 6, 2048)
    assert plain > 0.08
    assert better < plain / 2
    assert spread < wider < 1
    means, none = rollouts.judge("easy", "posterior mean", 1, 2048)
    assert none == 0
    assert means > 1
    assert rollouts.judge("easy", "second-order Tweedie", 1, 2048)[1] == pytest.approx(1, abs=0.05)


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rollouts.main(rollouts.Options(("easy",), (2,), 128, tmp_path))
    assert "ancestral, order 2" in capsys.readouterr().out
    assert (tmp_path / "rollouts.json").exists()
