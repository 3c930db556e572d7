from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from paper_repro.report.claims import above, exact
from paper_repro.report.evidence import Evidence
from paper_repro.report.pictures import Rows, histograms
from paper_repro.report.tables import Table

VALUES = torch.linspace(0, 1, 20)
TEST = above("a claim", exact(1.0), 0.5)


def _evidence(name: str, title: str) -> Evidence:
    panels = histograms(title, {"line": VALUES}, "similarity", "of both")
    return Evidence((Table(title, ("", "x"), (("row", "1"),)),), (TEST,), {name: panels})


def test_panels_of_one_name_stand_side_by_side(tmp_path: Path) -> None:
    alone = _evidence("histogram.png", "left")
    both = alone.followed_by(_evidence("histogram.png", "right"))
    assert alone.write(tmp_path / "alone").pictures == both.write(tmp_path / "both").pictures
    assert [table.title for table in both.tables] == ["left", "right"]
    widths = [Image.open(tmp_path / folder / "histogram.png").width for folder in ("alone", "both")]
    assert 1.8 < widths[1] / widths[0] < 2.2


def test_rows_of_images_of_one_name_would_hide_each_other() -> None:
    rows = Evidence((), (TEST,), {"rows.png": Rows({"a": torch.zeros(2, 1, 8, 8)}, "rows")})
    with pytest.raises(TypeError, match="same file name"):
        rows.followed_by(rows)
