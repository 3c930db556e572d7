"""The page: whole in itself, its names escaped, and sound in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ambient.audit import Audit, audit
from ambient.audit.page import histogram, render
from ambient.audit.saving import save
from tests.ambient.audit.make import digits, planted, write_folder

HOSTILE = "<script>alert(1)</script>" + "very-long-name-without-a-break" * 3


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    images, folder = digits(), tmp_path_factory.mktemp("samples")
    name = HOSTILE.replace("/", "")
    write_folder(folder / name, planted(images[:150], images[200:300], 0.2, "exact"), name)
    return audit(folder / name, images[:150], images[400:500])


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_needs_nothing_else_and_escapes_names(found: Audit) -> None:
    page = render(found)
    tags = Tags(page).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "link", "iframe", "object"})
    sources = [attributes["src"] or "" for tag, attributes in tags if tag == "img"]
    assert len(sources) == 2 * len(found.pairs) == 48
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "&lt;script&gt;alert(1)&lt;script&gt;" in page
    assert "prefers-color-scheme: dark" in page


def test_it_says_what_the_record_says(found: Audit) -> None:
    text = Tags(render(found)).text.replace("\N{NO-BREAK SPACE}", " ")
    for measure in found.measures:
        assert measure.title in text
        assert f"{100 * measure.value.value:.1f} %" in text or not measure.percent
    assert f"{100 * found.copies.value:.1f} %" in text
    assert "When it misleads." in text
    assert text.count("When it misleads.") == 1 + len({m.key for m in found.measures})
    assert "False" not in text
    assert "None" not in text


def test_the_histogram_is_of_shares(found: Audit) -> None:
    bars = histogram(found)
    ours, theirs = (torch.tensor([getattr(bar, name) for bar in bars]).square() for name in ("samples", "originals"))
    assert float(ours.sum() / theirs.sum()) == pytest.approx(1)
    counts = np.histogram(found.ratios.numpy(), len(bars), (0, 1))[0]
    assert (ours / ours.sum()).tolist() == pytest.approx((counts / counts.sum()).tolist(), abs=1e-6)


def test_three_files_are_written(found: Audit, tmp_path: Path) -> None:
    save(found, tmp_path / "new" / "folder")
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [
        "audit.html",
        "audit.json",
        "nearest.png",
    ]
    record = json.loads((tmp_path / "new" / "folder" / "audit.json").read_text())
    assert record["copies"]["low"] <= 0.2 <= record["copies"]["high"]
    assert len(record["flagged"]) == record["copies"]["positive"]
    with Image.open(tmp_path / "new" / "folder" / "nearest.png") as picture:
        assert picture.width == 12 * 68 + 4
        assert picture.height == 2 * (2 * 68 + 4) + 4


PROBE = """<script>addEventListener("load", () => {
  const images = [...document.images], right = e => e.getBoundingClientRect().right;
  parent.document.body.dataset.found = JSON.stringify({
    images: images.length, loaded: images.filter(i => i.complete && i.naturalWidth > 0).length,
    inside: innerWidth, wide: document.documentElement.scrollWidth,
    outside: [...document.querySelectorAll("body *")].filter(e => right(e) > innerWidth + 1).length,
  });
});</script>"""


@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(found: Audit, tmp_path: Path, width: int) -> None:
    """All images load and nothing is wider than the window. The window is a frame: browsers have a smallest width."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("needs chromium on the PATH")
    page = render(found).replace("</body>", PROBE + "</body>")
    escaped = page.replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<!doctype html><body><iframe style="width:{width}px;height:800px;border:0" srcdoc="{escaped}"></iframe>'
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    arguments = [browser, *flags, profile, "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/frame.html"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    (data,) = (attributes["data-found"] for tag, attributes in Tags(done.stdout).tags if tag == "body")
    seen = json.loads(data or "")
    assert seen["images"] == seen["loaded"] == 48
    assert seen["inside"] == width
    assert seen["wide"] <= width
    assert seen["outside"] == 0
