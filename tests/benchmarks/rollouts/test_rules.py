"""What the rules are judged by, and the command, on little."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rollouts import rules


def test_second_order_rollouts_have_less_bias_than_ancestral_ones() -> None:
    plain, spread = rules.judge("easy", "ancestral", 6, 2048)
    better, wider = rules.judge("easy", "ancestral, order 2", 6, 2048)
    assert plain > 0.08
    assert better < plain / 2
    assert spread < wider < 1
    means, none = rules.judge("easy", "posterior mean", 1, 2048)
    assert none == 0
    assert means > 1
    assert rules.judge("easy", "second-order Tweedie", 1, 2048)[1] == pytest.approx(1, abs=0.05)


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.report(("easy",), (2,), 128, tmp_path)
    assert "ancestral, order 2" in capsys.readouterr().out
    assert "ancestral, order 2, 2" in json.loads((tmp_path / "rollouts.json").read_text())["easy"]
