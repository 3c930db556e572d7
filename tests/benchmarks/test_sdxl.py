"""The benchmark's counting, on the tiny U-Net; its speed is a GPU's matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ambient.randomness import Draws
from benchmarks.sdxl import timing as bench
from benchmarks.sdxl.__main__ import main
from benchmarks.sdxl.model import PARAMETERS, build, full_config, full_passes
from benchmarks.sdxl.options import SdxlBenchmark
from benchmarks.sdxl.report import entries, verdicts


def test_the_full_size_is_sdxls() -> None:
    unet = full_config()
    assert sum(parameter.numel() for parameter in unet.parameters()) == PARAMETERS
    assert all(parameter.is_meta for parameter in unet.parameters())


def test_flops_are_counted_by_rows() -> None:
    """Of one image as of eight, and methods by their evaluations, by PyTorch's own counter on the whole update."""
    options = SdxlBenchmark(tiny=True, repetitions=1, batches=(8,))
    model = build(True, torch.device("cpu"))
    forward, backward = model.passes
    assert 0.5 * forward < backward < 2 * forward
    for method, rows in (("ambient", (8, 8)), ("consistency", (32, 32)), ("consistency, P1's order", (40, 40))):
        cell = bench.measure(model, method, 8, False, options)
        assert cell.flops == pytest.approx(forward * rows[0] + backward * rows[1])
        assert cell.seconds is not None
    samples = bench._samples(model, bench.Cell("consistency", 8, False), options)
    objective = bench.objective_of("consistency", model, samples, options.t_n)
    with FlopCounterMode(display=False) as counter:
        objective(model.denoiser, samples, Draws.of_step(0, 0)).per_sample.mean().backward()
    # Through the samples, some first layers are passed back once more than a single pass needs.
    assert counter.get_total_flops() == pytest.approx(32 * (forward + backward), rel=0.15)


def test_results_are_kept_and_gone_on_with(tmp_path: Path) -> None:
    options = SdxlBenchmark(
        tiny=True, methods=("ambient", "recommended"), batches=(2,), checkpointing=(False,), repetitions=1,
        output=tmp_path,
    )  # fmt: skip
    first = bench.run(options)
    assert [cell["failure"] for cell in first["cells"]] == [None, "batch does not fit"]
    seen: list[bench.Cell] = []
    again = bench.run(options, seen.append)
    assert seen == []
    assert again["cells"] == first["cells"]
    assert json.loads((tmp_path / "results.json").read_text())["cells"] == first["cells"]
    rows = entries(first)
    assert rows[1][:3] == ["ambient", "2", "no"]
    assert rows[1][5] == "1.00"
    assert rows[2][3] == "batch does not fit"
    with pytest.raises(ValueError, match="was measured with t_n 500"):
        bench.run(SdxlBenchmark(tiny=True, t_n=100, output=tmp_path))


def test_what_an_update_draws_is_averaged_by_its_frequency() -> None:
    """The recommended recipe: half of the batch twice, and in one update of four more below t_n."""
    options = SdxlBenchmark(tiny=True, repetitions=1)
    model = build(True, torch.device("cpu"))
    samples = bench._samples(model, bench.Cell("recommended", 16, False), options)
    frequencies = bench._frequencies(bench.objective_of("recommended", model, samples, 500), samples)
    often, seldom = sorted(frequencies, key=lambda rows: rows[0])
    assert often == (16, 16)
    assert seldom[0] > seldom[1] > 16
    assert frequencies[seldom] == pytest.approx(0.25, abs=0.07)
    cell = bench.measure(model, "recommended", 16, False, options)
    forward, backward = model.passes
    expected = sum(share * (forward * rows[0] + backward * rows[1]) for rows, share in frequencies.items())
    assert cell.flops == pytest.approx(expected)


@pytest.mark.slow
def test_the_full_size_is_counted_without_a_gpu() -> None:
    """About 6 TFLOP a forward pass (SDXL at 1024x1024); methods by their evaluations."""
    forward, backward = full_passes()
    assert forward == pytest.approx(6.8e12, rel=0.02)
    assert 1 < backward / forward < 1.2
    rows = bench.count(SdxlBenchmark(methods=("ambient", "consistency", "recommended")))
    assert [row[2] for row in rows[1:3]] == ["1.00", "4.00"]
    assert float(rows[1][1]) == pytest.approx((forward + backward) / 1e12, abs=0.06)
    assert 1.3 < float(rows[3][2]) < 1.8


def test_aims_are_judged_from_the_figures() -> None:
    def cell(method: str, batch: int, seconds: float) -> dict[str, object]:
        return vars(bench.Cell(method, batch, False, seconds, 4e11 * batch, None))

    cells = [cell("dsm", 16, 1.0), cell("ambient", 16, 1.01), cell("recommended", 16, 1.8), cell("ambient", 1, 9.0)]
    lines = list(verdicts({"cells": cells, "gemm": 1e13}))
    assert lines == [
        "ambient / dsm at batch 16: 1.01 (aim: at most 1.02, met)",
        "recommended / ambient at batch 16: 1.78 (aim: at most 1.7, missed)",
        "largest share of the matmul rate: 64.0 % (aim: at least 45 %, met)",
    ]


def test_the_command_ends_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = f"--tiny --methods ambient --batches 1 --checkpointing True --repetitions 1 --output {tmp_path}"
    monkeypatch.setattr("sys.argv", ["benchmark", *command.split()])
    assert main() == 0
    table = (tmp_path / "table.md").read_text()
    assert "| ambient | 1 | yes |" in table
    assert "aim" not in table  # they are a GPU's


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="--methods magic"):
        bench.run(SdxlBenchmark(tiny=True, methods=("magic",)))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="needs a GPU; --tiny"):
            bench.run(SdxlBenchmark())
