"""The real loading code, on a tiny network saved with the real one's call signature."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambient.metrics.frechet import INCEPTION, FeatureStatistics, distance_name
from ambient.metrics.pretrained import Inception, PretrainedError, inception


class StandIn(torch.nn.Module):
    """Means and mean squares of each channel's bytes: six features whose values are known."""

    def forward(
        self, img: Tensor, use_fp16: bool = False, return_features: bool = False, no_output_bias: bool = False
    ) -> Tensor:
        assert img.dtype == torch.uint8
        assert img.shape[1] == 3
        assert return_features
        x = img.float()
        return torch.cat((x.mean((2, 3)), x.square().mean((2, 3))), dim=1)


@pytest.fixture
def network(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "inception-2015-12-05.pt"
    torch.jit.save(torch.jit.script(StandIn()), str(path))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_those_of_the_saved_bytes(network: tuple[Path, str], channels: int) -> None:
    pixels = torch.randint(0, 256, (7, channels, 5, 4), generator=torch.Generator().manual_seed(0))
    noise = 0.9 / 255 * (2 * torch.rand(pixels.shape, generator=torch.Generator().manual_seed(1)) - 1)
    features = Inception.load(*network, batch=3)((pixels / 127.5 - 1 + noise).clamp(-1.5, 1.5))
    values = pixels.double().expand(-1, 3, -1, -1)
    expected = torch.cat((values.mean((2, 3)), values.square().mean((2, 3))), dim=1)
    torch.testing.assert_close(features.double(), expected, rtol=1e-6, atol=0)


def test_only_the_real_network_gives_fid(network: tuple[Path, str]) -> None:
    path, sha256 = network
    stand_in = Inception.load(path, sha256)
    assert distance_name(stand_in.name) == f"Fréchet distance on network {sha256[:12]}"
    images = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    statistics = FeatureStatistics.of_images(images.split(4), stand_in)
    assert statistics.count == 6
    assert statistics.frechet_distance(statistics) == pytest.approx(0, abs=1e-6)
    real = FeatureStatistics(6, statistics.mean, statistics.scatter, INCEPTION)
    with pytest.raises(ValueError, match="do not go together"):
        statistics.frechet_distance(real)


def test_a_wrong_checksum_names_both_sums_and_the_way_out(network: tuple[Path, str]) -> None:
    path, sha256 = network
    expected = rf"inception-2015-12-05\.pt has the SHA-256 {sha256}, not {inception.INCEPTION_SHA256}; delete it and "
    with pytest.raises(PretrainedError, match=expected) as refusal:
        Inception.load(path)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match=r"cannot read .*net\.pt: No such file or directory; download it"):
        Inception.load(tmp_path / "net.pt")


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(b"text")
    with pytest.raises(PretrainedError, match=r"net\.pt is not a TorchScript network") as refusal:
        Inception.load(path, hashlib.sha256(b"text").hexdigest())
    assert "\n" not in str(refusal.value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server that offers the files in tmp_path."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()


def test_a_download_is_verified_and_kept(
    network: tuple[Path, str], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sha256 = network
    cache = tmp_path / "cache"
    monkeypatch.setattr(inception, "INCEPTION_URL", f"{server}/{path.name}")
    with pytest.raises(PretrainedError, match=rf"cannot download {server}/.*invalid hash.*and give its path"):
        Inception.download(cache)
    assert list(cache.iterdir()) == []
    monkeypatch.setattr(inception, "INCEPTION_SHA256", sha256)
    monkeypatch.setattr(Inception.load.__func__, "__defaults__", (sha256, "cpu", 64))
    images = torch.zeros(2, 3, 4, 4)
    features = Inception.download(cache)(images)
    path.unlink()
    assert torch.equal(Inception.download(cache)(images), features)


def test_no_connection_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "INCEPTION_URL", "http://127.0.0.1:1/net.pt")
    expected = r"cannot download http://127\.0\.0\.1:1/net\.pt \(.*refused.*\); download it where there is a connection"
    with pytest.raises(PretrainedError, match=expected):
        Inception.download(tmp_path)
