"""Making artefacts: kept, and made again where they are damaged; one cheap artefact from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ambient.runs.results import read_results
from paper_repro.__main__ import main
from paper_repro.report import results


def test_an_artefact_is_made_kept_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["p2-figure4", "--scale", "smoke", "--output", str(tmp_path)]
    assert main(arguments) == 0
    folder = results.folder_of(tmp_path, "p2-figure4", "smoke")
    made = results.read(folder)
    assert made is not None
    assert made.finding.verdict == "cannot be tested at this scale"
    assert (folder / "samples-digits.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    time = (folder / "result.json").stat().st_mtime_ns

    assert main(arguments) == 0
    assert (folder / "result.json").stat().st_mtime_ns == time

    capsys.readouterr()
    (folder / "samples-digits.png").unlink()
    assert main(arguments) == 0
    assert "samples-digits.png is not there; it is made again" in capsys.readouterr().err
    (folder / "result.json").write_text("{")
    (metrics,) = tmp_path.glob("products/*/cells/dsm-*/metrics.json")
    whole = read_results(metrics)
    metrics.write_text(metrics.read_text().replace('"s95": 0.', '"s95": 1.'))
    assert main(arguments) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "result.json is damaged" in said
    assert f"{metrics} is damaged; it is made again" in said
    assert read_results(metrics) == whole
    again = results.read(folder)
    assert again is not None
    assert again.finding == made.finding


def test_a_result_is_kept_where_data_were_moved_and_not_where_they_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "cifar"
    data.mkdir()
    (data / "batch").write_bytes(b"images")

    def made(place: Path) -> tuple[int, str]:
        arguments = ["p2-figure4", "--scale", "smoke", "--output", str(tmp_path / "out"), "--cifar10", str(place)]
        assert main(arguments) == 0
        path = results.folder_of(tmp_path / "out", "p2-figure4", "smoke") / "result.json"
        return path.stat().st_mtime_ns, capsys.readouterr().err

    first, said = made(data)
    assert "is made again" not in said
    assert made(data.rename(tmp_path / "moved")) == (first, said)
    (tmp_path / "moved" / "batch").write_bytes(b"others")
    (tmp_path / "moved").rename(data.with_name("again"))
    second, said = made(data.with_name("again"))
    assert second > first
    assert "holds a result of other options; it is made again" in " ".join(said.split())
