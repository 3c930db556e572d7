"""Captions and images that do not belong together: each is named, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambient.data.images import CaptionOptions, DataSetError, Pair, units
from ambient.data.images.validation import UnusableError
from tests.ambient.data.images import make


def _pairs(source: Path, **options: object) -> list[Pair]:
    found = units(str(source), 9, CaptionOptions(**options))  # type: ignore[arg-type]
    return [pair for unit in found for pair in unit.pairs()]


def _set(path: Path, files: dict[str, bytes], images: int = 2) -> Path:
    return make.folder(path / "set", make.good_files(images) | files)


BAD = {
    "a number": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "text": 7}'},
        r"metadata\.jsonl line 1: the caption is 7, not a text; choose another --caption-column",
    ),
    "an object": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "text": {}}'},
        "the caption is an object, not a text",
    ),
    "a list of numbers": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "text": [1]}'},
        "the caption is 1, not a text",
    ),
    "half a character": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "text": "\\ud83d"}'},
        "the caption holds half a character",
    ),
    "another field": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "caption": "a"}'},
        r'has no captions under "text"; choose the field with --caption-column from file_name, caption',
    ),
    "an image that is not there": (
        {"metadata.jsonl": b'{"file_name": "gone.png", "text": "a"}'},
        r"line 1 names gone\.png, which is not among the images",
    ),
    "an image outside": (
        {"metadata.jsonl": b'{"file_name": "../good0.png", "text": "a"}'},
        r"names \.\./good0\.png, which is not among the images",
    ),
    "an image twice": (
        {"metadata.jsonl": b'{"file_name": "good0.png", "text": "a"}\n' * 2},
        r"line 2 names good0\.png a second time",
    ),
    "an image twice, spelt otherwise": (
        {"metadata.csv": b"file_name,text\ngood0.png,a\n./good0.png,b\n"},
        r"line 3 names \./good0\.png a second time",
    ),
    "an image in two tables": (
        {"metadata.jsonl": make.captions("good0.png"), "captions.jsonl": make.captions("good0.png")},
        "a second time",
    ),
    "no name": ({"metadata.jsonl": b'{"text": "a"}'}, 'line 1: not a JSON object with "file_name"'),
    "a list": ({"metadata.jsonl": b"[1]"}, 'line 1: not a JSON object with "file_name"'),
    "latin-1": ({"metadata.csv": b"file_name,text\ngood0.png,caf\xe9\n"}, r"metadata\.csv: byte 0xe9 is not UTF-8"),
    "a comma without quotes": (
        {"metadata.csv": b"file_name,text\ngood0.png,a cat, and a dog\n"},
        r"metadata\.csv line 2: 3 fields, and 2 in the first line; quote texts with commas",
    ),
    "semicolons": (
        {"metadata.csv": b"file_name;text\ngood0.png;a\n"},
        r"its first line must name file_name and captions, with commas between: file_name;text",
    ),
    "quotes without end": ({"metadata.csv": b'file_name,text\ngood0.png,"a\n'}, r"metadata\.csv line \d: not CSV"),
    "an endless field": (
        {"metadata.csv": b"file_name,text\ngood0.png," + b"x" * 200_000},
        r"metadata\.csv line 2: not CSV \(field larger",
    ),
    "a .txt in latin-1": ({"good0.txt": b"caf\xe9"}, r"good0\.txt is no caption \(byte 0xe9 is not UTF-8"),
    "a .json that is none": ({"good0.json": b"{"}, r"good0\.json is not a JSON object"),
    "a .json that is a list": ({"good0.json": b"[]"}, r"good0\.json is not a JSON object"),
    "a damaged parquet": ({"metadata.parquet": b"PAR1 and nothing"}, r"metadata\.parquet: not a whole parquet file"),
}


@pytest.mark.parametrize("name", BAD)
def test_captions_that_cannot_be_used_are_named(name: str, tmp_path: Path) -> None:
    files, message = BAD[name]
    with pytest.raises(DataSetError, match=message) as refusal:
        _pairs(_set(tmp_path, files))
    assert "\n" not in str(refusal.value)


@pytest.mark.filterwarnings("ignore:.*left out 1 text beside the images")
def test_no_caption_for_any_image_is_an_error_unless_that_is_meant(tmp_path: Path) -> None:
    source = _set(tmp_path, {"README.txt": b"not a caption"})
    with pytest.raises(
        DataSetError, match=r"has no captions: looked for .*; --captions names a file, --caption gives all"
    ):
        _pairs(source)
    with pytest.raises(DataSetError, match="has no captions"):
        _pairs(_set(tmp_path, {"good0.txt": b" \n", "good1.txt": b""}))
    assert [pair.caption for pair in _pairs(source, caption="")] == ["", ""]
    with pytest.warns(UserWarning, match="2 of 2 images have no caption and get the null caption"):
        assert [pair.caption for pair in _pairs(source, without_caption="null")] == ["", ""]
    with (
        pytest.warns(UserWarning, match="2 of 2 images have no caption and are left out"),
        pytest.raises(DataSetError, match="has no images to use"),
    ):
        _pairs(source, without_caption="skip")


@pytest.mark.parametrize("empty", [{"text": None}, {"text": "  "}, {"text": []}, {}])
def test_an_image_without_its_caption_is_counted(empty: dict[str, object], tmp_path: Path) -> None:
    rows = [{"file_name": "good0.png", "text": "a"}, {"file_name": "good1.png"} | empty]
    source = _set(tmp_path, {"metadata.jsonl": make.jsonl(rows)})
    with pytest.raises(DataSetError, match=r"1 of 2 images of .* have no caption, such as good1\.png"):
        _pairs(source)
    with pytest.warns(UserWarning, match=r"1 of 2 images have no caption and are left out, such as good1\.png"):
        assert [(pair.index, pair.caption) for pair in _pairs(source, without_caption="skip")] == [(0, "a")]


@pytest.mark.filterwarnings("ignore:.*left out 1 text beside the images")
def test_a_table_wins_over_texts_and_says_so(tmp_path: Path) -> None:
    source = _set(tmp_path, {"metadata.jsonl": make.captions("good0.png", "good1.png"), "good0.txt": b"other"})
    with pytest.warns(
        UserWarning, match=r"captions are from metadata\.jsonl; 1 texts beside images are not read|unread"
    ):
        assert [pair.caption for pair in _pairs(source)] == ["of good0", "of good1"]


def test_the_order_of_texts_beside_an_image(tmp_path: Path) -> None:
    texts = {"good0.txt": b"txt", "good0.caption": b"caption", "good0.json": b'{"caption": "json"}'}
    for end in ("txt", "caption", "json"):
        assert _pairs(_set(tmp_path / end, texts, 1))[0].caption == end
        del texts[f"good0.{end}"]


def test_which_of_several_captions(tmp_path: Path) -> None:
    source = _set(tmp_path, {"good0.json": json.dumps({"caption": ["a", "b"]}).encode()}, 1)
    with pytest.raises(DataSetError, match=r"good0\.json has 2 caption\(s\), not number 2 \(which_caption\)"):
        _pairs(source, which_caption=2)
    with pytest.raises(ValueError, match="which_caption must be at least 0"):
        CaptionOptions(which_caption=-1)


def test_a_caption_of_several_lines_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"a caption of several lines is read as one \(1 of them\)"):
        assert _pairs(_set(tmp_path, {"good0.txt": b"a\nb\n"}, 1))[0].caption == "a\nb"


def test_images_of_unread_formats_stay_pairs_that_are_refused(tmp_path: Path) -> None:
    source = _set(tmp_path, {"photo.heic": b"x", "notes.docx": b"x", "good0.txt": b"a", "good1.txt": b"b"})
    with pytest.warns(UserWarning, match=r"left out 1 not an image: notes\.docx"):
        found = _pairs(source, caption="")
    assert [pair.name for pair in found] == ["good0.png", "good1.png", "photo.heic"]
    with pytest.raises(UnusableError, match=r"\.heic is not read; convert it to PNG"):
        found[2].pixels()
