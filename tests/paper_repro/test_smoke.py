"""All twenty-one artefacts at scale smoke: made, each verdict derived from its figures, resumed for nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from paper_repro.__main__ import main
from paper_repro.registry.artefacts import ARTEFACTS
from paper_repro.report import results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper_repro")
    assert main(["all", "--scale", "smoke", "--output", str(folder)]) == 0
    return folder


def test_all_are_made_with_the_papers_figures_a_test_and_whole_pictures(output: Path) -> None:
    for artefact in ARTEFACTS:
        made = results.read(results.folder_of(output, artefact.name, "smoke"))
        assert made is not None
        assert made.finding.tests
        assert made.finding.surrogates, artefact.name  # nothing at this scale is what the paper used
        assert any("paper" in " ".join((table.title, *table.head)) for table in made.finding.tables) or (
            artefact.name in WITHOUT_FIGURES
        ), artefact.name
        for picture in made.finding.pictures:
            assert (made.folder / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        if "Figure" in artefact.number:
            assert made.finding.pictures, artefact.name


WITHOUT_FIGURES = {f"p1-figure{i}" for i in (1, 2, 3, 5, 8, 9, 10)}
"""Pictures and histograms of which the paper gives no figure."""


def test_one_split_of_untrained_models_decides_no_claim_about_trained_ones(output: Path) -> None:
    for path in output.glob("results/smoke/*/result.json"):
        saved = json.loads(path.read_text())
        assert saved["verdict"] == "cannot be tested at this scale", saved["name"]
        assert all(test["why"] for test in saved["tests"])


def test_the_page_shows_all_with_command_and_commit(output: Path) -> None:
    page = (output / "RESULTS.md").read_text()
    for artefact in ARTEFACTS:
        assert f"## {artefact.paper} {artefact.number}: " in page
        assert f"python -m paper_repro {artefact.name} --scale smoke" in page
    pictures = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert pictures
    assert all((output / picture).is_file() for picture in pictures)


def test_what_is_made_is_kept(output: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in (output / "results").rglob("*") if path.is_file()}
    start = time.process_time()
    assert main(["all", "--scale", "smoke", "--output", str(output)]) == 0
    assert time.process_time() - start < 5
    assert {path: path.stat().st_mtime_ns for path in (output / "results").rglob("*") if path.is_file()} == files


def test_products_are_shared(output: Path) -> None:
    kinds = [path.name.rsplit("-", 1)[0] for path in (output / "products").iterdir()]
    assert kinds.count("lora-ambient-500") == 1  # P1's Table 1, Figures 4, 6, 7, 8, 10 and 11
    assert kinds.count("toy-digits") == 1  # all of P2's models, and those that stand for SDXL
