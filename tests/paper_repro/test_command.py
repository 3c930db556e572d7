"""Lists, plans, and what stops a run at the scales of the papers."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper_repro import needs, plan
from paper_repro.__main__ import main
from paper_repro.options import Options
from paper_repro.products import Images, Latents, Models, Tune, closure
from paper_repro.registry import ARTEFACTS, find
from paper_repro.sizes import blocks, sdxl_ratio, sdxl_sizes


def _error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


def test_there_are_twenty_one_in_the_papers_order() -> None:
    parts = (("p1-table", 1), ("p1-figure", 11), ("p2-table", 3), ("p2-figure", 6))
    wanted = [f"{part}{i}" for part, count in parts for i in range(1, count + 1)]
    assert [artefact.name for artefact in ARTEFACTS] == wanted


def test_the_list_shows_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--output", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert all(artefact.name in shown for artefact in ARTEFACTS)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda a: a.name)
@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_each_stops_at_the_data_that_are_missing_and_says_where_to_get_them(
    artefact: object, scale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = artefact.name  # type: ignore[attr-defined]
    error = _error([name, "--scale", scale, "--output", str(tmp_path)], capsys)
    first = needs.needs(find([name]), Options(scale=scale))[0]  # type: ignore[arg-type]
    assert first.name in error
    assert first.where in error
    assert first.option in error


def test_then_at_weights_then_at_the_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces, weights = tmp_path / "faces", tmp_path / "weights"
    faces.mkdir()
    weights.mkdir()
    base = ["p1-table1", "--scale", "paper", "--ffhq", str(faces), "--output", str(tmp_path / "out")]
    error = _error([*base, "--sdxl", "nobody/no-such-model"], capsys)
    assert "SDXL is not at nobody/no-such-model, nor in the local Hugging Face cache" in error
    assert "--download" in error
    assert "needs a CUDA GPU" in _error([*base, "--sdxl", str(weights)], capsys)


def test_a_dry_run_of_everything_plans_the_papers_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["all", "--scale", "paper", "--dry-run", "--output", str(tmp_path / "none")]) == 0
    shown = capsys.readouterr().out
    assert "GPU hours" in shown
    assert not (tmp_path / "none").exists()
    options = Options(scale="paper")
    products = closure(tuple(p for a in ARTEFACTS for p in a.needs(False)))
    jobs = {job.title: job for job in plan.jobs(products, options)}
    assert jobs["LoRA ambient-500 on ffhq"].trained == 200_000 * 16  # P1, appendix B
    assert jobs["LoRA consistency-500 on ffhq"].updates == 50_000
    cifar = next(job for title, job in jobs.items() if "models of cifar10" in title)
    assert cifar.trained == 3 * 7 * 30_000 * 256  # three sizes, DDPM and six levels


def test_where_paper_and_code_differ_both_can_be_named() -> None:
    paper, code = Options(scale="paper"), Options(scale="paper", p1_recipe="code", p2_budget="code")
    assert (sdxl_sizes(paper).learning_rate, sdxl_sizes(paper).batch, sdxl_sizes(paper).images) == (1e-5, 16, None)
    assert (sdxl_sizes(code).learning_rate, sdxl_sizes(code).batch, sdxl_sizes(code).images) == (1e-4, 2, 3000)
    seen = [blocks(o, ("cifar10",))[0].settings for o in (paper, code)]
    assert seen[0]["steps"] * seen[0]["batch"] == 7_680_000
    assert 30_000_000 <= seen[1]["steps"] * seen[1]["batch"] < 30_000_256


def test_products_come_after_what_they_require() -> None:
    tune = Tune("ffhq", "consistency", 500)
    found = closure((Images(tune, "null"),))
    assert found == [
        Latents("ffhq", 500),
        Tune("ffhq", "ambient", 500),
        tune,
        Images(tune, "null"),
    ]


def test_the_levels_are_the_papers() -> None:
    # P1, section 4.2: sigma_tn of t_n = 100, 500 and 800, which is sigma of alpha^2 + sigma^2 = 1.
    for step, sigma in ((100, 0.325), (500, 0.850), (800, 0.981)):
        ratio = sdxl_ratio(step)
        assert abs(ratio / (1 + ratio**2) ** 0.5 - sigma) < 2e-3


def test_what_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no artefact p3-table1" in _error(["p3-table1"], capsys)
    assert "nothing has been made" in _error(["page", "--output", str(tmp_path)], capsys)
    assert "--adopt" in _error(["p2-table1", "--adopt", str(tmp_path)], capsys)
    damaged = tmp_path / "results" / "smoke" / "p1-table1" / "result.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    assert str(damaged) in _error(["page", "--output", str(tmp_path)], capsys)


def test_only_the_blocks_that_are_asked_for() -> None:
    product = next(p for p in find(["p2-table1"])[0].products if isinstance(p, Models))
    assert [b.data for b in blocks(Options(scale="paper", blocks=("cifar10",)), product.blocks)] == ["cifar10"]
    assert [b.data for b in blocks(Options(scale="cpu"), product.blocks)] == ["digits"]
    assert [b.data for b in blocks(Options(scale="cpu", cifar10="here"), product.blocks)] == ["digits", "cifar10"]
