from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.commands.restore import Restore, run
from ambient.commands.source import Source
from ambient.models import Model
from ambient.runs.pictures import read_image, save_png
from ambient.runs.results import read_results


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of 8x8 images, and three images."""
    root = tmp_path_factory.mktemp("measured")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model("small", 1, 8, sigma_data=0.5)
    model.save_pretrained(root / "model")
    for i in range(3):
        picture = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(i)) * 2 - 1
        save_png(root / "images" / f"{i}.png", picture)
    return root / "model", root / "images"


def options(folders: tuple[Path, Path], output: Path, **changed: object) -> Restore:
    model, images = folders
    found = Restore(
        **{"model": str(model), "source": Source(str(images)), "output": output, "samples": 2, "steps": 3, **changed}  # type: ignore[arg-type]
    )
    found.check()
    return found


@pytest.mark.parametrize("guidance", ["mmps", "pigdm", "proximal", "dps"])
def test_simulated_measurements_are_restored_and_judged(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], guidance: str
) -> None:
    given = options(folders, tmp_path / "out", task="inpainting:0.5", simulate=True, guidance=guidance, noise="0.05")
    run(given)
    told = capsys.readouterr().out
    assert "PSNR of the mean of 2" in told
    found = read_results(tmp_path / "out" / "psnr.json", "psnr")["psnr"]
    mean, clean = (
        torch.stack([read_image(f / f"{i}.png") for i in range(3)]) for f in (tmp_path / "out" / "mean", folders[1])
    )
    psnr = (10 * (4 / (mean - clean).square().flatten(1).mean(1)).log10()).mean()
    assert found["mean"] == pytest.approx(float(psnr))
    run(given)
    assert "3 of 3 images are restored already" in capsys.readouterr().out


def test_measured_files_are_taken_as_they_are(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Small files become images of the model's size, whose means of blocks they are."""
    for i in range(2):
        save_png(tmp_path / "small" / f"{i}.png", torch.full((1, 4, 4), 0.5 - i))
    small = (folders[0], tmp_path / "small")
    run(
        options(small, tmp_path / "out", task="downsample:2", guidance="proximal", format="npy", steps=8, noise="0.001")
    )
    for i in range(2):
        sample = read_image(tmp_path / "out" / "sample-1" / f"{i}.npy")
        assert sample.shape == (1, 8, 8)
        assert (
            float((torch.nn.functional.avg_pool2d(sample, 2) - read_image(tmp_path / "small" / f"{i}.png")).abs().max())
            < 0.02
        )


def test_a_picture_says_what_is_missing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    mask = torch.ones(1, 8, 8)
    mask[:, 2:5, 3:6] = -1
    save_png(tmp_path / "mask.png", mask)
    task = f"inpainting:{tmp_path / 'mask.png'}"
    run(options(folders, tmp_path / "out", task=task, guidance="proximal", format="npy", steps=8, noise="0.001"))
    sample, image = read_image(tmp_path / "out" / "sample-2" / "1.npy"), read_image(folders[1] / "1.png")
    assert float(((sample - image) * (mask > 0)).abs().max()) < 0.02


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"task": "sharpen:2"}, "is no task"),
        ({"task": "inpainting:0.5"}, "which pixels are missing"),
        ({"task": "blur:1", "noise": "estimate"}, "--task takes one --noise SIGMA"),
        ({"task": "blur:1", "samples": 1}, "--samples 1: at least 2"),
        ({"task": "blur:1", "steps": 1}, "--steps 1: at least 2"),
        ({"task": "blur:1", "guidance": "dps", "zeta": 0.0}, "--zeta 0: must be above 0"),
        ({"simulate": True}, "name what was done by --task"),
        ({"task": "downsample:2"}, "asks for a model of 16x16, and this one makes 8x8"),
        ({"task": "blur:4", "simulate": True}, "a blur of 4 pixels reaches 25, and the images have 8"),
        ({"task": "inpainting:none.png"}, "there is no file none.png"),
    ],
)
def test_misuses(folders: tuple[Path, Path], tmp_path: Path, changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        run(options(folders, tmp_path / "out", **changed))
