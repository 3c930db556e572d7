from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from paper_repro.options import Options


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"what": ()}, "say what to make"),
        ({"what": ("list", "p1-table1")}, "list goes alone"),
        ({"what": ("p1-table1", "page")}, "page goes alone"),
        ({"processes": 0}, "--processes 0"),
        ({"seeds": (0, 0)}, "--seeds 0 0"),
        ({"seeds": (-1,)}, "--seeds -1"),
        ({"device": "gpu"}, "--device gpu"),
        ({"device": "cuda:"}, "--device cuda:"),
        ({"cifar10": "nothing/here.tar.gz"}, "--cifar10 nothing/here.tar.gz: no such"),
        ({"tiny_imagenet": "nothing.zip"}, "--tiny-imagenet nothing.zip: no such"),
        ({"inception": Path("nothing.pt")}, "--inception nothing.pt: no such"),
        ({"fid_reference": Path("nothing.npz")}, "--fid-reference nothing.npz: no such"),
        ({"laion": "./nothing"}, "--laion ./nothing: no such"),
        ({"xrays": "nothing"}, "--xrays nothing: no such"),
        ({"adopt": (Path("nothing"),)}, "--adopt nothing"),
        ({"output": Path(__file__)}, "is a file"),
    ],
)
def test_what_cannot_work_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        Options(**values).check()


def test_ids_and_shards_are_no_paths() -> None:
    Options(laion="owner/name", xrays="shards/{00..09}.tar", ffhq="owner/faces").check()


def test_what_a_scale_does_not_use_is_known() -> None:
    assert Options(scale="smoke", cifar10="a", p1_recipe="code").unused() == ["--cifar10", "--p1-recipe"]
    assert Options(scale="gpu", cifar10="a", p1_recipe="code").unused() == ["--p1-recipe"]
    assert Options(scale="paper", cifar10="a", p1_recipe="code").unused() == []
    assert Options(what=("all",), to=Path("there")).unused() == ["--to"]
    assert Options(what=("page",), to=Path("there")).unused() == []
    assert Options(seeds=(1,), processes=2, device="cuda", blocks=("digits",)).unused() == []


def test_identity_is_not_a_matter_of_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    spelt = [Options(cifar10=text).identity() for text in ("data", "./data", str(tmp_path / "data"))]
    assert spelt[0] == spelt[1] == spelt[2]
    assert Options(device="cuda", output=Path("x"), processes=3).identity() == Options().identity()
    assert Options(seeds=(1,)).identity() != Options().identity()


def test_the_command_names_what_differs_from_the_default() -> None:
    options = Options(scale="gpu", blocks=("cifar10",), cifar10="/my/place", device="cuda", download=True)
    wanted = "--blocks cifar10 --cifar10 CIFAR10 --download --device cuda"
    assert options.command("p2-table1") == f"python -m paper_repro p2-table1 --scale gpu {wanted}"
