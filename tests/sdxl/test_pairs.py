from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from ambient.data.images import DataSetError
from sdxl.pairs import Pair, Source, units
from tests.sdxl.conftest import CAPTIONS, make_pictures


def _pairs(source: Source, size: int = 7) -> list[Pair]:
    return [pair for unit in units(source, size) for pair in unit.pairs()]


def _tar(path: Path, rows: list[tuple[str, dict[str, bytes]]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for key, files in rows:
            for suffix, content in files.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def shards(pictures: Path, tmp_path: Path) -> Path:
    """The pictures as three WebDataset shards."""
    files = sorted(pictures.glob("*.png"))
    folder = tmp_path / "shards"
    folder.mkdir()
    for s in range(3):
        rows = []
        for i, file in list(enumerate(files))[s::3]:
            text = CAPTIONS[i % 4]
            caption = {"txt": text.encode()} if i % 2 else {"json": json.dumps({"caption": text}).encode()}
            rows.append((f"some/{file.stem}", {"png": file.read_bytes(), **caption}))
        _tar(folder / f"{s:03d}.tar", rows)
    return folder


def test_a_folder_and_a_zip_give_the_same_pairs(pictures: Path, tmp_path: Path) -> None:
    inside = tmp_path / "inside.zip"
    beside = tmp_path / "beside" / "pictures.zip"
    beside.parent.mkdir()
    for path in (inside, beside):
        with zipfile.ZipFile(path, "w") as file:
            for picture in sorted(pictures.glob("*.png")):
                file.write(picture, picture.name)
            if path is inside:
                file.write(pictures / "metadata.jsonl", "metadata.jsonl")
    (beside.parent / "captions.jsonl").write_text(
        (pictures / "metadata.jsonl").read_text().replace("file_name", "file")
    )
    expected = [(i, f"{i:03d}.png", CAPTIONS[i % 4], (pictures / f"{i:03d}.png").read_bytes()) for i in range(20)]
    for source in (pictures, inside, beside, beside.parent):
        found = _pairs(Source(str(source)))
        assert [(p.index, p.name, p.caption, p.content()) for p in found] == expected
    assert [len(list(unit.pairs())) for unit in units(Source(str(pictures)), 7)] == [7, 7, 6]


def test_webdataset_shards_are_streamed_and_their_indices_stay(shards: Path, pictures: Path) -> None:
    for data in (str(shards), str(shards / "{000..002}.tar")):
        found = _pairs(Source(data))
        assert len({pair.index for pair in found}) == 20
        assert [pair.index >> 32 for pair in found] == [0] * 7 + [1] * 7 + [2] * 6
        for pair in found:
            name = pair.name.split("/")[-1]
            assert pair.content() == (pictures / f"{name}.png").read_bytes()
            assert pair.caption == CAPTIONS[int(name) % 4]
    one = _pairs(Source(str(shards / "001.tar")))
    assert [pair.name for pair in one] == [pair.name for pair in _pairs(Source(str(shards)))[7:14]]


def test_a_hugging_face_data_set(pictures: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra 'data'")
    files = sorted(pictures.glob("*.png"))
    images = [{"bytes": file.read_bytes(), "path": None} for file in files]
    features = datasets.Features({"picture": datasets.Image(), "words": datasets.Value("string")})
    texts = [CAPTIONS[i % 4] if i != 3 else None for i in range(20)]
    datasets.Dataset.from_dict({"picture": images, "words": texts}, features=features).save_to_disk(tmp_path / "saved")
    source = Source(str(tmp_path / "saved"), caption_column="words", without_caption="null")
    with pytest.warns(UserWarning, match="1 of 20 images have no caption .* such as row 3"):
        found = _pairs(source)
    assert [pair.content() for pair in found] == [file.read_bytes() for file in files]
    assert [pair.caption for pair in found] == [text or "" for text in texts]
    with pytest.raises(DataSetError, match="has no column text; choose --caption-column from picture, words"):
        _pairs(Source(str(tmp_path / "saved")))
    with pytest.raises(DataSetError, match="give its commit"):
        _pairs(Source("someone/something"))


def test_images_without_captions(pictures: Path, tmp_path: Path) -> None:
    folder = make_pictures(tmp_path / "some", 6, captions=False)
    with pytest.raises(DataSetError, match=r"some has no captions: .*--without-caption null means none"):
        _pairs(Source(str(folder)))
    with pytest.warns(UserWarning, match="6 of 6 images have no caption and get the null caption, such as 000.png"):
        bare = _pairs(Source(str(folder), without_caption="null"))
    assert [pair.caption for pair in bare] == [""] * 6
    assert [pair.caption for pair in _pairs(Source(str(folder), caption="a face"))] == ["a face"] * 6
    rows = [{"file_name": f"00{i}.png", "text": "yes" if i % 2 else None} for i in range(6)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataSetError, match=r"3 of 6 images of .* have no caption, such as 000\.png"):
        _pairs(Source(str(folder)))
    with pytest.warns(UserWarning, match="3 of 6 images have no caption and get the null caption"):
        null = _pairs(Source(str(folder), without_caption="null"))
    assert [(pair.index, pair.caption) for pair in null] == [(i, "yes" if i % 2 else "") for i in range(6)]
    with pytest.warns(UserWarning, match="3 of 6 images have no caption and are left out"):
        skipped = _pairs(Source(str(folder), without_caption="skip"))
    assert [pair.index for pair in skipped] == [1, 3, 5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file_name": "nope.png", "text": "x"}', r"line 2 names nope\.png, which is not among the images"),
        ('{"file_name": "000.png", "text": "x"}', r"line 2 names 000\.png a second time"),
        ("not json", r'line 2: not a JSON object with "file_name" or "file"'),
        ('{"name": "001.png"}', r'line 2: not a JSON object with "file_name" or "file"'),
    ],
)
def test_captions_and_images_that_do_not_match(tmp_path: Path, line: str, message: str) -> None:
    folder = make_pictures(tmp_path / "some", 3, captions=False)
    (folder / "metadata.jsonl").write_text('{"file_name": "000.png", "text": "x"}\n' + line + "\n")
    with pytest.raises(DataSetError, match=message):
        _pairs(Source(str(folder)))


def test_shards_that_cannot_be_read(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"003\.tar: no such shard"):
        _pairs(Source(str(shards / "{000..003}.tar")))
    cut = shards / "001.tar"
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(DataSetError, match=r"001\.tar is not a whole tar file"):
        _pairs(Source(str(shards)))
    bare = _tar(tmp_path / "bare.tar", [("a", {"png": b"x"})])
    with pytest.raises(DataSetError, match=r"bare\.tar: \./?a has no caption|bare\.tar: a has no caption"):
        _pairs(Source(str(bare)))


def test_the_digest_sees_bytes_names_and_captions(pictures: Path, tmp_path: Path) -> None:
    def digest(**change: object) -> list[tuple[str, int]]:
        return [unit.digest() for unit in units(Source(**{"data": str(pictures), **change}), 20)]  # type: ignore[arg-type]

    whole = digest()
    assert whole[0][1] == 20
    assert digest() == whole
    assert digest(caption="other") != whole
    copy = make_pictures(tmp_path / "copy")
    assert digest(data=str(copy)) == whole
    file = copy / "007.png"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(bytes(content))
    assert digest(data=str(copy)) != whole
