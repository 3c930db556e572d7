"""What stands behind the names of models and data at each scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from paper_repro.backends import backend_of
from paper_repro.backends.pretrained import Pretrained
from paper_repro.backends.stand_ins import StandIns
from paper_repro.makers.attack import Attack
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.tune import Tune
from paper_repro.options import SCALES, Options
from paper_repro.report.claims import above, exact
from paper_repro.report.evidence import RANDOM, Evidence
from paper_repro.report.tables import Table

SHOWN = Evidence((Table("sdxl", ("",), ()),), (above("of SDXL", exact(2.0), 1.0),))
ON_DIGITS = Evidence((Table("digits", ("",), ()),), (above("of digits", exact(0.0), 1.0),))


def test_a_scale_decides_the_backend() -> None:
    kinds = [type(backend_of(Options(scale=scale))) for scale in SCALES]
    assert kinds == [StandIns, StandIns, Pretrained, Pretrained]


def test_small_models_carry_the_claim_where_the_pipeline_has_random_weights() -> None:
    backend = backend_of(Options(scale="cpu"))
    found = backend.evidence(lambda: SHOWN, lambda: ON_DIGITS, ("digits for SDXL",))
    assert [table.title for table in found.tables] == ["sdxl", "digits"]
    assert [test.claim for test in found.tests] == ["of digits"]
    assert found.surrogates == ("digits for SDXL",)


def test_without_small_models_nothing_is_decided_by_random_weights() -> None:
    (test,) = backend_of(Options(scale="cpu")).evidence(lambda: SHOWN, None, ("random for SDXL",)).tests
    assert (test.claim, test.outcome, test.why) == ("of SDXL", "cannot be tested at this scale", RANDOM)


def test_pretrained_models_carry_the_claim_themselves() -> None:
    def never() -> Evidence:
        raise AssertionError

    assert backend_of(Options(scale="gpu")).evidence(lambda: SHOWN, never, ("digits for SDXL",)) is SHOWN


def test_where_one_data_set_stands_for_all_models_are_shared() -> None:
    asked, stand_ins = [Attack("noise", "laion", (Tune("laion", "dsm"),))], [StandIn("dsm")]
    small = backend_of(Options(scale="cpu")).products(asked, stand_ins)
    assert Tune("ffhq", "dsm") in small
    assert stand_ins[0] in small
    large = backend_of(Options(scale="gpu")).products(asked, stand_ins)
    assert Tune("laion", "dsm") in large
    assert stand_ins[0] not in large


def test_the_digits_are_written_once(tmp_path: Path) -> None:
    backend = backend_of(Options(output=tmp_path))
    source, title = backend.source("laion")
    assert title == "handwritten digits as 64x64 pictures"
    files = sorted(Path(source.data).glob("*.png"))
    assert len(files) == 12
    times = [file.stat().st_mtime_ns for file in files]
    assert backend.source("xrays") == (source, title)
    assert [file.stat().st_mtime_ns for file in files] == times


def test_p1s_code_takes_the_first_images_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "faces"
    data.mkdir()
    for i in range(5):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(data / f"{i}.png")
    options = Options(scale="paper", p1_recipe="code", ffhq=str(data), output=tmp_path / "out")
    backend = backend_of(options)
    assert backend.sizes.images == 3000
    monkeypatch.setattr(backend, "sizes", backend_of(Options(scale="smoke")).sizes.__class__(
        **{**vars(backend.sizes), "images": 3}
    ))  # fmt: skip
    source, _ = backend.source("ffhq")
    assert len(list(Path(source.data).glob("*.png"))) == 3
    everything, _ = backend_of(Options(scale="paper", ffhq=str(data))).source("ffhq")
    assert everything.data == str(data)
