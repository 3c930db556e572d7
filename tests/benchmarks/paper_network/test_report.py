from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.paper_network.__main__ import work
from benchmarks.paper_network.options import PaperNetworkOptions, Step
from benchmarks.paper_network.report import report


@pytest.mark.slow
def test_both_ways_are_timed_in_processes_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    report(Step(network="small", side=8, batch=8, steps=5, threads=1, device="cpu"), 1, path)
    record = json.loads(path.read_text())
    for name in ("here", "plain"):
        assert record[name]["images_per_second"] > 0
        assert 0.05 < record[name]["peak_gib"] < 8
    ratio = record["plain"]["images_per_second"] / record["here"]["images_per_second"]
    assert record["time_ratio"] == pytest.approx(ratio)
    assert f"{ratio:.3f} times" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(ValueError, match=r"--device cuda: this machine cannot use it .*try cpu"):
        work(PaperNetworkOptions())
